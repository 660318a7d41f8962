// What the kernels of attention share: tiles of scores that never leave the multiprocessor, and where they lie. Scores, exponentials and sums are float32, whatever the numbers in memory.
#pragma once

#include "masks.h"

namespace accelerate_ts {
namespace cuda {

template <typename T> struct AttentionArgs {
  const T *q, *k, *v, *bias, *q_bias, *k_bias, *v_bias;
  const int64_t* places;  // of queries, sorted by batch entry; null: dense. `queries`: all rows where given, else those of a batch entry
  uint64_t bias_step;  // from one batch entry to the next
  uint64_t batch, queries, keys, heads, size, value_size;
  float scale;
  bool causal;
  MaskPlan plan;
  T *y, *lse;
  const T* dy;
  T *dq, *dk, *dv;
  float* stats;
};

/// A tile: `rows` by 32 scores, each thread having four rows of two. Rows of q, k and v lie in shared memory filled up with zeros, four numbers apart from a multiple of 32: no two lanes meet in a bank.
template <uint32_t size> struct AttentionTile {
  static_assert(size == 64 || size == 128, "as many numbers of accumulators as registers hold");
  static constexpr uint32_t rows = size == 64 ? 64 : 32, columns = 32, threads = rows / 4 * 16, parts = size / 16, step = size + 4, score_step = columns + 4;

  uint32_t tx, ty;
  explicit ACCELERATE_DEVICE AttentionTile(const Block& b) : tx(b.thread() % 16), ty(b.thread() / 16) {}
  ACCELERATE_DEVICE uint32_t row(uint32_t r) const { return ty * 4 + r; }
  ACCELERATE_DEVICE uint32_t column(uint32_t c) const { return tx + 16 * c; }

  /// Over the sixteen threads that share a row.
  static ACCELERATE_DEVICE float sum(Block& b, float x) {
    for (uint32_t mask = 8; mask > 0; mask /= 2) x += b.shuffle(x, mask);
    return x;
  }
  static ACCELERATE_DEVICE float max(Block& b, float x) {
    for (uint32_t mask = 8; mask > 0; mask /= 2) {
      const float other = b.shuffle(x, mask);
      x = other > x ? other : x;
    }
    return x;
  }

  /// `count` rows of a head, each `width` numbers, to shared memory, with the head's part of a bias added where there is one; zeros behind them and below.
  template <typename T> static ACCELERATE_DEVICE void load(const Block& b, const T* from, const T* bias, uint64_t stride, uint64_t count, uint64_t width, uint32_t tall, float* to) {
    for (uint32_t i = b.thread(); i < tall * size; i += threads) {
      const uint32_t r = i / size, c = i % size;
      float x = 0;
      if (r < count && c < width) {
        x = widened(from[r * stride + c]);
        if (bias != nullptr) x += widened(bias[c]);
      }
      to[r * step + c] = x;
    }
  }

  /// A head's part of a bias.
  template <typename T> static ACCELERATE_DEVICE const T* part(const T* bias, uint64_t at) { return bias == nullptr ? nullptr : bias + at; }

  /// s[r][c] = row(r) of a times column(c) of b.
  ACCELERATE_DEVICE void scores(const float* a, const float* b, uint64_t width, float (&s)[4][2]) const {
    ACCELERATE_UNROLL
    for (int r = 0; r < 4; r++) s[r][0] = s[r][1] = 0;
    for (uint32_t i = 0; i < width; i += 4) {
      Four<float> x[4], y[2];
      ACCELERATE_UNROLL
      for (int r = 0; r < 4; r++) x[r] = *reinterpret_cast<const Four<float>*>(a + row(r) * step + i);
      ACCELERATE_UNROLL
      for (int c = 0; c < 2; c++) y[c] = *reinterpret_cast<const Four<float>*>(b + column(c) * step + i);
      ACCELERATE_UNROLL
      for (int k = 0; k < 4; k++)
        ACCELERATE_UNROLL
        for (int r = 0; r < 4; r++)
          ACCELERATE_UNROLL
          for (int c = 0; c < 2; c++) s[r][c] = fused(x[r].x[k], y[c].x[k], s[r][c]);
    }
  }

  /// sums[r][c] += weights of row(r) times column tx + 16 c of `values`, over the tile's 32 columns.
  ACCELERATE_DEVICE void weighted(const float* weights, const float* values, float (&sums)[4][parts]) const {
    for (uint32_t i = 0; i < columns; i += 4) {
      Four<float> w[4];
      ACCELERATE_UNROLL
      for (int r = 0; r < 4; r++) w[r] = *reinterpret_cast<const Four<float>*>(weights + row(r) * score_step + i);
      ACCELERATE_UNROLL
      for (int k = 0; k < 4; k++)
        ACCELERATE_UNROLL
        for (uint32_t c = 0; c < parts; c++) {
          const float value = values[(i + k) * step + tx + 16 * c];
          ACCELERATE_UNROLL
          for (int r = 0; r < 4; r++) sums[r][c] = fused(w[r].x[k], value, sums[r][c]);
        }
    }
  }

  template <typename T> ACCELERATE_DEVICE void store(const float (&sums)[4][parts], const float (&by)[4], T* to, uint64_t stride, uint64_t count, uint64_t width) const {
    ACCELERATE_UNROLL
    for (int r = 0; r < 4; r++) {
      if (row(r) >= count) continue;
      ACCELERATE_UNROLL
      for (uint32_t c = 0; c < parts; c++) if (tx + 16 * c < width) to[row(r) * stride + tx + 16 * c] = narrowed<T>(sums[r][c] * by[r]);
    }
  }

  /// Which weights are kept, a byte for each four keys: those of `queries` query rows, whose tokens `token` says, and `keys` key tokens (a multiple of 4) from `key` on.
  template <typename Token>
  static ACCELERATE_DEVICE void draw(const Block& b, const MaskPlan& plan, PhiloxKey secret, uint64_t entry, uint64_t head, const Token& token, uint64_t queries, uint64_t key, uint32_t keys, uint8_t* keep) {
    if (plan.mode != 1) return;
    for (uint32_t i = b.thread(); i < queries * (keys / 4); i += threads) {
      const MaskRow place = {static_cast<uint32_t>(entry), static_cast<uint32_t>(head), static_cast<uint32_t>(token(i / (keys / 4)))};
      const PhiloxWords words = words_at(secret, place, key + i % (keys / 4) * 4);
      uint32_t bits = 0;
      ACCELERATE_UNROLL
      for (int j = 0; j < 4; j++) if (words.w[j] >= plan.threshold) bits |= 1u << j;
      keep[i] = static_cast<uint8_t>(bits);
    }
  }
  /// What dropout multiplies a weight by.
  static ACCELERATE_DEVICE float factor(const MaskPlan& plan, const uint8_t* keep, uint32_t query, uint32_t key, uint32_t keys) {
    if (plan.mode == 0) return 1.0f;
    if (plan.mode == 2) return 0.0f;
    return (keep[query * (keys / 4) + key / 4] >> (key % 4) & 1) != 0 ? plan.scale : 0.0f;
  }
};

/// Which batch entry, head and tile a block has; tiles of one head are next to each other. `count` rows from `begin` on, of the `tokens` rows of the entry.
struct AttentionPlace {
  uint64_t entry, head, begin, count;
  ACCELERATE_DEVICE AttentionPlace(uint64_t block, uint64_t heads, uint64_t tokens, uint32_t tall) {
    const uint64_t tiles = pieces_of(tokens, tall);
    entry = block / tiles / heads, head = block / tiles % heads, begin = block % tiles * tall;
    cut(tokens, tall);
  }
  ACCELERATE_DEVICE void cut(uint64_t tokens, uint32_t tall) { count = begin >= tokens ? 0 : tokens - begin < tall ? tokens - begin : tall; }
};

/// The query rows of a batch entry. Where they have places there may be any number up to all: blocks beyond have nothing to do.
struct AttentionRows {
  uint64_t first, count;
  const int64_t* places;
  template <typename Args> ACCELERATE_DEVICE AttentionRows(const Args& a, uint64_t entry) : first(entry * a.queries), count(a.queries), places(a.places) {
    if (places == nullptr) return;
    first = before(a, static_cast<int64_t>(entry));
    count = before(a, static_cast<int64_t>(entry) + 1) - first;
  }
  /// How many rows are of earlier entries.
  template <typename Args> static ACCELERATE_DEVICE uint64_t before(const Args& a, int64_t entry) {
    uint64_t low = 0, high = a.queries;
    while (low < high) {
      const uint64_t middle = (low + high) / 2;
      if (a.places[2 * middle] < entry) low = middle + 1;
      else high = middle;
    }
    return low;
  }
  /// The token of the entry's row i.
  ACCELERATE_DEVICE uint64_t token(uint64_t i) const { return places == nullptr ? i : static_cast<uint64_t>(places[2 * (first + i) + 1]); }
};

/// Where things lie in shared memory.
template <uint32_t size> struct AttentionMemory {
  using Tile = AttentionTile<size>;
  static constexpr size_t tall = Tile::rows * Tile::step * sizeof(float), flat = Tile::columns * Tile::step * sizeof(float), weights = Tile::rows * Tile::score_step * sizeof(float);
  static constexpr size_t keep = Tile::rows * Tile::columns / 4, vectors = 4 * Tile::columns * sizeof(float);
  static constexpr size_t forward = key_bytes + vectors + keep + tall + flat + weights;
  static constexpr size_t queries = key_bytes + vectors + keep + 2 * tall + 2 * flat + weights;
  static constexpr size_t keys = key_bytes + vectors + keep + 2 * tall + 2 * flat + 2 * weights;
};

}  // namespace cuda
}  // namespace accelerate_ts
