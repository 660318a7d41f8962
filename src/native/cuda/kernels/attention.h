// Attention by tiles of scores that never leave the multiprocessor, and its gradient, without atomic additions: the bits do not depend on the order in which blocks run.
// Scores, exponentials and sums are float32, whatever the numbers in memory. What is computed stands in ../../kernels/attention.h.
#pragma once

#include "masks.h"

namespace accelerate_ts {
namespace cuda {

template <typename T> struct AttentionArgs {
  const T *q, *k, *v, *bias;
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

  /// `count` rows of a head, each `width` numbers, to shared memory; zeros behind them and below.
  template <typename T> static ACCELERATE_DEVICE void load(const Block& b, const T* from, uint64_t stride, uint64_t count, uint64_t width, uint32_t tall, float* to) {
    for (uint32_t i = b.thread(); i < tall * size; i += threads) {
      const uint32_t r = i / size, c = i % size;
      to[r * step + c] = r < count && c < width ? widened(from[r * stride + c]) : 0.0f;
    }
  }

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

template <typename T, uint32_t size> struct AttentionKernel {
  using Args = AttentionArgs<T>;
  using Tile = AttentionTile<size>;
  using Memory = AttentionMemory<size>;
  static constexpr uint32_t threads = Tile::threads;
  static constexpr size_t bytes = Memory::forward;

  static ACCELERATE_DEVICE void run(Block& b, const Args& a) {
    const Tile tile(b);
    AttentionPlace at(b.index(), a.heads, a.queries, Tile::rows);
    const AttentionRows rows(a, at.entry);
    at.cut(rows.count, Tile::rows);
    if (at.count == 0) return;
    const auto token = [&](uint64_t i) { return i < at.count ? rows.token(at.begin + i) : 0; };
    char* const memory = static_cast<char*>(b.memory());
    float* const bias = reinterpret_cast<float*>(memory + key_bytes);
    auto* const keep = reinterpret_cast<uint8_t*>(memory + key_bytes + Memory::vectors);
    float* const q = reinterpret_cast<float*>(memory + key_bytes + Memory::vectors + Memory::keep);
    float* const kv = q + Memory::tall / sizeof(float);
    float* const weights = kv + Memory::flat / sizeof(float);
    const PhiloxKey secret = key_of(b, a.plan, memory);
    const uint64_t stride = a.heads * a.size, valueStride = a.heads * a.value_size, firstQuery = rows.first + at.begin, firstKey = at.entry * a.keys;
    Tile::load(b, a.q + firstQuery * stride + at.head * a.size, stride, at.count, a.size, Tile::rows, q);
    float sums[4][Tile::parts] = {}, most[4], total[4];
    for (int r = 0; r < 4; r++) most[r] = minus_infinity(), total[r] = 0;
    const uint64_t seen = a.causal && a.places == nullptr && at.begin + at.count < a.keys ? at.begin + at.count : a.keys;
    for (uint64_t from = 0; from < seen; from += Tile::columns) {
      const uint64_t count = seen - from < Tile::columns ? seen - from : Tile::columns;
      b.sync();
      Tile::load(b, a.k + (firstKey + from) * stride + at.head * a.size, stride, count, a.size, Tile::columns, kv);
      if (b.thread() < Tile::columns) bias[b.thread()] = a.bias != nullptr && b.thread() < count ? widened(a.bias[at.entry * a.bias_step + from + b.thread()]) : 0.0f;
      Tile::draw(b, a.plan, secret, at.entry, at.head, token, at.count, from, Tile::columns, keep);
      b.sync();
      float s[4][2];
      tile.scores(q, kv, a.size, s);
      ACCELERATE_UNROLL
      for (int r = 0; r < 4; r++) {
        ACCELERATE_UNROLL
        for (int c = 0; c < 2; c++) {
          const uint32_t column = tile.column(c);
          const bool sees = column < count && (!a.causal || from + column <= token(tile.row(r)));
          s[r][c] = sees ? fused(s[r][c], a.scale, bias[column]) : minus_infinity();
        }
        const float before = most[r], here = Tile::max(b, s[r][0] > s[r][1] ? s[r][0] : s[r][1]);
        most[r] = here > before ? here : before;
        const float shrink = most[r] == before ? 1.0f : expf(before - most[r]);
        float exponentials = 0;
        ACCELERATE_UNROLL
        for (int c = 0; c < 2; c++) {
          const float e = s[r][c] == minus_infinity() ? 0.0f : expf(s[r][c] - most[r]);
          exponentials += e;
          weights[tile.row(r) * Tile::score_step + tile.column(c)] = e * Tile::factor(a.plan, keep, tile.row(r), tile.column(c), Tile::columns);
        }
        total[r] = fused(total[r], shrink, Tile::sum(b, exponentials));
        ACCELERATE_UNROLL
        for (uint32_t c = 0; c < Tile::parts; c++) sums[r][c] *= shrink;
      }
      b.sync();
      Tile::load(b, a.v + (firstKey + from) * valueStride + at.head * a.value_size, valueStride, count, a.value_size, Tile::columns, kv);
      b.sync();
      tile.weighted(weights, kv, sums);
    }
    float by[4];
    for (int r = 0; r < 4; r++) by[r] = total[r] == 0 ? 0.0f : 1.0f / total[r];
    tile.store(sums, by, a.y + firstQuery * valueStride + at.head * a.value_size, valueStride, at.count, a.value_size);
    if (a.lse == nullptr || tile.tx != 0) return;
    for (int r = 0; r < 4; r++)
      if (tile.row(r) < at.count) a.lse[(firstQuery + tile.row(r)) * a.heads + at.head] = narrowed<T>(total[r] == 0 ? minus_infinity() : most[r] + logf(total[r]));
  }
};

/// dq, and of each query the greatest score, the inverse of the sum of exponentials, and the mean that the scores' gradients are measured from.
/// Not from a log of the sum: where all keys are masked by a great number, that would absorb it.
template <typename T, uint32_t size> struct AttentionQueriesKernel {
  using Args = AttentionArgs<T>;
  using Tile = AttentionTile<size>;
  using Memory = AttentionMemory<size>;
  static constexpr uint32_t threads = Tile::threads;
  static constexpr size_t bytes = Memory::queries;

  static ACCELERATE_DEVICE void run(Block& b, const Args& a) {
    const Tile tile(b);
    AttentionPlace at(b.index(), a.heads, a.queries, Tile::rows);
    const AttentionRows rows(a, at.entry);
    at.cut(rows.count, Tile::rows);
    if (at.count == 0) return;
    const auto token = [&](uint64_t i) { return i < at.count ? rows.token(at.begin + i) : 0; };
    char* const memory = static_cast<char*>(b.memory());
    float* const bias = reinterpret_cast<float*>(memory + key_bytes);
    auto* const keep = reinterpret_cast<uint8_t*>(memory + key_bytes + Memory::vectors);
    float* const q = reinterpret_cast<float*>(memory + key_bytes + Memory::vectors + Memory::keep);
    float* const dy = q + Memory::tall / sizeof(float);
    float* const k = dy + Memory::tall / sizeof(float);
    float* const v = k + Memory::flat / sizeof(float);
    float* const gradients = v + Memory::flat / sizeof(float);
    const PhiloxKey secret = key_of(b, a.plan, memory);
    const uint64_t stride = a.heads * a.size, valueStride = a.heads * a.value_size, firstQuery = rows.first + at.begin, firstKey = at.entry * a.keys;
    Tile::load(b, a.q + firstQuery * stride + at.head * a.size, stride, at.count, a.size, Tile::rows, q);
    Tile::load(b, a.dy + firstQuery * valueStride + at.head * a.value_size, valueStride, at.count, a.value_size, Tile::rows, dy);
    const uint64_t seen = a.causal && a.places == nullptr && at.begin + at.count < a.keys ? at.begin + at.count : a.keys;
    float s[4][2], g[4][2];
    // Scores and the gradients of the weights of one tile.
    const auto make = [&](uint64_t from) {
      const uint64_t count = seen - from < Tile::columns ? seen - from : Tile::columns;
      b.sync();
      Tile::load(b, a.k + (firstKey + from) * stride + at.head * a.size, stride, count, a.size, Tile::columns, k);
      Tile::load(b, a.v + (firstKey + from) * valueStride + at.head * a.value_size, valueStride, count, a.value_size, Tile::columns, v);
      if (b.thread() < Tile::columns) bias[b.thread()] = a.bias != nullptr && b.thread() < count ? widened(a.bias[at.entry * a.bias_step + from + b.thread()]) : 0.0f;
      Tile::draw(b, a.plan, secret, at.entry, at.head, token, at.count, from, Tile::columns, keep);
      b.sync();
      tile.scores(q, k, a.size, s);
      tile.scores(dy, v, a.value_size, g);
      ACCELERATE_UNROLL
      for (int r = 0; r < 4; r++)
        ACCELERATE_UNROLL
        for (int c = 0; c < 2; c++) {
          const uint32_t column = tile.column(c);
          const bool sees = column < count && (!a.causal || from + column <= token(tile.row(r)));
          s[r][c] = sees ? fused(s[r][c], a.scale, bias[column]) : minus_infinity();
          g[r][c] = sees ? g[r][c] * Tile::factor(a.plan, keep, tile.row(r), column, Tile::columns) : 0.0f;
        }
    };
    float most[4], total[4], products[4];
    for (int r = 0; r < 4; r++) most[r] = minus_infinity(), total[r] = products[r] = 0;
    for (uint64_t from = 0; from < seen; from += Tile::columns) {
      make(from);
      ACCELERATE_UNROLL
      for (int r = 0; r < 4; r++) {
        const float before = most[r], here = Tile::max(b, s[r][0] > s[r][1] ? s[r][0] : s[r][1]);
        most[r] = here > before ? here : before;
        const float shrink = most[r] == before ? 1.0f : expf(before - most[r]);
        float exponentials = 0, product = 0;
        ACCELERATE_UNROLL
        for (int c = 0; c < 2; c++) {
          const float e = s[r][c] == minus_infinity() ? 0.0f : expf(s[r][c] - most[r]);
          exponentials += e;
          product = fused(e, g[r][c], product);
        }
        total[r] = fused(total[r], shrink, Tile::sum(b, exponentials));
        products[r] = fused(products[r], shrink, Tile::sum(b, product));
      }
    }
    float sums[4][Tile::parts] = {}, by[4], mean[4];
    for (int r = 0; r < 4; r++) {
      by[r] = total[r] == 0 ? 0.0f : 1.0f / total[r];
      mean[r] = products[r] * by[r];
    }
    for (uint64_t from = 0; from < seen; from += Tile::columns) {
      make(from);
      ACCELERATE_UNROLL
      for (int r = 0; r < 4; r++)
        ACCELERATE_UNROLL
        for (int c = 0; c < 2; c++) {
          const float weight = s[r][c] == minus_infinity() ? 0.0f : expf(s[r][c] - most[r]) * by[r];
          gradients[tile.row(r) * Tile::score_step + tile.column(c)] = weight * (g[r][c] - mean[r]) * a.scale;
        }
      b.sync();
      tile.weighted(gradients, k, sums);
    }
    const float one[4] = {1, 1, 1, 1};
    tile.store(sums, one, a.dq + firstQuery * stride + at.head * a.size, stride, at.count, a.size);
    if (tile.tx != 0) return;
    for (int r = 0; r < 4; r++) {
      if (tile.row(r) >= at.count) continue;
      float* const stats = a.stats + ((firstQuery + tile.row(r)) * a.heads + at.head) * 3;
      stats[0] = most[r], stats[1] = by[r], stats[2] = mean[r];
    }
  }
};

/// dk and dv: here rows of tiles are keys, and columns queries.
template <typename T, uint32_t size> struct AttentionKeysKernel {
  using Args = AttentionArgs<T>;
  using Tile = AttentionTile<size>;
  using Memory = AttentionMemory<size>;
  static constexpr uint32_t threads = Tile::threads;
  static constexpr size_t bytes = Memory::keys;

  static ACCELERATE_DEVICE void run(Block& b, const Args& a) {
    const Tile tile(b);
    const AttentionPlace at(b.index(), a.heads, a.keys, Tile::rows);
    char* const memory = static_cast<char*>(b.memory());
    float* const stats = reinterpret_cast<float*>(memory + key_bytes);
    auto* const keep = reinterpret_cast<uint8_t*>(memory + key_bytes + Memory::vectors);
    float* const k = reinterpret_cast<float*>(memory + key_bytes + Memory::vectors + Memory::keep);
    float* const v = k + Memory::tall / sizeof(float);
    float* const q = v + Memory::tall / sizeof(float);
    float* const dy = q + Memory::flat / sizeof(float);
    float* const weights = dy + Memory::flat / sizeof(float);
    float* const gradients = weights + Memory::weights / sizeof(float);
    const PhiloxKey secret = key_of(b, a.plan, memory);
    const uint64_t stride = a.heads * a.size, valueStride = a.heads * a.value_size, firstKey = at.entry * a.keys + at.begin;
    const AttentionRows rows(a, at.entry);
    Tile::load(b, a.k + firstKey * stride + at.head * a.size, stride, at.count, a.size, Tile::rows, k);
    Tile::load(b, a.v + firstKey * valueStride + at.head * a.value_size, valueStride, at.count, a.value_size, Tile::rows, v);
    float bias[4];
    for (int r = 0; r < 4; r++) bias[r] = a.bias != nullptr && tile.row(r) < at.count ? widened(a.bias[at.entry * a.bias_step + at.begin + tile.row(r)]) : 0.0f;
    float dk[4][Tile::parts] = {}, dv[4][Tile::parts] = {};
    // Queries before the first key see none of them.
    const uint64_t first = a.causal && a.places == nullptr ? at.begin / Tile::columns * Tile::columns : 0;
    for (uint64_t from = first; from < rows.count; from += Tile::columns) {
      const uint64_t count = rows.count - from < Tile::columns ? rows.count - from : Tile::columns, firstQuery = rows.first + from;
      const auto token = [&](uint64_t i) { return i < count ? rows.token(from + i) : 0; };
      b.sync();
      Tile::load(b, a.q + firstQuery * stride + at.head * a.size, stride, count, a.size, Tile::columns, q);
      Tile::load(b, a.dy + firstQuery * valueStride + at.head * a.value_size, valueStride, count, a.value_size, Tile::columns, dy);
      for (uint32_t i = b.thread(); i < 3 * Tile::columns; i += threads)
        stats[i] = i / 3 < count ? a.stats[((firstQuery + i / 3) * a.heads + at.head) * 3 + i % 3] : 0.0f;
      Tile::draw(b, a.plan, secret, at.entry, at.head, token, count, at.begin, Tile::rows, keep);
      b.sync();
      float s[4][2], g[4][2];
      tile.scores(k, q, a.size, s);
      tile.scores(v, dy, a.value_size, g);
      ACCELERATE_UNROLL
      for (int r = 0; r < 4; r++)
        ACCELERATE_UNROLL
        for (int c = 0; c < 2; c++) {
          const uint32_t column = tile.column(c);
          const float *const of = stats + 3 * column, score = fused(s[r][c], a.scale, bias[r]);
          const bool sees = tile.row(r) < at.count && column < count && score != minus_infinity() && (!a.causal || at.begin + tile.row(r) <= token(column));
          const float weight = sees ? expf(score - of[0]) * of[1] : 0.0f, kept = Tile::factor(a.plan, keep, column, tile.row(r), Tile::rows);
          weights[tile.row(r) * Tile::score_step + column] = weight * kept;
          gradients[tile.row(r) * Tile::score_step + column] = sees ? weight * (g[r][c] * kept - of[2]) * a.scale : 0.0f;
        }
      b.sync();
      tile.weighted(weights, dy, dv);
      tile.weighted(gradients, q, dk);
    }
    const float one[4] = {1, 1, 1, 1};
    tile.store(dk, one, a.dk + firstKey * stride + at.head * a.size, stride, at.count, a.size);
    tile.store(dv, one, a.dv + firstKey * valueStride + at.head * a.value_size, valueStride, at.count, a.value_size);
  }
};

}  // namespace cuda
}  // namespace accelerate_ts
