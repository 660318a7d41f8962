// The loops of softmax.cc for one instruction set: included once per namespace (no include guard, on purpose).
#include "math_loops.h"

/// x + bias, bias[i * step]; lanes beyond the row are -inf.
template <int kind> ACCELERATE_TARGET ACCELERATE_INLINE Vec biased(const float* x, const float* bias, size_t i) {
  return kind == 0 ? Vec::load(x + i) : Vec::add(Vec::load(x + i), kind == 1 ? Vec::load(bias + i) : Vec::set(*bias));
}
template <int kind> ACCELERATE_TARGET ACCELERATE_INLINE Vec biasedPart(const float* x, const float* bias, size_t i, size_t left) {
  const Vec rest = Vec::loadPart(x + i, left, Vec::set(-INFINITY));
  return kind == 0 ? rest : Vec::add(rest, kind == 1 ? Vec::loadPart(bias + i, left, Vec::set(0)) : Vec::set(*bias));
}

/// kind: 0 no bias, 1 one per element, 2 one for the row.
template <int kind> ACCELERATE_TARGET void softmax(const float* x, const float* bias, size_t n, float* y) {
  constexpr size_t width = Vec::width;
  const size_t whole = n / width * width, left = n - whole;
  Vec top = Vec::set(-INFINITY);
  for (size_t i = 0; i < whole; i += width) top = Vec::max(top, biased<kind>(x, bias, i));
  if (left > 0) top = Vec::max(top, biasedPart<kind>(x, bias, whole, left));
  const Vec highest = Vec::set(Vec::maxOf(top));
  Vec total = Vec::set(0);
  for (size_t i = 0; i < whole; i += width) {
    const Vec e = exponential(Vec::sub(biased<kind>(x, bias, i), highest));
    total = Vec::add(total, e);
    Vec::store(y + i, e);
  }
  if (left > 0) {
    const Vec e = exponential(Vec::sub(biasedPart<kind>(x, bias, whole, left), highest));
    // Lanes beyond the row are exp(-inf) = 0, unless the whole row is -inf: then all is NaN, as it should be.
    total = Vec::add(total, e);
    Vec::storePart(y + whole, left, e);
  }
  const Vec scale = Vec::set(1.0f / Vec::sumOf(total));
  for (size_t i = 0; i < whole; i += width) Vec::store(y + i, Vec::mul(Vec::load(y + i), scale));
  if (left > 0) Vec::storePart(y + whole, left, Vec::mul(Vec::loadPart(y + whole, left, scale), scale));
}
inline void softmaxRow(const float* x, const float* bias, size_t step, size_t n, float* y) {
  (bias == nullptr ? softmax<0> : step == 1 ? softmax<1> : softmax<2>)(x, bias, n, y);
}

inline ACCELERATE_TARGET void softmaxGradRow(const float* dy, const float* y, size_t n, float* dx) {
  constexpr size_t width = Vec::width;
  const size_t whole = n / width * width, left = n - whole;
  const Vec zero = Vec::set(0);
  Vec total = zero;
  for (size_t i = 0; i < whole; i += width) total = Vec::fma(Vec::load(dy + i), Vec::load(y + i), total);
  if (left > 0) total = Vec::fma(Vec::loadPart(dy + whole, left, zero), Vec::loadPart(y + whole, left, zero), total);
  const Vec sum = Vec::set(Vec::sumOf(total));
  for (size_t i = 0; i < whole; i += width) Vec::store(dx + i, Vec::mul(Vec::load(y + i), Vec::sub(Vec::load(dy + i), sum)));
  if (left > 0) Vec::storePart(dx + whole, left, Vec::mul(Vec::loadPart(y + whole, left, zero), Vec::sub(Vec::loadPart(dy + whole, left, zero), sum)));
}

/// The greatest of a row, the sum of exp(x - greatest), and the sum of the row where `summed`.
inline ACCELERATE_TARGET RowSums rowSums(const float* x, size_t n, bool summed) {
  constexpr size_t width = Vec::width;
  const size_t whole = n / width * width, left = n - whole;
  const Vec none = Vec::set(-INFINITY), zero = Vec::set(0);
  Vec top = none, sum = zero;
  for (size_t i = 0; i < whole; i += width) top = Vec::max(top, Vec::load(x + i));
  if (left > 0) top = Vec::max(top, Vec::loadPart(x + whole, left, none));
  const float most = Vec::maxOf(top);
  const Vec highest = Vec::set(most);
  Vec total = zero;
  for (size_t i = 0; i < whole; i += width) total = Vec::add(total, exponential(Vec::sub(Vec::load(x + i), highest)));
  if (left > 0) total = Vec::add(total, exponential(Vec::sub(Vec::loadPart(x + whole, left, none), highest)));
  if (summed) {
    for (size_t i = 0; i < whole; i += width) sum = Vec::add(sum, Vec::load(x + i));
    if (left > 0) sum = Vec::add(sum, Vec::loadPart(x + whole, left, zero));
  }
  return {most, Vec::sumOf(total), Vec::sumOf(sum)};
}

/// y = scale exp(x - shift) - less.
inline ACCELERATE_TARGET void shiftedExponentials(const float* x, float shift, float scale, float less, size_t n, float* y) {
  constexpr size_t width = Vec::width;
  const size_t whole = n / width * width, left = n - whole;
  const Vec by = Vec::set(shift), factor = Vec::set(scale), minus = Vec::set(-less);
  for (size_t i = 0; i < whole; i += width) Vec::store(y + i, Vec::fma(factor, exponential(Vec::sub(Vec::load(x + i), by)), minus));
  if (left > 0) Vec::storePart(y + whole, left, Vec::fma(factor, exponential(Vec::sub(Vec::loadPart(x + whole, left, by), by)), minus));
}
