// See optimizer.h. Memory is the limit (an AdamW step moves 28 bytes per parameter), so: one pass, every stream prefetched a kilobyte ahead, one contiguous share per thread.
#include "optimizer.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace accelerate_ts {

/// The longest list of arrays that a rule walks over.
constexpr size_t max_streams = 5;

/// How many elements ahead streams are fetched; measured best between 128 and 1024 on Zen 5.
#define ACCELERATE_PREFETCH 256

#define ACCELERATE_LOOPS "optimizer_loops.h"
#include "each_isa.h"

namespace {

constexpr size_t line = 16;            // elements per 64 bytes: shares begin on cache lines of the arena
constexpr size_t grain = 64 * 1024;    // elements below which another thread costs more than it saves

/// Whether a number that is multiplied by nothing gives nothing.
bool finite(float x) { return std::isfinite(x); }
bool none(const float* gradient) { return gradient == no_gradient || gradient == no_state; }

/// Calls body(range, offset, length) for the pieces of the ranges that one thread owns; the threads' shares are equal, in order and disjoint.
template <typename Body> void for_shares(const OptimizerRange* ranges, size_t count, const Parallel& parallel, const Body& body) {
  size_t total = 0;
  for (size_t r = 0; r < count; r++) total += ranges[r].length;
  parallel.ranges(total, grain, line, [&](size_t begin, size_t end) {
    size_t start = 0;  // place of the range in the concatenation of all ranges
    for (size_t r = 0; r < count && start < end; start += ranges[r].length, r++) {
      const size_t from = std::max(begin, start), to = std::min(end, start + ranges[r].length);
      if (from < to) body(ranges[r], ranges[r].offset + (from - start), to - from);
    }
  });
}

/// Runs the loops of the given instruction set.
#if ACCELERATE_X86
#define ACCELERATE_APPLY(isa, Rule, streams, length, constants)                                             \
  ((isa) == Isa::avx512 ? avx512::apply<avx512::Rule>(streams, length, constants)                           \
   : (isa) == Isa::avx2 ? avx2::apply<avx2::Rule>(streams, length, constants)                               \
                        : portable::apply<portable::Rule>(streams, length, constants))
#else
#define ACCELERATE_APPLY(isa, Rule, streams, length, constants) (static_cast<void>(isa), portable::apply<portable::Rule>(streams, length, constants))
#endif

}  // namespace

alignas(64) const float no_gradient[sum_block] = {};
alignas(64) const float no_state[sum_block] = {};

#if ACCELERATE_X86
void add_up(Isa isa, float* out, const float* const* sources, size_t count, size_t n, float factor) {
  if (isa == Isa::avx512) avx512::sum(out, sources, count, n, factor);
  else if (isa == Isa::avx2) avx2::sum(out, sources, count, n, factor);
  else portable::sum(out, sources, count, n, factor);
}
#else
void add_up(Isa, float* out, const float* const* sources, size_t count, size_t n, float factor) { portable::sum(out, sources, count, n, factor); }
#endif

void adam_step(float* values, const float* gradients, const GradientSources* sources, float* m, float* v, const OptimizerRange* ranges, size_t count, const AdamConstants* rows,
               const Parallel& parallel, Isa isa) {
  for_shares(ranges, count, parallel, [&](const OptimizerRange& range, size_t offset, size_t length) {
    with_gradient(gradients, sources, range.contributors, offset, length, isa, [&](size_t at, size_t n, float* gradient) {
      const AdamConstants& row = rows[range.row];
      float* const streams[max_streams] = {values + at, gradient, m + at, v + at};
      // 0 / (sqrt(0) * rootScale + eps) is 0: only the decay is left.
      if (gradient == no_state && row.l2 == 0 && row.eps > 0 && finite(row.gradScale) && finite(row.stepSize) && finite(row.rootScale)) {
        if (row.decayBefore != 1 || row.decayAfter != 1) ACCELERATE_APPLY(isa, DecayRule, streams, n, row);
        return;
      }
      ACCELERATE_APPLY(isa, AdamRule, streams, n, row);
    });
  });
}

void sgd_step(float* values, const float* gradients, const GradientSources* sources, float* momentum, const OptimizerRange* ranges, size_t count, const SgdConstants* rows,
              const Parallel& parallel, Isa isa) {
  for_shares(ranges, count, parallel, [&](const OptimizerRange& range, size_t offset, size_t length) {
    with_gradient(gradients, sources, range.contributors, offset, length, isa, [&](size_t at, size_t n, float* gradient) {
      const SgdConstants& row = rows[range.row];
      // p - lr * 0 is p; so it is without velocity.
      if ((momentum == nullptr ? none(gradient) : gradient == no_state) && row.l2 == 0 && finite(row.gradScale) && finite(row.lr * row.gFactor) && finite(row.lr * row.bFactor)) return;
      float* const streams[max_streams] = {values + at, gradient, momentum == nullptr ? nullptr : momentum + at};
      if (momentum == nullptr) ACCELERATE_APPLY(isa, SgdRule, streams, n, row);
      else ACCELERATE_APPLY(isa, SgdMomentumRule, streams, n, row);
    });
  });
}

