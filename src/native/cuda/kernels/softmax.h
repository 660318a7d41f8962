// Softmax of masked rows, cross entropy, and the gradients; what is computed stands in ../../kernels/softmax.h.
#pragma once

#include "api.h"
#include "numbers.h"

namespace accelerate_ts {
namespace cuda {

template <typename T, uint32_t width> struct MaskedSoftmaxKernel {
  struct Args { const T *x, *bias; T* y; uint64_t rows, columns; uint32_t rank; uint64_t dims[most_dims], strides[most_dims], step; };
  static constexpr uint32_t threads = width == warp ? 128 : width;

  static ACCELERATE_DEVICE void run(Block& b, const Args& a) {
    using Rows = Team<width>;
    const uint64_t row = b.index() * (threads / width) + b.thread() / width;
    const bool inside = row < a.rows;
    const uint64_t n = inside ? a.columns : 0, at = row * a.columns;
    uint64_t from = 0;
    for (uint64_t rest = row, d = a.rank; d-- > 0; rest /= a.dims[d]) from += rest % a.dims[d] * a.strides[d];
    const auto score = [&](uint64_t i) { return a.bias == nullptr ? widened(a.x[at + i]) : widened(a.x[at + i]) + widened(a.bias[from + i * a.step]); };
    float most = minus_infinity();
    for (uint64_t i = Rows::lane(b); i < n; i += width) most = Rows::greater(most, score(i));
    most = Rows::max(b, most);
    float total = 0;
    for (uint64_t i = Rows::lane(b); i < n; i += width) total += expf(score(i) - most);
    // All -inf: NaN, as everywhere.
    const float scale = 1.0f / Rows::sum(b, total);
    for (uint64_t i = Rows::lane(b); i < n; i += width) a.y[at + i] = narrowed<T>(expf(score(i) - most) * scale);
  }
};

template <typename T, uint32_t width> struct SoftmaxGradKernel {
  struct Args { const T *dy, *y; T* dx; uint64_t rows, columns; };
  static constexpr uint32_t threads = width == warp ? 128 : width;

  static ACCELERATE_DEVICE void run(Block& b, const Args& a) {
    using Rows = Team<width>;
    const uint64_t row = b.index() * (threads / width) + b.thread() / width;
    const uint64_t n = row < a.rows ? a.columns : 0, at = row * a.columns;
    float total = 0;
    for (uint64_t i = Rows::lane(b); i < n; i += width) total = fused(widened(a.dy[at + i]), widened(a.y[at + i]), total);
    total = Rows::sum(b, total);
    for (uint64_t i = Rows::lane(b); i < n; i += width) a.dx[at + i] = narrowed<T>(widened(a.y[at + i]) * (widened(a.dy[at + i]) - total));
  }
};

/// Labels of either type. A class, -1 for an ignored row, -2 for what is no class.
struct Labels {
  const void* data;
  bool wide;
  int64_t ignore;
  ACCELERATE_DEVICE int64_t at(uint64_t row, uint64_t classes) const {
    const int64_t label = wide ? static_cast<const int64_t*>(data)[row] : static_cast<const int32_t*>(data)[row], count = static_cast<int64_t>(classes);
    if (label == ignore) return -1;
    if (label < -count || label >= count) return -2;
    return label < 0 ? label + count : label;
  }
};

template <typename T, uint32_t width> struct CrossEntropyKernel {
  struct Args { const T* logits; Labels labels; T *loss, *lse; uint64_t rows, classes; float smoothing; };
  static constexpr uint32_t threads = width == warp ? 128 : width;

  static ACCELERATE_DEVICE void run(Block& b, const Args& a) {
    using Rows = Team<width>;
    const uint64_t row = b.index() * (threads / width) + b.thread() / width;
    const bool inside = row < a.rows;
    const uint64_t n = inside ? a.classes : 0;
    const T* const x = a.logits + row * a.classes;
    float most = minus_infinity();
    for (uint64_t i = Rows::lane(b); i < n; i += width) most = Rows::greater(most, widened(x[i]));
    most = Rows::max(b, most);
    float exponentials = 0, total = 0;
    for (uint64_t i = Rows::lane(b); i < n; i += width) {
      exponentials += expf(widened(x[i]) - most);
      total += widened(x[i]);
    }
    exponentials = Rows::sum(b, exponentials);
    total = Rows::sum(b, total);
    if (!inside || Rows::lane(b) != 0) return;
    const float lse = most + logf(exponentials);
    if (a.lse != nullptr) a.lse[row] = narrowed<T>(lse);
    const int64_t label = a.labels.at(row, a.classes);
    float loss = 0;
    if (label == -2) loss = float_of(0x7fc00000u);
    else if (label >= 0) loss = a.smoothing == 0 ? lse - widened(x[label]) : lse - (1 - a.smoothing) * widened(x[label]) - a.smoothing * (total / static_cast<float>(a.classes));
    a.loss[row] = narrowed<T>(loss);
  }
};

/// One number per thread.
template <typename T> struct CrossEntropyGradKernel {
  struct Args { const T *dloss, *logits; Labels labels; const T* lse; T* dlogits; uint64_t rows, classes; float smoothing; };
  static constexpr uint32_t threads = 256;

  static ACCELERATE_DEVICE void run(Block& b, const Args& a) {
    const uint64_t at = b.index() * threads + b.thread();
    if (at >= a.rows * a.classes) return;
    const uint64_t row = at / a.classes;
    const int64_t label = a.labels.at(row, a.classes), column = static_cast<int64_t>(at % a.classes);
    const float given = widened(a.dloss[row]);
    float d = 0;
    if (label == -2) d = float_of(0x7fc00000u);
    else if (label >= 0 && given != 0) {
      d = fused(given, expf(widened(a.logits[at]) - widened(a.lse[row])), -(given * a.smoothing / static_cast<float>(a.classes)));
      if (column == label) d -= given * (1 - a.smoothing);
    }
    a.dlogits[at] = narrowed<T>(d);
  }
};

}  // namespace cuda
}  // namespace accelerate_ts
