// Bias, dropout, residual and layer normalization of rows in one pass over memory, and the gradient of all of it.
#pragma once

#include <cstddef>

#include "../parallel.h"
#include "dropout.h"

namespace accelerate_ts {

/// sum = residual + dropout(x + bias); y = (sum - mean) * inverse * scale + shift over each row of `columns`, inverse = 1 / sqrt(variance + epsilon).
struct LayerNormForward {
  size_t rows, columns;
  float epsilon;
  const float *x, *bias, *residual, *scale, *shift;  // bias, residual, shift may be null
  const DropoutRows* masks;                          // null: nothing is dropped
  float *y, *sum, *mean, *inverse;                   // sum, mean, inverse may be null
};
void layer_norm(const LayerNormForward& args, const Parallel& parallel, Isa isa = best_isa());

/// With n = (sum - mean) * inverse and g = dy * scale: dresidual = (g - average(g) - n average(g n)) * inverse + dsum; dx is that through the mask; dscale, dshift and dbias are the sums
/// over the rows of dy n, dy and dx, bit for bit the same for any number of threads.
struct LayerNormGradient {
  size_t rows, columns;
  const float *dy, *dsum, *sum, *mean, *inverse, *scale;  // dsum may be null
  const DropoutRows* masks;                               // null: dx is dresidual
  float *dx, *dresidual, *dscale, *dshift, *dbias;        // each may be null
};
void layer_norm_grad(const LayerNormGradient& args, const Parallel& parallel, Isa isa = best_isa());

}  // namespace accelerate_ts