void rmsprop_step(float* values, const float* gradients, const GradientSources* sources, float* const* states, const OptimizerRange* ranges, size_t count, const RmspropConstants* rows,
                  const Parallel& parallel, Isa isa) {
  float *const square = states[0], *const momentum = states[1], *const average = states[2];
  for_shares(ranges, count, parallel, [&](const OptimizerRange& range, size_t offset, size_t length) {
    with_gradient(gradients, sources, range.contributors, offset, length, isa, [&](size_t at, size_t n, float* gradient) {
      float* streams[max_streams] = {values + at, gradient, square + at};
      size_t last = 3;
      if (momentum != nullptr) streams[last++] = momentum + at;
      if (average != nullptr) streams[last++] = average + at;
      const RmspropConstants& row = rows[range.row];
      if (momentum != nullptr && average != nullptr) ACCELERATE_APPLY(isa, RmspropMomentumCenteredRule, streams, n, row);
      else if (momentum != nullptr) ACCELERATE_APPLY(isa, RmspropMomentumRule, streams, n, row);
      else if (average != nullptr) ACCELERATE_APPLY(isa, RmspropCenteredRule, streams, n, row);
      else ACCELERATE_APPLY(isa, RmspropPlainRule, streams, n, row);
    });
  });
}

void adagrad_step(float* values, const float* gradients, const GradientSources* sources, float* const* states, const OptimizerRange* ranges, size_t count, const AdagradConstants* rows,
                  const Parallel& parallel, Isa isa) {
  for_shares(ranges, count, parallel, [&](const OptimizerRange& range, size_t offset, size_t length) {
    with_gradient(gradients, sources, range.contributors, offset, length, isa, [&](size_t at, size_t n, float* gradient) {
      const AdagradConstants& row = rows[range.row];
      // The sum stays what it is, and p - 0 / (sqrt(s) + eps) is p.
      if (none(gradient) && row.l2 == 0 && row.initial == 0 && row.eps > 0 && finite(row.gradScale) && finite(row.stepSize)) return;
      float* const streams[max_streams] = {values + at, gradient, states[0] + at};
      ACCELERATE_APPLY(isa, AdagradRule, streams, n, row);
    });
  });
}

void lion_step(float* values, const float* gradients, const GradientSources* sources, float* const* states, const OptimizerRange* ranges, size_t count, const LionConstants* rows,
               const Parallel& parallel, Isa isa) {
  for_shares(ranges, count, parallel, [&](const OptimizerRange& range, size_t offset, size_t length) {
    with_gradient(gradients, sources, range.contributors, offset, length, isa, [&](size_t at, size_t n, float* gradient) {
      float* const streams[max_streams] = {values + at, gradient, states[0] + at};
      ACCELERATE_APPLY(isa, LionRule, streams, n, rows[range.row]);
    });
  });
}

void sum(float* out, const GradientSources& sources, const OptimizerRange* ranges, size_t count, const Parallel& parallel, Isa isa) {
  const auto add = [&](size_t offset, size_t length, uint64_t contributors) {
    const float* arrays[max_sources];
    add_up(isa, out + offset, arrays, contributing(sources, contributors, offset, arrays), length, sources.factor);
  };
  const RowBits* const rows = sources.rows;
  for_shares(ranges, count, parallel, [&](const OptimizerRange& range, size_t offset, size_t length) {
    if (rows == nullptr) return add(offset, length, range.contributors);
    for_row_pieces(*rows, sources.count, range.contributors, offset, length, [&](size_t at, size_t n, uint64_t present, const RowTable* table) {
      if (present != 0 || table == nullptr || rows->before == nullptr) return add(at, n, present);
      // Rows that were there before are gone; all others are zero as it is.
      for (size_t row = (at - table->offset) / table->width, begin = at; begin < at + n; row++) {
        const size_t until = std::min(at + n, table->offset + (row + 1) * table->width);
        if (RowBits::test(rows->before, *table, row)) std::memset(out + begin, 0, (until - begin) * sizeof(float));
        begin = until;
      }
    });
  });
}

namespace {

/// body(offset, length) over what is not known to be zero.
template <typename Body> void for_present(const OptimizerRange* ranges, size_t count, const RowBits* rows, const Parallel& parallel, const Body& body) {
  for_shares(ranges, count, parallel, [&](const OptimizerRange&, size_t offset, size_t length) {
    if (rows == nullptr) return body(offset, length);
    for_row_pieces(*rows, 1, 1, offset, length, [&](size_t at, size_t n, uint64_t present, const RowTable*) {
      if (present != 0) body(at, n);
    });
  });
}

}  // namespace

void scale(float* data, const OptimizerRange* ranges, size_t count, float factor, const Parallel& parallel, Isa isa, const RowBits* rows) {
  for_present(ranges, count, finite(factor) ? rows : nullptr, parallel, [&](size_t offset, size_t length) {
    float* const streams[max_streams] = {data + offset};
    ACCELERATE_APPLY(isa, ScaleRule, streams, length, factor);
  });
}

void clamp(float* data, const OptimizerRange* ranges, size_t count, float limit, const Parallel& parallel, Isa isa, const RowBits* rows) {
  for_present(ranges, count, rows, parallel, [&](size_t offset, size_t length) {
    float* const streams[max_streams] = {data + offset};
    ACCELERATE_APPLY(isa, ClampRule, streams, length, limit);
  });
}

void copy(void* into, const void* from, size_t bytes, const Parallel& parallel) {
  parallel.ranges(bytes, grain * sizeof(float), line * sizeof(float), [&](size_t begin, size_t end) {
    std::memcpy(static_cast<char*>(into) + begin, static_cast<const char*>(from) + begin, end - begin);
  });
}

}  // namespace accelerate_ts
