// Softmax of a sum with an additive mask, its gradient, and the cross entropy of rows, each without temporaries.
#pragma once

#include <cstddef>
#include <cstdint>

#include "../parallel.h"
#include "simd.h"

namespace accelerate_ts {

/// Where the mask of each row lies: a tensor that broadcasts to the rows.
struct RowBias {
  const float* data;            // null: none
  size_t rank;                  // of the dims before the last one
  const int64_t* dims;          // of the rows
  const size_t* strides;        // of the mask for each of them, 0 where it broadcasts
  size_t step;                  // 1: one number per element of a row; 0: one for the whole row
};

/// y = softmax(x + bias) for rows of n numbers; y may be x.
void masked_softmax(const float* x, const RowBias& bias, size_t rows, size_t n, float* y, const Parallel& parallel, Isa isa = best_isa());

/// dx = y (dy - sum(dy y)) for rows of n numbers; dx may be dy.
void softmax_grad(const float* dy, const float* y, size_t rows, size_t n, float* dx, const Parallel& parallel, Isa isa = best_isa());

/// lse[r] = log(sum(exp(x[r]))); loss[r] = lse - (1 - smoothing) x[label] - smoothing mean(x), 0 where the label is `ignore`. Labels below 0 count from the end. lse may be null.
/// Returns the first row whose label is no class, or -1. I: int32_t, int64_t.
template <typename I>
int64_t cross_entropy(const float* logits, const I* labels, size_t rows, size_t classes, int64_t ignore, float smoothing, float* loss, float* lse, const Parallel& parallel, Isa isa = best_isa());

/// dlogits = dloss (exp(x - lse) - target), 0 for ignored rows; dlogits may be logits. Returns as cross_entropy.
template <typename I>
int64_t cross_entropy_grad(const float* dloss, const float* logits, const I* labels, const float* lse, size_t rows, size_t classes, int64_t ignore, float smoothing, float* dlogits,
                           const Parallel& parallel, Isa isa = best_isa());

}  // namespace accelerate_ts
