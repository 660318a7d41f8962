// The loops of layer_norm.cc for one instruction set: included once per namespace (no include guard, on purpose), see simd.h.

/// out = a + b.
inline ACCELERATE_TARGET void addRows(const float* a, const float* b, size_t n, float* out) {
  constexpr size_t width = Vec::width;
  const size_t whole = n / width * width, left = n - whole;
  const Vec zero = Vec::set(0);
  for (size_t i = 0; i < whole; i += width) Vec::store(out + i, Vec::add(Vec::load(a + i), Vec::load(b + i)));
  if (left > 0) Vec::storePart(out + whole, left, Vec::add(Vec::loadPart(a + whole, left, zero), Vec::loadPart(b + whole, left, zero)));
}

/// y = (x - mean) * inverse * scale + shift; statistics[0] is the mean, [1] the inverse deviation.
inline ACCELERATE_TARGET void normalizeRow(const float* x, size_t n, const float* scale, const float* shift, float epsilon, float* y, float* statistics) {
  constexpr size_t width = Vec::width;
  const size_t whole = n / width * width, pairs = n / (2 * width) * (2 * width), left = n - whole;
  const Vec zero = Vec::set(0);
  Vec a = zero, b = zero;
  for (size_t i = 0; i < pairs; i += 2 * width) a = Vec::add(a, Vec::load(x + i)), b = Vec::add(b, Vec::load(x + i + width));
  for (size_t i = pairs; i < whole; i += width) a = Vec::add(a, Vec::load(x + i));
  if (left > 0) b = Vec::add(b, Vec::loadPart(x + whole, left, zero));
  const float average = Vec::sumOf(Vec::add(a, b)) / static_cast<float>(n);
  const Vec mean = Vec::set(average);
  a = b = zero;
  for (size_t i = 0; i < pairs; i += 2 * width) {
    const Vec d = Vec::sub(Vec::load(x + i), mean), e = Vec::sub(Vec::load(x + i + width), mean);
    a = Vec::fma(d, d, a), b = Vec::fma(e, e, b);
  }
  for (size_t i = pairs; i < whole; i += width) {
    const Vec d = Vec::sub(Vec::load(x + i), mean);
    a = Vec::fma(d, d, a);
  }
  if (left > 0) {
    const Vec d = Vec::sub(Vec::loadPart(x + whole, left, mean), mean);
    b = Vec::fma(d, d, b);
  }
  const float deviation = 1.0f / std::sqrt(Vec::sumOf(Vec::add(a, b)) / static_cast<float>(n) + epsilon);
  const Vec inverse = Vec::set(deviation);
  for (size_t i = 0; i < whole; i += width) {
    const Vec normal = Vec::mul(Vec::sub(Vec::load(x + i), mean), inverse);
    Vec::store(y + i, shift == nullptr ? Vec::mul(normal, Vec::load(scale + i)) : Vec::fma(normal, Vec::load(scale + i), Vec::load(shift + i)));
  }
  if (left > 0) {
    const Vec normal = Vec::mul(Vec::sub(Vec::loadPart(x + whole, left, mean), mean), inverse), factor = Vec::loadPart(scale + whole, left, zero);
    Vec::storePart(y + whole, left, shift == nullptr ? Vec::mul(normal, factor) : Vec::fma(normal, factor, Vec::loadPart(shift + whole, left, zero)));
  }
  statistics[0] = average;
  statistics[1] = deviation;
}

/// One row of the gradient: dresidual, and dscale += dy n, dshift += dy where `summed`.
template <bool summed>
ACCELERATE_TARGET void gradientRow(const float* dy, const float* dsum, const float* x, const float* scale, float mean, float inverse, size_t n, float* dresidual, float* dscale, float* dshift) {
  constexpr size_t width = Vec::width;
  const size_t whole = n / width * width, left = n - whole;
  const Vec zero = Vec::set(0), m = Vec::set(mean), r = Vec::set(inverse);
  Vec total = zero, slope = zero;
  for (size_t i = 0; i < whole; i += width) {
    const Vec d = Vec::load(dy + i), normal = Vec::mul(Vec::sub(Vec::load(x + i), m), r), g = Vec::mul(d, Vec::load(scale + i));
    total = Vec::add(total, g);
    slope = Vec::fma(g, normal, slope);
    if (summed) {
      Vec::store(dscale + i, Vec::fma(d, normal, Vec::load(dscale + i)));
      Vec::store(dshift + i, Vec::add(d, Vec::load(dshift + i)));
    }
  }
  if (left > 0) {
    const Vec d = Vec::loadPart(dy + whole, left, zero), normal = Vec::mul(Vec::sub(Vec::loadPart(x + whole, left, m), m), r), g = Vec::mul(d, Vec::loadPart(scale + whole, left, zero));
    total = Vec::add(total, g);
    slope = Vec::fma(g, normal, slope);
    if (summed) {
      Vec::storePart(dscale + whole, left, Vec::fma(d, normal, Vec::loadPart(dscale + whole, left, zero)));
      Vec::storePart(dshift + whole, left, Vec::add(d, Vec::loadPart(dshift + whole, left, zero)));
    }
  }
  if (dresidual == nullptr) return;
  const auto count = static_cast<float>(n);
  const Vec average = Vec::set(-Vec::sumOf(total) / count), tilt = Vec::set(-Vec::sumOf(slope) / count);
  for (size_t i = 0; i < whole; i += width) {
    const Vec normal = Vec::mul(Vec::sub(Vec::load(x + i), m), r);
    const Vec g = Vec::fma(Vec::load(dy + i), Vec::load(scale + i), Vec::fma(normal, tilt, average));
    Vec::store(dresidual + i, dsum == nullptr ? Vec::mul(g, r) : Vec::fma(g, r, Vec::load(dsum + i)));
  }
  if (left > 0) {
    const Vec normal = Vec::mul(Vec::sub(Vec::loadPart(x + whole, left, m), m), r);
    const Vec g = Vec::fma(Vec::loadPart(dy + whole, left, zero), Vec::loadPart(scale + whole, left, zero), Vec::fma(normal, tilt, average));
    Vec::storePart(dresidual + whole, left, dsum == nullptr ? Vec::mul(g, r) : Vec::fma(g, r, Vec::loadPart(dsum + whole, left, zero)));
  }
}
inline void layerNormGradientRow(const LayerNormGradient& p, size_t row, float* dresidual, float* dscale, float* dshift) {
  const size_t at = row * p.columns;
  (dscale ? gradientRow<true> : gradientRow<false>)(p.dy + at, p.dsum ? p.dsum + at : nullptr, p.sum + at, p.scale, p.mean[row], p.inverse[row], p.columns, dresidual, dscale, dshift);
}
