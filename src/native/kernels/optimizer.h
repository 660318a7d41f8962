// Optimizer steps, norms and clipping over flat ranges of float32 memory, one pass each, split statically among threads.
//
// All offsets and lengths are in elements. Buffers of one call have the same layout: element i of `gradients` and of each state belongs to
// element i of `values`. Results are bitwise the same for any number of threads; where the processor has fused multiply-add also for any
// instruction set (the portable path without it differs by rounding).
#pragma once

#include <cstddef>
#include <cstdint>

#include "../parallel.h"
#include "simd.h"
#include "sources.h"

namespace accelerate_ts {

/// Consecutive elements that are updated with hyperparameters number `row`. Where several gradients are added up, bit r of `contributors` says whether number r has one here.
struct OptimizerRange { size_t offset, length, row; uint64_t contributors; };

/// Adam and AdamW in all variants, per element, in this order (scalars are folded on the JS side; see src/optim/adamw.ts):
///   g = gradScale * gradient + l2 * p;  m += (1 - beta1)(g - m);  v = beta2 v + (1 - beta2) g^2
///   p = decayAfter * (decayBefore * p - stepSize * m / (sqrt(v) * rootScale + eps))
struct AdamConstants { float gradScale, l2, oneMinusBeta1, beta2, oneMinusBeta2, decayBefore, stepSize, rootScale, eps, decayAfter; };

/// SGD with momentum, per element:
///   g = gradScale * gradient + l2 * p;  b = momentum * b + oneMinusDampening * g;  p -= lr * (nesterov ? g + momentum * b : b)
/// written as p -= lr * (gFactor * g + bFactor * b).
struct SgdConstants { float gradScale, l2, momentum, oneMinusDampening, lr, gFactor, bFactor; };

/// RMSprop, per element:
///   g = gradScale * gradient + l2 * p;  s = alpha s + oneMinusAlpha g^2;  a += oneMinusAlpha (g - a);  r = g / (sqrt(s - a^2) + eps), without the average a: g / (sqrt(s) + eps)
///   b = momentum * b + r;  p -= lr * b, without the buffer b: p -= lr * r
struct RmspropConstants { float gradScale, l2, alpha, oneMinusAlpha, eps, momentum, lr; };

/// Adagrad, per element: g = gradScale * gradient + l2 * p;  s += initial + g^2;  p -= stepSize * g / (sqrt(s) + eps). `initial` is not 0 at a parameter's first step alone.
struct AdagradConstants { float gradScale, l2, initial, stepSize, eps; };

/// Lion, per element: g = gradScale * gradient;  p = decay * p - lr * sign(beta1 m + oneMinusBeta1 g);  m = beta2 m + oneMinusBeta2 g
struct LionConstants { float gradScale, beta1, oneMinusBeta1, beta2, oneMinusBeta2, lr, decay; };

/// values, gradients, m (first moment), v (second moment): the buffers that the ranges point into. With `sources` the gradient is added up on the way, block by block in the cache.
void adam_step(float* values, const float* gradients, const GradientSources* sources, float* m, float* v, const OptimizerRange* ranges, size_t count, const AdamConstants* rows, const Parallel& parallel, Isa isa = best_isa());

/// `momentum` may be null when all rows have bFactor 0.
void sgd_step(float* values, const float* gradients, const GradientSources* sources, float* momentum, const OptimizerRange* ranges, size_t count, const SgdConstants* rows, const Parallel& parallel, Isa isa = best_isa());

/// States: square average; momentum buffer, or null; gradient average, or null.
void rmsprop_step(float* values, const float* gradients, const GradientSources* sources, float* const* states, const OptimizerRange* ranges, size_t count, const RmspropConstants* rows, const Parallel& parallel, Isa isa = best_isa());

/// State: sum of squares.
void adagrad_step(float* values, const float* gradients, const GradientSources* sources, float* const* states, const OptimizerRange* ranges, size_t count, const AdagradConstants* rows, const Parallel& parallel, Isa isa = best_isa());

/// State: first moment.
void lion_step(float* values, const float* gradients, const GradientSources* sources, float* const* states, const OptimizerRange* ranges, size_t count, const LionConstants* rows, const Parallel& parallel, Isa isa = best_isa());

/// out = what the sources add up to; zero where a range has no contributors. Rows that no source has are written only where `sources.rows->before` says that something lay there.
void sum(float* out, const GradientSources& sources, const OptimizerRange* ranges, size_t count, const Parallel& parallel, Isa isa = best_isa());

enum class NormKind : int { squares = 0, absolutes = 1, maximum = 2, power = 3 };
struct NormResult { double value; size_t nonFinite; };

/// squares: sum x^2; absolutes: sum |x|; maximum: max |x| (NaN if any is NaN); power: sum |x|^exponent; and how many elements are not finite. In double
/// precision over chunks of fixed size whose results are added in order. `scratch` holds norm_chunks(...) results. With `rows`, of one array, here and below: what is known to be zero is not read.
size_t norm_chunks(const OptimizerRange* ranges, size_t count);
NormResult norm(const float* data, const OptimizerRange* ranges, size_t count, NormKind kind, double exponent, NormResult* scratch, const Parallel& parallel, Isa isa = best_isa(), const RowBits* rows = nullptr);

/// x *= factor.
void scale(float* data, const OptimizerRange* ranges, size_t count, float factor, const Parallel& parallel, Isa isa = best_isa(), const RowBits* rows = nullptr);

/// x = min(max(x, -limit), limit); NaN stays.
void clamp(float* data, const OptimizerRange* ranges, size_t count, float limit, const Parallel& parallel, Isa isa = best_isa(), const RowBits* rows = nullptr);

/// A plain parallel copy of `bytes`: what the bench compares with.
void copy(void* into, const void* from, size_t bytes, const Parallel& parallel);

}  // namespace accelerate_ts
