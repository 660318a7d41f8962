// Gradient of a maximum pool: dY to where each maximum came from.
#pragma once

#include <cstddef>
#include <cstdint>

#include "../parallel.h"

namespace accelerate_ts {

/// How windows lie along up to three dims; dims that are missing come first, with sizes of 1.
struct PoolWindows {
  int64_t in[3] = {1, 1, 1};
  int64_t out[3] = {1, 1, 1};
  int64_t kernel[3] = {1, 1, 1};
  int64_t stride[3] = {1, 1, 1};
  int64_t dilation[3] = {1, 1, 1};
  int64_t before[3] = {0, 0, 0};  // places in front of the first element
};

/// dx[planes, in..] = 0; then each dy[plane, o..] is added at the first place of its window, the last dim fastest, whose x is y[plane, o..]; where that is NaN, at one that is NaN or at the
/// last. Places outside of x are left out; a window in which y is not found adds nothing. Threads own planes: the same bits for any number of them. T: float, double.
template <typename T>
void max_pool_grad(const T* x, const T* y, const T* dy, size_t planes, const PoolWindows& windows, T* dx, const Parallel& parallel);

extern template void max_pool_grad<float>(const float*, const float*, const float*, size_t, const PoolWindows&, float*, const Parallel&);
extern template void max_pool_grad<double>(const double*, const double*, const double*, size_t, const PoolWindows&, double*, const Parallel&);

}  // namespace accelerate_ts
