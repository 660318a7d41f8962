// Scaled dot-product attention of all heads and its gradient, without weights in memory: blocks of rows of scores live in the cache of the core that makes them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "../parallel.h"
#include "simd.h"

namespace accelerate_ts {

/// The rows of queries or of keys. Dense: `batch` times `tokens` rows. Packed: row t is token places[2 t + 1] of batch entry places[2 t]; rows are sorted by batch entry, those of keys by token, too.
struct AttentionSide {
  size_t rows;
  const int64_t* places;  // null where dense
  size_t batch, tokens;   // where dense
};

/// y = dropout(softmax(scale q k^T + bias)) v for each batch entry and head.
///
/// Rows hold the heads side by side: q and k `size` numbers per head, v `value_size`. bias: one number per key row, or, where `shared_bias`, one per token of the dense side; null adds nothing.
/// causal: a query sees the keys of its own token and before. ratio > 0: the weight of (batch entry b, head h, query token q, key token k) is dropped as Dropout drops the element (b, h, q, k) of a
/// tensor of rank 4 (dropout.h). A query that sees no key gets zeros, and -inf as lse.
struct AttentionProblem {
  AttentionSide queries, keys;
  const float *q, *k, *v, *bias;
  bool shared_bias;
  size_t heads, size, value_size;
  float scale;
  bool causal;
  float ratio;
  const int64_t* key;  // int64 [4], not null where ratio > 0
  uint32_t site;
};

/// The first row whose place is not allowed (not sorted, negative, or too great), or -1. ascending: tokens of one batch entry must be sorted, too.
int64_t bad_place(const AttentionSide& side, bool ascending);

/// y like q with v's width; lse [rows of q, heads]: log of the sum of exp(scores); null where it is not wanted.
void attention(const AttentionProblem& problem, float* y, float* lse, const Parallel& parallel, Isa isa = best_isa());

/// Gradients of q, k and v from that of y. Each is written in whole; none may be null.
void attention_grad(const AttentionProblem& problem, const float* dy, float* dq, float* dk, float* dv, const Parallel& parallel, Isa isa = best_isa());

}  // namespace accelerate_ts
