// Kernels that send numbers back to where they came from: gradients of tables and of maximum pools; and copies. What they compute stands in ../../kernels/{embedding_grad,max_pool}.h.
#pragma once

#include "api.h"
#include "numbers.h"

namespace accelerate_ts {
namespace cuda {

template <typename T> struct FillZeroKernel {
  struct Args { T* out; uint64_t count; };
  static constexpr uint32_t threads = 256;
  static constexpr uint64_t each = 4;
  static ACCELERATE_DEVICE void run(Block& b, const Args& a) {
    for (uint64_t k = 0; k < each; k++) {
      const uint64_t i = (b.index() * each + k) * threads + b.thread();
      if (i < a.count) a.out[i] = narrowed<T>(0.0f);
    }
  }
};

/// A block for each place among the indices and each tile of columns. The first place of a row adds up all of its places: each of the lanes its share of them in order, then the lanes in order. All others
/// have nothing to do.
template <typename T> struct EmbeddingGradKernel {
  struct Args { const void* indices; bool wide; const T* dy; T* out; uint64_t count, outer, rows, inner, tiles; int64_t padding; };
  static constexpr uint32_t columns = 64, lanes = 4, threads = columns * lanes;
  /// Of shared memory: places that were found, how many of them each warp has, sums of the lanes.
  static constexpr size_t bytes = threads * sizeof(uint32_t) + (threads / warp + 1) * sizeof(uint32_t) + 12 + threads * sizeof(float);

  /// Negative indices count from the end; -1: outside the table.
  static ACCELERATE_DEVICE int64_t row_at(const Args& a, uint64_t i) {
    const int64_t index = a.wide ? static_cast<const int64_t*>(a.indices)[i] : static_cast<const int32_t*>(a.indices)[i], limit = static_cast<int64_t>(a.rows);
    return index < -limit || index >= limit ? -1 : index < 0 ? index + limit : index;
  }

  static ACCELERATE_DEVICE void run(Block& b, const Args& a) {
    auto* const places = static_cast<uint32_t*>(b.memory());
    uint32_t* const counts = places + threads;
    float* const sums = reinterpret_cast<float*>(counts + threads / warp + 4);
    const uint64_t tile = b.index() % a.tiles, place = b.index() / a.tiles % a.count, outer = b.index() / a.tiles / a.count;
    const uint32_t t = b.thread(), lane = t / columns;
    const uint64_t column = tile * columns + t % columns;
    const int64_t row = row_at(a, place);
    if (row < 0 || row == a.padding) return;
    // Whether an earlier place has the row.
    uint32_t* const flag = counts;
    if (t == 0) *flag = 0;
    b.sync();
    for (uint64_t begin = 0; begin < place; begin += threads) {
      if (begin + t < place && row_at(a, begin + t) == row) *flag = 1;
      b.sync();
      const bool found = *flag != 0;
      b.sync();
      if (found) return;
    }
    float total = 0;
    uint32_t taken = 0;  // places before this chunk: which lane is next
    for (uint64_t begin = place; begin < a.count; begin += threads) {
      const bool own = begin + t < a.count && row_at(a, begin + t) == row;
      // How many threads of the warp come before this one: sums over fewer than 2^24 are exact.
      float before = 0;
      const float mine = own ? 1.0f : 0.0f;
      float all = mine;
      for (uint32_t mask = 1; mask < warp; mask *= 2) {
        const float other = b.shuffle(all, mask);
        if ((t & mask) != 0) before += other;
        all += other;
      }
      if (t % warp == 0) counts[t / warp] = static_cast<uint32_t>(all);
      b.sync();
      uint32_t at = static_cast<uint32_t>(before), found = 0;
      for (uint32_t w = 0; w < threads / warp; w++) {
        if (w < t / warp) at += counts[w];
        found += counts[w];
      }
      if (own) places[at] = t;
      b.sync();
      if (column < a.inner) {
        const T* const from = a.dy + (outer * a.count + begin) * a.inner + column;
        for (uint32_t i = (lane + lanes - taken % lanes) % lanes; i < found; i += lanes) total += widened(from[places[i] * a.inner]);
      }
      taken += found;
      b.sync();
    }
    sums[t] = total;
    b.sync();
    if (lane != 0 || column >= a.inner) return;
    for (uint32_t i = 1; i < lanes; i++) total += sums[i * columns + t];
    a.out[(outer * a.rows + static_cast<uint64_t>(row)) * a.inner + column] = narrowed<T>(total);
  }
};

/// Each element of x gathers from the windows that it lies in, in their order.
template <typename T> struct MaxPoolGradKernel {
  struct Args { const T *x, *y, *dy; T* dx; uint64_t planes; int64_t in[3], out[3], kernel[3], stride[3], dilation[3], before[3]; };
  static constexpr uint32_t threads = 256;

  /// The place of an output's maximum in its plane, or -1.
  static ACCELERATE_DEVICE int64_t place_of(const Args& a, const T* x, float most, const int64_t* from) {
    const bool unordered = most != most;
    for (int64_t i = 0; i < a.kernel[0]; i++) {
      const int64_t p = from[0] + i * a.dilation[0];
      if (p < 0 || p >= a.in[0]) continue;
      for (int64_t j = 0; j < a.kernel[1]; j++) {
        const int64_t q = from[1] + j * a.dilation[1];
        if (q < 0 || q >= a.in[1]) continue;
        for (int64_t k = 0; k < a.kernel[2]; k++) {
          const int64_t r = from[2] + k * a.dilation[2];
          if (r < 0 || r >= a.in[2]) continue;
          const int64_t at = (p * a.in[1] + q) * a.in[2] + r;
          const float value = widened(x[at]);
          if (value == most || (unordered && value != value)) return at;
        }
      }
    }
    return -1;
  }
  /// The first and the last window that reaches a place along one dim.
  static ACCELERATE_DEVICE int64_t first_window(const Args& a, int d, int64_t at) {
    const int64_t reach = (a.kernel[d] - 1) * a.dilation[d], begin = at + a.before[d] - reach;
    return begin <= 0 ? 0 : (begin + a.stride[d] - 1) / a.stride[d];
  }
  static ACCELERATE_DEVICE int64_t last_window(const Args& a, int d, int64_t at) {
    const int64_t last = (at + a.before[d]) / a.stride[d];
    return last < a.out[d] ? last : a.out[d] - 1;
  }

  static ACCELERATE_DEVICE void run(Block& b, const Args& a) {
    const uint64_t at = b.index() * threads + b.thread(), ins = static_cast<uint64_t>(a.in[0] * a.in[1] * a.in[2]), outs = static_cast<uint64_t>(a.out[0] * a.out[1] * a.out[2]);
    if (at >= a.planes * ins) return;
    const uint64_t plane = at / ins;
    const auto own = static_cast<int64_t>(at % ins);
    const int64_t place[3] = {own / a.in[2] / a.in[1], own / a.in[2] % a.in[1], own % a.in[2]};
    const T* const x = a.x + plane * ins;
    float total = 0;
    int64_t o[3], from[3];
    for (o[0] = first_window(a, 0, place[0]); o[0] <= last_window(a, 0, place[0]); o[0]++) {
      from[0] = o[0] * a.stride[0] - a.before[0];
      if ((place[0] - from[0]) % a.dilation[0] != 0) continue;
      for (o[1] = first_window(a, 1, place[1]); o[1] <= last_window(a, 1, place[1]); o[1]++) {
        from[1] = o[1] * a.stride[1] - a.before[1];
        if ((place[1] - from[1]) % a.dilation[1] != 0) continue;
        for (o[2] = first_window(a, 2, place[2]); o[2] <= last_window(a, 2, place[2]); o[2]++) {
          from[2] = o[2] * a.stride[2] - a.before[2];
          if ((place[2] - from[2]) % a.dilation[2] != 0) continue;
          const uint64_t out = plane * outs + static_cast<uint64_t>((o[0] * a.out[1] + o[1]) * a.out[2] + o[2]);
          if (place_of(a, x, widened(a.y[out]), from) == own) total += widened(a.dy[out]);
        }
      }
    }
    a.dx[at] = narrowed<T>(total);
  }
};

/// Bytes, by sixteens where both sides allow it.
struct CopyKernel {
  struct Args { const unsigned char* from; unsigned char* into; uint64_t bytes; bool wide; };
  struct alignas(16) Sixteen { uint32_t x[4]; };
  static constexpr uint32_t threads = 256;
  static ACCELERATE_DEVICE void run(Block& b, const Args& a) {
    const uint64_t i = b.index() * threads + b.thread();
    if (a.wide) {
      if (16 * i + 16 <= a.bytes) reinterpret_cast<Sixteen*>(a.into)[i] = reinterpret_cast<const Sixteen*>(a.from)[i];
      else for (uint64_t k = 16 * i; k < a.bytes; k++) a.into[k] = a.from[k];
    } else {
      for (uint64_t k = 16 * i; k < a.bytes && k < 16 * i + 16; k++) a.into[k] = a.from[k];
    }
  }
};

}  // namespace cuda
}  // namespace accelerate_ts
