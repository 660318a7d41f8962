// Adafactor (Shazeer and Stern, 2018): the running average of squared gradients of a matrix is kept as its row means and its column means. Whole parameters, since means go over all of one.
//
// Results are bitwise the same for any number of threads and, as in optimizer.h, for any instruction set: sums are taken over tiles of fixed size and added up in order.
#pragma once

#include <cstddef>
#include <cstdint>

#include "../parallel.h"
#include "simd.h"
#include "sources.h"

namespace accelerate_ts {

/// Constants of a row. `lr` is multiplied by max(epsScale, RMS of the parameter) where scales is not 0.
struct AdafactorConstants { float gradScale, beta2, oneMinusBeta2, epsSquare, epsScale, clipThreshold, lr, scales, beta1, oneMinusBeta1, weightDecay; };

/// One parameter: `matrices` times `rows` times `columns` elements from `offset` on, updated with constants number `row`. Not factored (vectors): rows is 0, columns the length.
/// The other numbers are places in the states.
struct AdafactorParameter {
  size_t offset, row;
  uint64_t contributors;
  size_t matrices, rows, columns, atRows, atColumns, atSquares, atRms;
  size_t length() const { return rows == 0 ? columns : matrices * rows * columns; }
};

/// Row and column averages of factored parameters, averages of the others, first moment (laid out as the values are) or null, RMS of the values before the step, or null.
struct AdafactorStates { float *rows, *columns, *squares, *average, *rms; };

/// Per parameter, as transformers.Adafactor:
///   lr = lr * max(epsScale, RMS(p));  g = gradScale * gradient;  R = beta2 R + (1 - beta2) (mean over columns of g^2 + epsSquare);  C likewise over rows
///   u = g / sqrt(R / mean(R)) / sqrt(C), or g / sqrt(V);  u *= lr / max(1, RMS(u) / clipThreshold);  m = beta1 m + (1 - beta1) u, where there is m, and it is u from here on
///   p = (1 - weightDecay * lr) * p - u
void adafactor_step(float* values, const float* gradients, const GradientSources* sources, const AdafactorStates& states, const AdafactorParameter* parameters, size_t count,
                    const AdafactorConstants* rows, const Parallel& parallel, Isa isa = best_isa());

}  // namespace accelerate_ts
