// The gradient of attention, without atomic additions: the bits do not depend on the order in which blocks run.
#pragma once

#include "attention_tile.h"

namespace accelerate_ts {
namespace cuda {

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
    Tile::load(b, a.q + firstQuery * stride + at.head * a.size, Tile::part(a.q_bias, at.head * a.size), stride, at.count, a.size, Tile::rows, q);
    Tile::load(b, a.dy + firstQuery * valueStride + at.head * a.value_size, static_cast<const T*>(nullptr), valueStride, at.count, a.value_size, Tile::rows, dy);
    const uint64_t seen = a.causal && a.places == nullptr && at.begin + at.count < a.keys ? at.begin + at.count : a.keys;
    float s[4][2], g[4][2];
    // Scores and the gradients of the weights of one tile.
    const auto make = [&](uint64_t from) {
      const uint64_t count = seen - from < Tile::columns ? seen - from : Tile::columns;
      b.sync();
      Tile::load(b, a.k + (firstKey + from) * stride + at.head * a.size, Tile::part(a.k_bias, at.head * a.size), stride, count, a.size, Tile::columns, k);
      Tile::load(b, a.v + (firstKey + from) * valueStride + at.head * a.value_size, Tile::part(a.v_bias, at.head * a.value_size), valueStride, count, a.value_size, Tile::columns, v);
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
    Tile::load(b, a.k + firstKey * stride + at.head * a.size, Tile::part(a.k_bias, at.head * a.size), stride, at.count, a.size, Tile::rows, k);
    Tile::load(b, a.v + firstKey * valueStride + at.head * a.value_size, Tile::part(a.v_bias, at.head * a.value_size), valueStride, at.count, a.value_size, Tile::rows, v);
    float bias[4];
    for (int r = 0; r < 4; r++) bias[r] = a.bias != nullptr && tile.row(r) < at.count ? widened(a.bias[at.entry * a.bias_step + at.begin + tile.row(r)]) : 0.0f;
    float dk[4][Tile::parts] = {}, dv[4][Tile::parts] = {};
    // Queries before the first key see none of them.
    const uint64_t first = a.causal && a.places == nullptr ? at.begin / Tile::columns * Tile::columns : 0;
    for (uint64_t from = first; from < rows.count; from += Tile::columns) {
      const uint64_t count = rows.count - from < Tile::columns ? rows.count - from : Tile::columns, firstQuery = rows.first + from;
      const auto token = [&](uint64_t i) { return i < count ? rows.token(from + i) : 0; };
      b.sync();
      Tile::load(b, a.q + firstQuery * stride + at.head * a.size, Tile::part(a.q_bias, at.head * a.size), stride, count, a.size, Tile::columns, q);
      Tile::load(b, a.dy + firstQuery * valueStride + at.head * a.value_size, static_cast<const T*>(nullptr), valueStride, count, a.value_size, Tile::columns, dy);
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
