// Attention, tile by tile of scores. What is computed stands in ../../kernels/attention.h.
#pragma once

#include "attention_tile.h"

namespace accelerate_ts {
namespace cuda {

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
    Tile::load(b, a.q + firstQuery * stride + at.head * a.size, Tile::part(a.q_bias, at.head * a.size), stride, at.count, a.size, Tile::rows, q);
    float sums[4][Tile::parts] = {}, most[4], total[4];
    for (int r = 0; r < 4; r++) most[r] = minus_infinity(), total[r] = 0;
    const uint64_t seen = a.causal && a.places == nullptr && at.begin + at.count < a.keys ? at.begin + at.count : a.keys;
    for (uint64_t from = 0; from < seen; from += Tile::columns) {
      const uint64_t count = seen - from < Tile::columns ? seen - from : Tile::columns;
      b.sync();
      Tile::load(b, a.k + (firstKey + from) * stride + at.head * a.size, Tile::part(a.k_bias, at.head * a.size), stride, count, a.size, Tile::columns, kv);
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
      Tile::load(b, a.v + (firstKey + from) * valueStride + at.head * a.value_size, Tile::part(a.v_bias, at.head * a.value_size), valueStride, count, a.value_size, Tile::columns, kv);
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

}  // namespace cuda
}  // namespace accelerate_ts
