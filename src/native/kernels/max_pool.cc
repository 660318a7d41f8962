// See max_pool.h.
#include "max_pool.h"

#include <algorithm>
#include <cstring>

namespace accelerate_ts {
namespace {

constexpr size_t grain = 32 * 1024;  // elements below which another thread costs more than it saves

/// Whether windows of 2 x 2 lie side by side and within a plane: each element is in one window at most.
bool halves(const PoolWindows& w) {
  if (w.in[0] != 1 || w.kernel[0] != 1 || w.before[0] != 0) return false;
  for (int i = 1; i < 3; i++)
    if (w.kernel[i] != 2 || w.stride[i] != 2 || w.dilation[i] != 1 || w.before[i] != 0 || 2 * w.out[i] > w.in[i]) return false;
  return true;
}

template <typename T>
void halve_plane(const T* x, const T* y, const T* dy, const PoolWindows& w, T* dx) {
  const int64_t width = w.in[2];
  if (2 * w.out[1] != w.in[1] || 2 * w.out[2] != width) std::memset(dx, 0, static_cast<size_t>(w.in[1] * width) * sizeof(T));
  for (int64_t row = 0; row < w.out[1]; row++) {
    const T *upper = x + 2 * row * width, *lower = upper + width;
    T *above = dx + 2 * row * width, *below = above + width;
    for (int64_t o = 0; o < w.out[2]; o++) {
      const T most = y[o], g = dy[o];
      const bool first = upper[2 * o] == most;
      const bool second = !first & (upper[2 * o + 1] == most);
      const bool third = !(first | second) & (lower[2 * o] == most);
      above[2 * o] = first ? g : T(0);
      above[2 * o + 1] = second ? g : T(0);
      below[2 * o] = third ? g : T(0);
      below[2 * o + 1] = first | second | third ? T(0) : g;
    }
    y += w.out[2];
    dy += w.out[2];
  }
}

/// The place of an output's maximum in its plane, or -1.
template <typename T>
int64_t place_of(const T* x, T most, const PoolWindows& w, const int64_t (&from)[3]) {
  const bool unordered = most != most;
  for (int64_t i = 0; i < w.kernel[0]; i++) {
    const int64_t a = from[0] + i * w.dilation[0];
    if (a < 0 || a >= w.in[0]) continue;
    for (int64_t j = 0; j < w.kernel[1]; j++) {
      const int64_t b = from[1] + j * w.dilation[1];
      if (b < 0 || b >= w.in[1]) continue;
      const int64_t row = (a * w.in[1] + b) * w.in[2];
      for (int64_t k = 0; k < w.kernel[2]; k++) {
        const int64_t c = from[2] + k * w.dilation[2];
        if (c < 0 || c >= w.in[2]) continue;
        const T value = x[row + c];
        if (value == most || (unordered && value != value)) return row + c;
      }
    }
  }
  return -1;
}

template <typename T>
void any_plane(const T* x, const T* y, const T* dy, const PoolWindows& w, T* dx) {
  std::memset(dx, 0, static_cast<size_t>(w.in[0] * w.in[1] * w.in[2]) * sizeof(T));
  int64_t from[3];
  for (int64_t i = 0; i < w.out[0]; i++) {
    from[0] = i * w.stride[0] - w.before[0];
    for (int64_t j = 0; j < w.out[1]; j++) {
      from[1] = j * w.stride[1] - w.before[1];
      for (int64_t k = 0; k < w.out[2]; k++, y++, dy++) {
        from[2] = k * w.stride[2] - w.before[2];
        const int64_t at = place_of(x, *y, w, from);
        if (at >= 0) dx[at] += *dy;
      }
    }
  }
}

}  // namespace

template <typename T>
void max_pool_grad(const T* x, const T* y, const T* dy, size_t planes, const PoolWindows& windows, T* dx, const Parallel& parallel) {
  const auto ins = static_cast<size_t>(windows.in[0] * windows.in[1] * windows.in[2]);
  const auto outs = static_cast<size_t>(windows.out[0] * windows.out[1] * windows.out[2]);
  const bool fast = halves(windows);
  parallel.ranges(planes, std::max<size_t>(1, grain / std::max<size_t>(1, ins)), 1, [&](size_t begin, size_t end) {
    for (size_t plane = begin; plane < end; plane++)
      (fast ? halve_plane<T> : any_plane<T>)(x + plane * ins, y + plane * outs, dy + plane * outs, windows, dx + plane * ins);
  });
}

template void max_pool_grad<float>(const float*, const float*, const float*, size_t, const PoolWindows&, float*, const Parallel&);
template void max_pool_grad<double>(const double*, const double*, const double*, size_t, const PoolWindows&, double*, const Parallel&);

}  // namespace accelerate_ts
