// Bias, dropout, residual and layer normalization of rows, and the gradients; what is computed stands in ../../kernels/layer_norm.h.
#pragma once

#include "columns.h"
#include "masks.h"

namespace accelerate_ts {
namespace cuda {

/// Of all numbers; and of x, its gradient and what is added to the gradient of y.
template <typename Own, typename OfX> struct LayerNormNumbers {
  using T = Own;
  using X = OfX;
};

/// One row per team.
template <typename Numbers, uint32_t width> struct LayerNormKernel {
  using T = typename Numbers::T;
  using X = typename Numbers::X;
  struct Args { const X* x; const T *bias, *residual, *scale, *shift; T* y; X* narrow; T* sum; float *mean, *inverse; uint64_t rows, columns; float epsilon; bool wide; MaskPlan plan; };
  static constexpr uint32_t threads = width == warp ? 128 : width;

  static ACCELERATE_DEVICE void run(Block& b, const Args& a) {
    using Rows = Team<width>;
    const PhiloxKey key = key_of(b, a.plan, static_cast<char*>(b.memory()) + reduction_bytes);
    const uint64_t row = b.index() * (threads / width) + b.thread() / width;
    // Threads beyond the last row do what the others do, without memory.
    const bool inside = row < a.rows;
    const uint64_t n = inside ? a.columns : 0, at = row * a.columns;
    const MaskRow masks = inside ? mask_row(a.plan, row) : MaskRow{0, 0, 0};
    const auto element = [&](uint64_t i, float* x) {
      load_four(a.x + at, i, n, a.wide, x);
      float more[4];
      if (a.bias != nullptr) {
        load_four(a.bias, i, n, a.wide, more);
        ACCELERATE_UNROLL
        for (int j = 0; j < 4; j++) x[j] += more[j];
      }
      drop_four(a.plan, key, masks, i, x);
      if (a.residual != nullptr) {
        load_four(a.residual + at, i, n, a.wide, more);
        ACCELERATE_UNROLL
        for (int j = 0; j < 4; j++) x[j] += more[j];
      }
    };
    float total = 0;
    for (uint64_t i = 4 * Rows::lane(b); i < n; i += 4 * width) {
      float x[4];
      element(i, x);
      if (a.sum != nullptr) {
        store_four(a.sum + at, i, n, a.wide, x);
        // What backward reads is what is normalized.
        ACCELERATE_UNROLL
        for (int j = 0; j < 4; j++) x[j] = widened(narrowed<T>(x[j]));
      }
      for (int j = 0; j < 4; j++) if (i + j < n) total += x[j];
    }
    // From here on each thread reads of `sum` what it has written itself.
    const auto again = [&](uint64_t i, float* x) { a.sum != nullptr ? load_four(static_cast<const T*>(a.sum) + at, i, n, a.wide, x) : element(i, x); };
    const float mean = Rows::sum(b, total) / static_cast<float>(a.columns);
    total = 0;
    for (uint64_t i = 4 * Rows::lane(b); i < n; i += 4 * width) {
      float x[4];
      again(i, x);
      for (int j = 0; j < 4; j++) if (i + j < n) total = fused(x[j] - mean, x[j] - mean, total);
    }
    const float inverse = 1.0f / sqrtf(Rows::sum(b, total) / static_cast<float>(a.columns) + a.epsilon);
    for (uint64_t i = 4 * Rows::lane(b); i < n; i += 4 * width) {
      float x[4], scale[4], shift[4] = {0, 0, 0, 0};
      again(i, x);
      load_four(a.scale, i, n, a.wide, scale);
      if (a.shift != nullptr) load_four(a.shift, i, n, a.wide, shift);
      ACCELERATE_UNROLL
      for (int j = 0; j < 4; j++) x[j] = fused((x[j] - mean) * inverse, scale[j], shift[j]);
      store_four(a.y + at, i, n, a.wide, x);
      if (a.narrow != nullptr) store_four(a.narrow + at, i, n, a.wide, x);
    }
    if (!inside || Rows::lane(b) != 0) return;
    if (a.mean != nullptr) a.mean[row] = mean;
    if (a.inverse != nullptr) a.inverse[row] = inverse;
  }
};

/// dresidual and dx, one row per team.
template <typename Numbers, uint32_t width> struct LayerNormGradKernel {
  using T = typename Numbers::T;
  using X = typename Numbers::X;
  struct Args {
    const T *dy, *dsum, *sum;
    const float *mean, *inverse;
    const T* scale;
    X* dx;
    T* dresidual;
    uint64_t rows, columns;
    bool wide;
    MaskPlan plan;
    const X* more[3];
    T* total;
  };
  static constexpr uint32_t threads = width == warp ? 128 : width;

  static ACCELERATE_DEVICE void run(Block& b, const Args& a) {
    using Rows = Team<width>;
    const PhiloxKey key = key_of(b, a.plan, static_cast<char*>(b.memory()) + reduction_bytes);
    const uint64_t row = b.index() * (threads / width) + b.thread() / width;
    const bool inside = row < a.rows;
    const uint64_t n = inside ? a.columns : 0, at = row * a.columns;
    const MaskRow masks = inside ? mask_row(a.plan, row) : MaskRow{0, 0, 0};
    const float mean = inside ? a.mean[row] : 0, inverse = inside ? a.inverse[row] : 0;
    // The gradient of y is added up once; from then on each thread reads what it has written itself.
    const bool several = a.more[0] != nullptr;
    const auto add_up = [&](uint64_t i) {
      float g[4];
      load_four(a.dy + at, i, n, a.wide, g);
      ACCELERATE_UNROLL
      for (int k = 0; k < 3; k++) {
        if (a.more[k] == nullptr) break;
        float more[4];
        load_four(a.more[k] + at, i, n, a.wide, more);
        ACCELERATE_UNROLL
        for (int j = 0; j < 4; j++) g[j] += more[j];
      }
      store_four(a.total + at, i, n, a.wide, g);
    };
    const T* const dy = several ? a.total : a.dy;
    const auto load = [&](uint64_t i, float* g, float* normal) {
      float scale[4];
      load_four(dy + at, i, n, a.wide, g);
      load_four(a.sum + at, i, n, a.wide, normal);
      load_four(a.scale, i, n, a.wide, scale);
      ACCELERATE_UNROLL
      for (int j = 0; j < 4; j++) {
        normal[j] = (normal[j] - mean) * inverse;
        g[j] *= scale[j];  // 0 beyond the row
      }
    };
    float total = 0, slope = 0;
    for (uint64_t i = 4 * Rows::lane(b); i < n; i += 4 * width) {
      float g[4], normal[4];
      if (several) add_up(i);
      load(i, g, normal);
      ACCELERATE_UNROLL
      for (int j = 0; j < 4; j++) {
        total += g[j];
        slope = fused(g[j], normal[j], slope);
      }
    }
    const float average = Rows::sum(b, total) / static_cast<float>(a.columns), tilt = Rows::sum(b, slope) / static_cast<float>(a.columns);
    for (uint64_t i = 4 * Rows::lane(b); i < n; i += 4 * width) {
      float g[4], normal[4], more[4] = {0, 0, 0, 0};
      load(i, g, normal);
      if (a.dsum != nullptr) load_four(a.dsum + at, i, n, a.wide, more);
      ACCELERATE_UNROLL
      for (int j = 0; j < 4; j++) g[j] = fused(g[j] - fused(normal[j], tilt, average), inverse, more[j]);
      if (a.dresidual != nullptr) store_four(a.dresidual + at, i, n, a.wide, g);
      drop_four(a.plan, key, masks, i, g);
      if (a.dx != nullptr) store_four(a.dx + at, i, n, a.wide, g);
    }
  }
};

/// dscale, dshift and dbias.
template <typename Numbers> struct LayerNormColumnsKernel {
  using T = typename Numbers::T;
  struct Args { const T *dy, *sum; const float *mean, *inverse; const typename Numbers::X* dx; T *dscale, *dshift, *dbias; uint64_t rows, columns; };
  static constexpr uint32_t threads = ColumnTile::threads;

  static ACCELERATE_DEVICE void run(Block& b, const Args& a) {
    const uint64_t column = ColumnTile::column(b);
    const bool inside = column < a.columns, parameters = a.dscale != nullptr || a.dshift != nullptr;
    float dscale = 0, dshift = 0, dbias = 0;
    if (inside) {
      for (uint64_t row = ColumnTile::lane(b); row < a.rows; row += ColumnTile::lanes) {
        const uint64_t at = row * a.columns + column;
        if (parameters) {
          const float dy = widened(a.dy[at]);
          dshift += dy;
          dscale = fused(dy, (widened(a.sum[at]) - a.mean[row]) * a.inverse[row], dscale);
        }
        if (a.dbias != nullptr) dbias += widened(a.dx[at]);
      }
    }
    dscale = ColumnTile::total(b, dscale);
    dshift = ColumnTile::total(b, dshift);
    dbias = ColumnTile::total(b, dbias);
    if (!inside || ColumnTile::lane(b) != 0) return;
    if (a.dscale != nullptr) a.dscale[column] = narrowed<T>(dscale);
    if (a.dshift != nullptr) a.dshift[column] = narrowed<T>(dshift);
    if (a.dbias != nullptr) a.dbias[column] = narrowed<T>(dbias);
  }
};

}  // namespace cuda
}  // namespace accelerate_ts
