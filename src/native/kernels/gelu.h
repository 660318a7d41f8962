// GELU of a sum with a bias, and its gradient, in one pass over memory each.
#pragma once

#include <cstddef>

#include "../parallel.h"
#include "simd.h"

namespace accelerate_ts {

/// y = gelu(x + bias) over rows of `columns` numbers; bias may be null; y may be x. tanh: GPT-2's approximation instead of erf.
void bias_gelu(const float* x, const float* bias, size_t rows, size_t columns, bool tanh, float* y, const Parallel& parallel, Isa isa = best_isa());

/// dx = dy * gelu'(x + bias), dbias = the sum of dx over the rows; dx and dbias may be null, dx may be dy.
void bias_gelu_grad(const float* dy, const float* x, const float* bias, size_t rows, size_t columns, bool tanh, float* dx, float* dbias, const Parallel& parallel, Isa isa = best_isa());

}  // namespace accelerate_ts
