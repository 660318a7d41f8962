// exp, erf and the logistic function on vectors: included once per instruction set (no include guard, on purpose), see simd.h.

/// exp(x) to 2 ulp for any x; 0 below -87.3, where results would be denormal, NaN for NaN.
ACCELERATE_TARGET ACCELERATE_INLINE Vec exponential(Vec x) {
  const Vec lowest = Vec::set(-87.33654f);
  // max and min give the second argument where one is NaN.
  const Vec inside = Vec::min(Vec::set(88.37626f), Vec::max(lowest, x));
  // To the nearest whole number: adding 1.5 * 2^23 leaves no bits for the rest.
  const Vec magic = Vec::set(12582912.0f);
  const Vec n = Vec::sub(Vec::fma(inside, Vec::set(1.44269504f), magic), magic);
  // x - n ln 2, ln 2 in two parts; then the polynomial of Cephes' expf.
  const Vec r = Vec::fma(n, Vec::set(2.12194440e-4f), Vec::fma(n, Vec::set(-0.693359375f), inside));
  Vec p = Vec::fma(Vec::set(1.9875691500e-4f), r, Vec::set(1.3981999507e-3f));
  p = Vec::fma(p, r, Vec::set(8.3334519073e-3f));
  p = Vec::fma(p, r, Vec::set(4.1665795894e-2f));
  p = Vec::fma(p, r, Vec::set(1.6666665459e-1f));
  p = Vec::fma(p, r, Vec::set(5.0000001201e-1f));
  p = Vec::fma(Vec::mul(p, r), r, Vec::add(r, Vec::set(1.0f)));
  return Vec::zeroBelow(x, lowest, Vec::scale2(p, n));
}

/// erf(x) with an error of at most 4e-7: a quotient of polynomials, fitted on [-3.92, 3.92], beyond which erf is 1 or -1 to half an ulp.
ACCELERATE_TARGET ACCELERATE_INLINE Vec errorFunction(Vec x) {
  const Vec t = Vec::clamp(Vec::set(3.92f), x), u = Vec::mul(t, t);
  Vec a = Vec::fma(Vec::set(2.05002289e-06f), u, Vec::set(2.84876529e-04f));
  a = Vec::fma(a, u, Vec::set(3.76557396e-03f));
  a = Vec::fma(a, u, Vec::set(5.2748587e-02f));
  a = Vec::fma(a, u, Vec::set(1.90406173e-01f));
  a = Vec::fma(a, u, Vec::set(1.12837911f));
  Vec b = Vec::fma(Vec::set(3.80907222e-05f), u, Vec::set(1.16251502e-03f));
  b = Vec::fma(b, u, Vec::set(1.49691394e-02f));
  b = Vec::fma(b, u, Vec::set(1.14108898e-01f));
  b = Vec::fma(b, u, Vec::set(5.02075791e-01f));
  b = Vec::fma(b, u, Vec::set(1.0f));
  return Vec::clamp(Vec::set(1.0f), Vec::div(Vec::mul(t, a), b));
}

/// 1 / (1 + exp(-x)).
ACCELERATE_TARGET ACCELERATE_INLINE Vec logistic(Vec x) {
  const Vec one = Vec::set(1.0f);
  return Vec::div(one, Vec::add(one, exponential(Vec::sub(Vec::set(0.0f), x))));
}
