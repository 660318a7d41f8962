// See softmax.h.
#include "softmax.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>

namespace accelerate_ts {

struct RowSums { float top, exponentials, sum; };

#define ACCELERATE_LOOPS "softmax_loops.h"
#include "each_isa.h"

namespace {

constexpr size_t grain = 8 * 1024;  // elements below which another thread costs more than it saves

template <typename Body> void each_row(size_t rows, size_t n, const Parallel& parallel, const Body& body) {
  if (n == 0) return;
  parallel.ranges(rows, std::max<size_t>(1, grain / n), 1, [&](size_t begin, size_t end) {
    for (size_t row = begin; row < end; row++) body(row);
  });
}

const float* bias_of(const RowBias& bias, size_t row) {
  if (bias.data == nullptr) return nullptr;
  size_t offset = 0;
  for (size_t d = bias.rank; d-- > 0;) {
    const auto size = static_cast<size_t>(bias.dims[d]);
    offset += row % size * bias.strides[d];
    row /= size;
  }
  return bias.data + offset;
}

/// The class of a row, or -1 for an ignored one; rows whose label is no class are noted in `bad` (the first of them) and count as ignored.
template <typename I> int64_t class_of(const I* labels, size_t row, size_t classes, int64_t ignore, std::atomic<int64_t>& bad) {
  const auto label = static_cast<int64_t>(labels[row]), count = static_cast<int64_t>(classes);
  if (label == ignore) return -1;
  if (label >= -count && label < count) return label < 0 ? label + count : label;
  const auto at = static_cast<int64_t>(row);
  for (int64_t seen = bad.load(); seen < 0 || at < seen;) if (bad.compare_exchange_weak(seen, at)) break;
  return -1;
}

}  // namespace

void masked_softmax(const float* x, const RowBias& bias, size_t rows, size_t n, float* y, const Parallel& parallel, Isa isa) {
  each_row(rows, n, parallel, [&](size_t row) { ACCELERATE_BY_ISA(isa, softmaxRow(x + row * n, bias_of(bias, row), bias.step, n, y + row * n)); });
}

void softmax_grad(const float* dy, const float* y, size_t rows, size_t n, float* dx, const Parallel& parallel, Isa isa) {
  each_row(rows, n, parallel, [&](size_t row) { ACCELERATE_BY_ISA(isa, softmaxGradRow(dy + row * n, y + row * n, n, dx + row * n)); });
}

template <typename I>
int64_t cross_entropy(const float* logits, const I* labels, size_t rows, size_t classes, int64_t ignore, float smoothing, float* loss, float* lse, const Parallel& parallel, Isa isa) {
  std::atomic<int64_t> bad{-1};
  each_row(rows, classes, parallel, [&](size_t row) {
    const float* const x = logits + row * classes;
    const int64_t label = class_of(labels, row, classes, ignore, bad);
    if (label < 0 && lse == nullptr) {
      loss[row] = 0;
      return;
    }
    const auto sums = ACCELERATE_BY_ISA(isa, rowSums(x, classes, smoothing != 0));
    const float normalizer = sums.top + std::log(sums.exponentials);
    if (lse != nullptr) lse[row] = normalizer;
    if (label < 0) loss[row] = 0;
    else if (smoothing == 0) loss[row] = normalizer - x[label];
    else loss[row] = normalizer - (1 - smoothing) * x[label] - smoothing * (sums.sum / static_cast<float>(classes));
  });
  return bad.load();
}

template <typename I>
int64_t cross_entropy_grad(const float* dloss, const float* logits, const I* labels, const float* lse, size_t rows, size_t classes, int64_t ignore, float smoothing, float* dlogits,
                           const Parallel& parallel, Isa isa) {
  std::atomic<int64_t> bad{-1};
  each_row(rows, classes, parallel, [&](size_t row) {
    float* const out = dlogits + row * classes;
    const int64_t label = class_of(labels, row, classes, ignore, bad);
    if (label < 0 || dloss[row] == 0) {
      std::memset(out, 0, classes * sizeof(float));
      return;
    }
    ACCELERATE_BY_ISA(isa, shiftedExponentials(logits + row * classes, lse[row], dloss[row], dloss[row] * smoothing / static_cast<float>(classes), classes, out));
    out[label] -= dloss[row] * (1 - smoothing);
  });
  return bad.load();
}

#define ACCELERATE_CROSS_ENTROPY(I)                                                                                                              \
  template int64_t cross_entropy<I>(const float*, const I*, size_t, size_t, int64_t, float, float*, float*, const Parallel&, Isa);               \
  template int64_t cross_entropy_grad<I>(const float*, const float*, const I*, const float*, size_t, size_t, int64_t, float, float*, const Parallel&, Isa);
ACCELERATE_CROSS_ENTROPY(int32_t)
ACCELERATE_CROSS_ENTROPY(int64_t)

}  // namespace accelerate_ts
