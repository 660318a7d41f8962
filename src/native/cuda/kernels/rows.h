// Kernels over rows of numbers: dropout, layer normalization, GELU, softmax and cross entropy. What they compute stands in ../../kernels/{dropout,layer_norm,gelu,softmax}.h.
#pragma once

#include "masks.h"

namespace accelerate_ts {
namespace cuda {

template <typename T> struct DropoutKernel {
  struct Args { const T* x; T* y; uint64_t rows, columns, groups; bool wide; MaskPlan plan; };
  static constexpr uint32_t threads = 256;
  static constexpr uint64_t each = 4;  // groups of four numbers per thread

  static ACCELERATE_DEVICE void run(Block& b, const Args& a) {
    const PhiloxKey key = key_of(b, a.plan, b.memory());
    for (uint64_t k = 0; k < each; k++) {
      const uint64_t at = (b.index() * each + k) * threads + b.thread();
      if (at >= a.rows * a.groups) return;
      const uint64_t row = at / a.groups, i = at % a.groups * 4;
      float x[4];
      load_four(a.x + row * a.columns, i, a.columns, a.wide, x);
      drop_four(a.plan, key, mask_row(a.plan, row), i, x);
      store_four(a.y + row * a.columns, i, a.columns, a.wide, x);
    }
  }
};

/// One row per team.
template <typename T, uint32_t width> struct LayerNormKernel {
  struct Args { const T *x, *bias, *residual, *scale, *shift; T *y, *sum; float *mean, *inverse; uint64_t rows, columns; float epsilon; bool wide; MaskPlan plan; };
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
    }
    if (!inside || Rows::lane(b) != 0) return;
    if (a.mean != nullptr) a.mean[row] = mean;
    if (a.inverse != nullptr) a.inverse[row] = inverse;
  }
};

/// dresidual and dx, one row per team.
template <typename T, uint32_t width> struct LayerNormGradKernel {
  struct Args { const T *dy, *dsum, *sum; const float *mean, *inverse; const T* scale; T *dx, *dresidual; uint64_t rows, columns; bool wide; MaskPlan plan; };
  static constexpr uint32_t threads = width == warp ? 128 : width;

  static ACCELERATE_DEVICE void run(Block& b, const Args& a) {
    using Rows = Team<width>;
    const PhiloxKey key = key_of(b, a.plan, static_cast<char*>(b.memory()) + reduction_bytes);
    const uint64_t row = b.index() * (threads / width) + b.thread() / width;
    const bool inside = row < a.rows;
    const uint64_t n = inside ? a.columns : 0, at = row * a.columns;
    const MaskRow masks = inside ? mask_row(a.plan, row) : MaskRow{0, 0, 0};
    const float mean = inside ? a.mean[row] : 0, inverse = inside ? a.inverse[row] : 0;
    const auto load = [&](uint64_t i, float* g, float* normal) {
      float scale[4];
      load_four(a.dy + at, i, n, a.wide, g);
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

/// Sums over rows for tiles of eight columns, whose numbers fill the smallest piece that memory gives: 32 threads share a column, then add up in order.
struct ColumnTile {
  static constexpr uint32_t columns = 8, lanes = 32, threads = columns * lanes;

  static ACCELERATE_DEVICE uint64_t column(const Block& b) { return b.index() * columns + b.thread() % columns; }
  static ACCELERATE_DEVICE uint32_t lane(const Block& b) { return b.thread() / columns; }
  /// The column's sum, in the threads of lane 0.
  static ACCELERATE_DEVICE float total(Block& b, float value) {
    float* const shared = static_cast<float*>(b.memory());
    shared[b.thread()] = value;
    b.sync();
    for (uint32_t half = lanes / 2; half > 0; half /= 2) {
      if (lane(b) < half) shared[b.thread()] += shared[b.thread() + half * columns];
      b.sync();
    }
    value = shared[b.thread() % columns];
    b.sync();
    return value;
  }
};

/// dscale, dshift and dbias.
template <typename T> struct LayerNormColumnsKernel {
  struct Args { const T *dy, *sum; const float *mean, *inverse; const T* dx; T *dscale, *dshift, *dbias; uint64_t rows, columns; };
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
