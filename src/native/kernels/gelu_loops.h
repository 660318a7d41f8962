// The loops of gelu.cc for one instruction set: included once per namespace (no include guard, on purpose).
#include "math_loops.h"

/// x P(x) with P(x) = (1 + erf(x / sqrt 2)) / 2, the normal distribution.
struct ErfGelu {
  ACCELERATE_TARGET ACCELERATE_INLINE Vec value(Vec x) {
    const Vec half = Vec::mul(x, Vec::set(0.5f));
    return Vec::fma(half, errorFunction(Vec::mul(x, Vec::set(0.70710678f))), half);
  }
  /// P(x) + x p(x) with the density p(x) = exp(-x^2 / 2) / sqrt(2 pi).
  ACCELERATE_TARGET ACCELERATE_INLINE Vec slope(Vec x) {
    const Vec half = Vec::set(0.5f), bell = exponential(Vec::mul(Vec::mul(x, x), Vec::set(-0.5f)));
    const Vec share = Vec::fma(half, errorFunction(Vec::mul(x, Vec::set(0.70710678f))), half);
    return Vec::fma(Vec::mul(x, Vec::set(0.39894228f)), bell, share);
  }
};

/// x s(v) with the logistic function s and v = x (a + b x^2), a = 2 sqrt(2 / pi), b = 0.044715 a.
struct TanhGelu {
  ACCELERATE_TARGET ACCELERATE_INLINE Vec argument(Vec x) { return Vec::mul(x, Vec::fma(Vec::mul(x, x), Vec::set(0.07135481f), Vec::set(1.59576912f))); }
  ACCELERATE_TARGET ACCELERATE_INLINE Vec value(Vec x) { return Vec::mul(x, logistic(argument(x))); }
  /// s + s (1 - s) x v', x v' = 3 v - 2 a x.
  ACCELERATE_TARGET ACCELERATE_INLINE Vec slope(Vec x) {
    const Vec v = argument(x), s = logistic(v);
    const Vec steep = Vec::fma(Vec::set(3.0f), v, Vec::mul(x, Vec::set(-3.19153824f)));
    return Vec::fma(Vec::sub(s, Vec::mul(s, s)), steep, s);
  }
};

/// y[i] = gelu(x[i] + bias[i]).
template <typename Form, bool biased> ACCELERATE_TARGET void gelu(const float* x, const float* bias, size_t n, float* y) {
  constexpr size_t width = Vec::width;
  size_t i = 0;
  for (; i + width <= n; i += width) Vec::store(y + i, Form::value(biased ? Vec::add(Vec::load(x + i), Vec::load(bias + i)) : Vec::load(x + i)));
  if (i == n) return;
  const Vec zero = Vec::set(0), rest = Vec::loadPart(x + i, n - i, zero);
  Vec::storePart(y + i, n - i, Form::value(biased ? Vec::add(rest, Vec::loadPart(bias + i, n - i, zero)) : rest));
}

/// d = dy[i] gelu'(x[i] + bias[i]); dx[i] = d unless dx is null; sums[i] += d where `summed`.
template <typename Form, bool biased, bool summed> ACCELERATE_TARGET void geluGrad(const float* dy, const float* x, const float* bias, size_t n, float* dx, float* sums) {
  constexpr size_t width = Vec::width;
  size_t i = 0;
  for (; i + width <= n; i += width) {
    const Vec d = Vec::mul(Vec::load(dy + i), Form::slope(biased ? Vec::add(Vec::load(x + i), Vec::load(bias + i)) : Vec::load(x + i)));
    if (dx != nullptr) Vec::store(dx + i, d);
    if (summed) Vec::store(sums + i, Vec::add(Vec::load(sums + i), d));
  }
  if (i == n) return;
  const size_t left = n - i;
  const Vec zero = Vec::set(0), rest = Vec::loadPart(x + i, left, zero);
  const Vec d = Vec::mul(Vec::loadPart(dy + i, left, zero), Form::slope(biased ? Vec::add(rest, Vec::loadPart(bias + i, left, zero)) : rest));
  if (dx != nullptr) Vec::storePart(dx + i, left, d);
  if (summed) Vec::storePart(sums + i, left, Vec::add(Vec::loadPart(sums + i, left, zero), d));
}

/// One of the forms above.
inline void geluRow(bool tanh, const float* x, const float* bias, size_t n, float* y) {
  const auto run = tanh ? (bias ? gelu<TanhGelu, true> : gelu<TanhGelu, false>) : (bias ? gelu<ErfGelu, true> : gelu<ErfGelu, false>);
  run(x, bias, n, y);
}
template <bool tanh> inline void geluGradForm(const float* dy, const float* x, const float* bias, size_t n, float* dx, float* sums) {
  using Form = std::conditional_t<tanh, TanhGelu, ErfGelu>;
  const auto run = sums ? (bias ? geluGrad<Form, true, true> : geluGrad<Form, false, true>) : (bias ? geluGrad<Form, true, false> : geluGrad<Form, false, false>);
  run(dy, x, bias, n, dx, sums);
}
inline void geluGradRow(bool tanh, const float* dy, const float* x, const float* bias, size_t n, float* dx, float* sums) {
  (tanh ? geluGradForm<true> : geluGradForm<false>)(dy, x, bias, n, dx, sums);
}
