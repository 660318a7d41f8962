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

namespace portable {
#define ACCELERATE_TARGET ACCELERATE_TARGET_PORTABLE
#include "optimizer_loops.h"
#undef ACCELERATE_TARGET
}  // namespace portable
#if ACCELERATE_X86
namespace avx2 {
#define ACCELERATE_TARGET ACCELERATE_TARGET_AVX2
#include "optimizer_loops.h"
#undef ACCELERATE_TARGET
}  // namespace avx2
namespace avx512 {
#define ACCELERATE_TARGET ACCELERATE_TARGET_AVX512
#include "optimizer_loops.h"
#undef ACCELERATE_TARGET
}  // namespace avx512
#endif

namespace {

constexpr size_t line = 16;            // elements per 64 bytes: shares begin on cache lines of the arena
constexpr size_t grain = 64 * 1024;    // elements below which another thread costs more than it saves
constexpr size_t norm_chunk = 16384;   // elements per partial result of a norm: part of the result's definition

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

size_t norm_chunks(const OptimizerRange* ranges, size_t count) {
  size_t chunks = 0;
  for (size_t r = 0; r < count; r++) chunks += (ranges[r].length + norm_chunk - 1) / norm_chunk;
  return chunks;
}

namespace {

/// One chunk in plain C++. Sixteen running sums, element i into sum i mod 16, so that every instruction set adds in the same order.
NormResult norm_of_chunk(const float* x, size_t n, NormKind kind, double exponent) {
  double sums[16] = {};
  double largest = 0;
  size_t nonFinite = 0;
  for (size_t i = 0; i < n; i++) {
    const double value = x[i];
    nonFinite += !std::isfinite(value);
    if (kind == NormKind::squares) sums[i % 16] += value * value;
    else if (kind == NormKind::absolutes) sums[i % 16] += std::fabs(value);
    else if (kind == NormKind::power) sums[i % 16] += std::pow(std::fabs(value), exponent);
    else if (!(std::fabs(value) <= largest)) largest = std::isnan(largest) ? largest : std::fabs(value);
  }
  if (kind == NormKind::maximum) return {largest, nonFinite};
  double total = 0;
  for (double sum : sums) total += sum;
  return {total, nonFinite};
}

#if ACCELERATE_X86
/// Adds the squares of n (a multiple of 16) floats to sixteen sums. A float's square is exact in a double, so the fused and the separate addition give the same bits.
ACCELERATE_TARGET_AVX512 void squares_avx512(const float* x, size_t n, double* sums) {
  __m512d low = _mm512_loadu_pd(sums), high = _mm512_loadu_pd(sums + 8);
  for (size_t i = 0; i < n; i += 16) {
    _mm_prefetch(reinterpret_cast<const char*>(x + i + 4 * ACCELERATE_PREFETCH), _MM_HINT_T0);
    const __m512d a = _mm512_cvtps_pd(_mm256_loadu_ps(x + i)), b = _mm512_cvtps_pd(_mm256_loadu_ps(x + i + 8));
    low = _mm512_fmadd_pd(a, a, low);
    high = _mm512_fmadd_pd(b, b, high);
  }
  _mm512_storeu_pd(sums, low);
  _mm512_storeu_pd(sums + 8, high);
}

ACCELERATE_TARGET_AVX2 void squares_avx2(const float* x, size_t n, double* sums) {
  __m256d acc[4];
  for (size_t k = 0; k < 4; k++) acc[k] = _mm256_loadu_pd(sums + 4 * k);
  for (size_t i = 0; i < n; i += 16) {
    _mm_prefetch(reinterpret_cast<const char*>(x + i + 4 * ACCELERATE_PREFETCH), _MM_HINT_T0);
    for (size_t k = 0; k < 4; k++) {
      const __m256d a = _mm256_cvtps_pd(_mm_loadu_ps(x + i + 4 * k));
      acc[k] = _mm256_fmadd_pd(a, a, acc[k]);
    }
  }
  for (size_t k = 0; k < 4; k++) _mm256_storeu_pd(sums + 4 * k, acc[k]);
}

void squares(Isa isa, const float* x, size_t n, double* sums) {
  if (isa == Isa::avx512) squares_avx512(x, n, sums);
  else squares_avx2(x, n, sums);
}
double total_of(const double* sums) {
  double total = 0;
  for (size_t i = 0; i < 16; i++) total += sums[i];
  return total;
}
#endif

NormResult norm_of_chunk(const float* x, size_t n, NormKind kind, double exponent, Isa isa) {
#if ACCELERATE_X86
  if (kind == NormKind::squares && isa != Isa::portable && n % 16 == 0) {
    double sums[16] = {};
    squares(isa, x, n, sums);
    const double sum = total_of(sums);
    if (std::isfinite(sum)) return {sum, 0};  // squares of finite floats cannot overflow a double, so a finite sum means finite elements
  }
#else
  static_cast<void>(isa);
#endif
  return norm_of_chunk(x, n, kind, exponent);
}

/// The same bits for a chunk of which only some rows are read: zeros change no sum.
NormResult norm_of_rows(const float* data, size_t offset, size_t n, NormKind kind, double exponent, Isa isa, const RowBits& rows) {
  const auto for_pieces = [&](const auto& body) {
    for_row_pieces(rows, 1, 1, offset, n, [&](size_t at, size_t length, uint64_t present, const RowTable*) {
      if (present != 0) body(at, length);
    });
  };
#if ACCELERATE_X86
  if (kind == NormKind::squares && isa != Isa::portable && n % 16 == 0) {
    double sums[16] = {};
    bool whole = true;  // pieces keep the places of their elements among the sums
    for_pieces([&](size_t at, size_t length) {
      whole = whole && (at - offset) % 16 == 0 && length % 16 == 0;
      if (whole) squares(isa, data + at, length, sums);
    });
    const double sum = total_of(sums);
    if (whole && std::isfinite(sum)) return {sum, 0};
  }
#endif
  std::vector<float> chunk(n);
  for_pieces([&](size_t at, size_t length) { std::memcpy(chunk.data() + (at - offset), data + at, length * sizeof(float)); });
  return norm_of_chunk(chunk.data(), n, kind, exponent, isa);
}

}  // namespace

NormResult norm(const float* data, const OptimizerRange* ranges, size_t count, NormKind kind, double exponent, NormResult* scratch, const Parallel& parallel, Isa isa, const RowBits* rows) {
  const size_t chunks = norm_chunks(ranges, count);
  parallel.ranges(chunks, std::max<size_t>(1, grain / norm_chunk), 1, [&](size_t begin, size_t end) {
    size_t first = 0;  // number of the range's first chunk
    for (size_t r = 0; r < count && first < end; r++) {
      const size_t length = ranges[r].length, own = (length + norm_chunk - 1) / norm_chunk;
      for (size_t k = std::max(begin, first); k < std::min(end, first + own); k++) {
        const size_t from = (k - first) * norm_chunk;
        const size_t offset = ranges[r].offset + from, n = std::min(norm_chunk, length - from);
        scratch[k] = rows == nullptr ? norm_of_chunk(data + offset, n, kind, exponent, isa) : norm_of_rows(data, offset, n, kind, exponent, isa, *rows);
      }
      first += own;
    }
  });
  NormResult total = {0, 0};
  for (size_t k = 0; k < chunks; k++) {
    total.nonFinite += scratch[k].nonFinite;
    if (kind != NormKind::maximum) total.value += scratch[k].value;
    else if (!(scratch[k].value <= total.value)) total.value = std::isnan(total.value) ? total.value : scratch[k].value;
  }
  return total;
}

}  // namespace accelerate_ts
