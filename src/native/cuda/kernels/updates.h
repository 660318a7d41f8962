// Steps of optimizers over flat ranges of float32, norms, and clipping: the formulas, and for steps the bits, of ../../kernels/optimizer.h.
#pragma once

#include "api.h"
#include "numbers.h"

namespace accelerate_ts {
namespace cuda {

/// So many ranges fit into the arguments of one launch.
constexpr uint32_t most_ranges = 32;
/// Elements of a range that one block has.
constexpr uint64_t range_piece = 4096;

/// Ranges by blocks: range r has the blocks from first[r] to first[r + 1].
struct Pieces {
  uint32_t count;
  uint64_t first[most_ranges + 1], offset[most_ranges], length[most_ranges];

  /// The range of a block.
  ACCELERATE_DEVICE uint32_t range_of(uint64_t block) const {
    uint32_t r = 0;
    while (block >= first[r + 1]) r++;
    return r;
  }
};

/// body(i) for the elements of a block.
template <uint32_t threads, typename Body> ACCELERATE_DEVICE void each_element(const Block& b, const Pieces& pieces, uint32_t range, uint64_t piece, const Body& body) {
  const uint64_t begin = (b.index() - pieces.first[range]) * piece, left = pieces.length[range] - begin, n = left < piece ? left : piece;
  for (uint64_t i = b.thread(); i < n; i += threads) body(pieces.offset[range] + begin + i);
}

struct AdamUpdate {
  // gradScale, l2, oneMinusBeta1, beta2, oneMinusBeta2, decayBefore, stepSize, rootScale, eps, decayAfter
  static ACCELERATE_DEVICE void run(const float* c, float* p, const float* gradients, float* const* states, uint64_t i) {
    float *const m = states[0] + i, *const v = states[1] + i;
    const float g = fused(c[1], p[i], c[0] * gradients[i]), average = fused(c[2], g - *m, *m), square = fused(c[3], *v, c[4] * (g * g));
    *m = average, *v = square;
    p[i] = c[9] * fused(-c[6], average / fused(sqrtf(square), c[7], c[8]), c[5] * p[i]);
  }
};
struct SgdUpdate {
  // gradScale, l2, momentum, oneMinusDampening, lr, gFactor, bFactor
  static ACCELERATE_DEVICE void run(const float* c, float* p, const float* gradients, float* const* states, uint64_t i) {
    const float g = fused(c[1], p[i], c[0] * gradients[i]);
    float step = g;
    if (states[0] != nullptr) {
      const float velocity = fused(c[2], states[0][i], c[3] * g);
      states[0][i] = velocity;
      step = fused(c[6], velocity, c[5] * g);
    }
    p[i] = fused(-c[4], step, p[i]);
  }
};
struct RmspropUpdate {
  // gradScale, l2, alpha, oneMinusAlpha, eps, momentum, lr; states: squares, velocity?, average?
  static ACCELERATE_DEVICE void run(const float* c, float* p, const float* gradients, float* const* states, uint64_t i) {
    const float g = fused(c[1], p[i], c[0] * gradients[i]);
    float square = fused(c[2], states[0][i], c[3] * (g * g));
    states[0][i] = square;
    if (states[2] != nullptr) {
      const float average = fused(c[3], g - states[2][i], states[2][i]);
      states[2][i] = average;
      // Rounding may leave a variance of nothing below 0; NaN stays.
      square = square - average * average;
      square = square < 0 ? 0.0f : square;
    }
    float step = g / (sqrtf(square) + c[4]);
    if (states[1] != nullptr) {
      step = fused(c[5], states[1][i], step);
      states[1][i] = step;
    }
    p[i] = fused(-c[6], step, p[i]);
  }
};
struct AdagradUpdate {
  // gradScale, l2, initial, stepSize, eps
  static ACCELERATE_DEVICE void run(const float* c, float* p, const float* gradients, float* const* states, uint64_t i) {
    const float g = fused(c[1], p[i], c[0] * gradients[i]), total = fused(g, g, c[2] + states[0][i]);
    states[0][i] = total;
    p[i] = fused(-c[3], g / (sqrtf(total) + c[4]), p[i]);
  }
};
struct LionUpdate {
  // gradScale, beta1, oneMinusBeta1, beta2, oneMinusBeta2, lr, decay
  static ACCELERATE_DEVICE void run(const float* c, float* p, const float* gradients, float* const* states, uint64_t i) {
    const float g = c[0] * gradients[i], m = states[0][i], x = fused(c[2], g, c[1] * m);
    // Of NaN there is no direction, as on the CPU.
    const float direction = x > 0 ? 1.0f : x < 0 ? -1.0f : 0.0f;
    p[i] = fused(-c[5], direction, c[6] * p[i]);
    states[0][i] = fused(c[4], g, c[3] * m);
  }
};

template <typename Rule> struct UpdateKernel {
  struct Args { Pieces pieces; float constants[most_ranges][most_constants]; float* values; const float* gradients; float* states[3]; };
  static constexpr uint32_t threads = 256;
  static ACCELERATE_DEVICE void run(Block& b, const Args& a) {
    const uint32_t range = a.pieces.range_of(b.index());
    each_element<threads>(b, a.pieces, range, range_piece, [&](uint64_t i) { Rule::run(a.constants[range], a.values, a.gradients, a.states, i); });
  }
};

struct ScaleKernel {
  struct Args { Pieces pieces; float* data; float factor; };
  static constexpr uint32_t threads = 256;
  static ACCELERATE_DEVICE void run(Block& b, const Args& a) {
    each_element<threads>(b, a.pieces, a.pieces.range_of(b.index()), range_piece, [&](uint64_t i) { a.data[i] *= a.factor; });
  }
};

struct ClampKernel {
  struct Args { Pieces pieces; float* data; float limit; };
  static constexpr uint32_t threads = 256;
  static ACCELERATE_DEVICE void run(Block& b, const Args& a) {
    each_element<threads>(b, a.pieces, a.pieces.range_of(b.index()), range_piece, [&](uint64_t i) {
      const float x = a.data[i];
      a.data[i] = x > a.limit ? a.limit : x < -a.limit ? -a.limit : x;
    });
  }
};

struct AddKernel {
  struct Args { Pieces pieces; float* into; const float* from; };
  static constexpr uint32_t threads = 256;
  static ACCELERATE_DEVICE void run(Block& b, const Args& a) {
    each_element<threads>(b, a.pieces, a.pieces.range_of(b.index()), range_piece, [&](uint64_t i) { a.into[i] += a.from[i]; });
  }
};

/// Elements that make one partial result: part of a norm's definition.
constexpr uint64_t norm_piece = 16384;

/// Two doubles for each block: its part of the norm, and how many of its elements are not finite.
struct NormPartsKernel {
  struct Args { Pieces pieces; const float* data; NormKind kind; double exponent; double* parts; };
  static constexpr uint32_t threads = 256;
  static ACCELERATE_DEVICE void run(Block& b, const Args& a) {
    double value = 0, bad = 0;
    each_element<threads>(b, a.pieces, a.pieces.range_of(b.index()), norm_piece, [&](uint64_t i) {
      const float x = a.data[i];
      const double size = x < 0 ? -static_cast<double>(x) : static_cast<double>(x);
      bad += is_finite(x) ? 0 : 1;
      if (a.kind == norm_squares) value += size * size;
      else if (a.kind == norm_absolutes) value += size;
      else if (a.kind == norm_power) value += pow(size, a.exponent);
      else value = Team<threads>::greater(value, size);
    });
    value = a.kind == norm_maximum ? Team<threads>::max(b, value) : Team<threads>::sum(b, value);
    bad = Team<threads>::sum(b, bad);
    if (b.thread() == 0) a.parts[2 * b.index()] = value, a.parts[2 * b.index() + 1] = bad;
  }
};

/// One block adds up all parts, in an order that their number alone decides.
struct NormTotalKernel {
  struct Args { const double* parts; uint64_t count; NormKind kind; double* result; };
  static constexpr uint32_t threads = 256;
  static ACCELERATE_DEVICE void run(Block& b, const Args& a) {
    double value = 0, bad = 0;
    for (uint64_t i = b.thread(); i < a.count; i += threads) {
      if (a.kind == norm_maximum) value = Team<threads>::greater(value, a.parts[2 * i]);
      else value += a.parts[2 * i];
      bad += a.parts[2 * i + 1];
    }
    value = a.kind == norm_maximum ? Team<threads>::max(b, value) : Team<threads>::sum(b, value);
    bad = Team<threads>::sum(b, bad);
    if (b.thread() == 0) a.result[0] = value, a.result[1] = bad;
  }
};

}  // namespace cuda
}  // namespace accelerate_ts
