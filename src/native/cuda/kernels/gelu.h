// GELU of a sum with a bias, and its gradient; what is computed stands in ../../kernels/gelu.h.
#pragma once

#include "columns.h"

namespace accelerate_ts {
namespace cuda {

struct Gelu {
  static ACCELERATE_DEVICE float argument(float x) { return x * fused(x * x, 0.07135481f, 1.59576912f); }
  static ACCELERATE_DEVICE float logistic(float v) { return 1.0f / (1.0f + expf(-v)); }
  static ACCELERATE_DEVICE float value(float x, bool tanh) {
    if (tanh) return x * logistic(argument(x));
    const float half = 0.5f * x;
    return fused(half, erff(x * 0.70710678f), half);
  }
  static ACCELERATE_DEVICE float slope(float x, bool tanh) {
    if (tanh) {
      const float v = argument(x), s = logistic(v);
      return fused(s - s * s, fused(3.0f, v, x * -3.19153824f), s);
    }
    return fused(x * 0.39894228f, expf(x * x * -0.5f), fused(0.5f, erff(x * 0.70710678f), 0.5f));
  }
};

template <typename T> struct BiasGeluKernel {
  struct Args { const T *x, *bias; T* y; uint64_t rows, columns, groups; bool wide, tanh; };
  static constexpr uint32_t threads = 256;
  static ACCELERATE_DEVICE void run(Block& b, const Args& a) {
    const uint64_t at = b.index() * threads + b.thread();
    if (at >= a.rows * a.groups) return;
    const uint64_t row = at / a.groups, i = at % a.groups * 4;
    float x[4], bias[4] = {0, 0, 0, 0};
    load_four(a.x + row * a.columns, i, a.columns, a.wide, x);
    if (a.bias != nullptr) load_four(a.bias, i, a.columns, a.wide, bias);
    ACCELERATE_UNROLL
    for (int j = 0; j < 4; j++) x[j] = Gelu::value(x[j] + bias[j], a.tanh);
    store_four(a.y + row * a.columns, i, a.columns, a.wide, x);
  }
};

/// dx alone.
template <typename T> struct BiasGeluGradKernel {
  struct Args { const T *dy, *x, *bias; T* dx; uint64_t rows, columns, groups; bool wide, tanh; };
  static constexpr uint32_t threads = 256;
  static ACCELERATE_DEVICE void run(Block& b, const Args& a) {
    const uint64_t at = b.index() * threads + b.thread();
    if (at >= a.rows * a.groups) return;
    const uint64_t row = at / a.groups, i = at % a.groups * 4;
    float dy[4], x[4], bias[4] = {0, 0, 0, 0};
    load_four(a.dy + row * a.columns, i, a.columns, a.wide, dy);
    load_four(a.x + row * a.columns, i, a.columns, a.wide, x);
    if (a.bias != nullptr) load_four(a.bias, i, a.columns, a.wide, bias);
    ACCELERATE_UNROLL
    for (int j = 0; j < 4; j++) x[j] = dy[j] * Gelu::slope(x[j] + bias[j], a.tanh);
    store_four(a.dx + row * a.columns, i, a.columns, a.wide, x);
  }
};

/// dbias, and dx where it is wanted, by tiles of columns.
template <typename T> struct BiasGeluColumnsKernel {
  struct Args { const T *dy, *x, *bias; T *dx, *dbias; uint64_t rows, columns; bool tanh; };
  static constexpr uint32_t threads = ColumnTile::threads;
  static ACCELERATE_DEVICE void run(Block& b, const Args& a) {
    const uint64_t column = ColumnTile::column(b);
    const bool inside = column < a.columns;
    float total = 0;
    if (inside) {
      const float bias = a.bias == nullptr ? 0.0f : widened(a.bias[column]);
      for (uint64_t row = ColumnTile::lane(b); row < a.rows; row += ColumnTile::lanes) {
        const uint64_t at = row * a.columns + column;
        const float d = widened(a.dy[at]) * Gelu::slope(widened(a.x[at]) + bias, a.tanh);
        if (a.dx != nullptr) a.dx[at] = narrowed<T>(d);
        total += d;
      }
    }
    total = ColumnTile::total(b, total);
    if (inside && ColumnTile::lane(b) == 0) a.dbias[column] = narrowed<T>(total);
  }
};

}  // namespace cuda
}  // namespace accelerate_ts
