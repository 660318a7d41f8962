// The loops of optimizer.cc for one instruction set: included once per namespace (no include guard, on purpose), see simd.h.

/// Adam's constants spread over the lanes.
struct AdamRule {
  static constexpr size_t streams = 4;  // p, g, m, v
  static constexpr bool written[max_streams] = {true, false, true, true};
  Vec gradScale, l2, oneMinusBeta1, beta2, oneMinusBeta2, decayBefore, minusStep, rootScale, eps, decayAfter;

  ACCELERATE_TARGET ACCELERATE_INLINE AdamRule make(const AdamConstants& c) {
    return {Vec::set(c.gradScale),   Vec::set(c.l2),        Vec::set(c.oneMinusBeta1), Vec::set(c.beta2), Vec::set(c.oneMinusBeta2),
            Vec::set(c.decayBefore), Vec::set(-c.stepSize), Vec::set(c.rootScale),     Vec::set(c.eps),   Vec::set(c.decayAfter)};
  }
  ACCELERATE_TARGET ACCELERATE_INLINE void update(const AdamRule& c, float* const* s, size_t i) {
    const Vec p = Vec::load(s[0] + i), m0 = Vec::load(s[2] + i), v0 = Vec::load(s[3] + i);
    const Vec g = Vec::fma(c.l2, p, Vec::mul(c.gradScale, Vec::load(s[1] + i)));
    const Vec m = Vec::fma(c.oneMinusBeta1, Vec::sub(g, m0), m0);
    const Vec v = Vec::fma(c.beta2, v0, Vec::mul(c.oneMinusBeta2, Vec::mul(g, g)));
    const Vec ratio = Vec::div(m, Vec::fma(Vec::sqrt(v), c.rootScale, c.eps));
    Vec::store(s[2] + i, m);
    Vec::store(s[3] + i, v);
    Vec::store(s[0] + i, Vec::mul(c.decayAfter, Vec::fma(c.minusStep, ratio, Vec::mul(c.decayBefore, p))));
  }
};

/// What is left of Adam where neither gradient nor moments are: p = decayAfter * (decayBefore * p).
struct DecayRule {
  static constexpr size_t streams = 1;
  static constexpr bool written[max_streams] = {true, false, false, false};
  Vec before, after;

  ACCELERATE_TARGET ACCELERATE_INLINE DecayRule make(const AdamConstants& c) { return {Vec::set(c.decayBefore), Vec::set(c.decayAfter)}; }
  ACCELERATE_TARGET ACCELERATE_INLINE void update(const DecayRule& c, float* const* s, size_t i) {
    Vec::store(s[0] + i, Vec::mul(c.after, Vec::mul(c.before, Vec::load(s[0] + i))));
  }
};

struct SgdMomentumRule {
  static constexpr size_t streams = 3;  // p, g, momentum
  static constexpr bool written[max_streams] = {true, false, true, false};
  Vec gradScale, l2, momentum, oneMinusDampening, minusLr, gFactor, bFactor;

  ACCELERATE_TARGET ACCELERATE_INLINE SgdMomentumRule make(const SgdConstants& c) {
    return {Vec::set(c.gradScale), Vec::set(c.l2), Vec::set(c.momentum), Vec::set(c.oneMinusDampening), Vec::set(-c.lr), Vec::set(c.gFactor), Vec::set(c.bFactor)};
  }
  ACCELERATE_TARGET ACCELERATE_INLINE void update(const SgdMomentumRule& c, float* const* s, size_t i) {
    const Vec p = Vec::load(s[0] + i);
    const Vec g = Vec::fma(c.l2, p, Vec::mul(c.gradScale, Vec::load(s[1] + i)));
    const Vec b = Vec::fma(c.momentum, Vec::load(s[2] + i), Vec::mul(c.oneMinusDampening, g));
    Vec::store(s[2] + i, b);
    Vec::store(s[0] + i, Vec::fma(c.minusLr, Vec::fma(c.bFactor, b, Vec::mul(c.gFactor, g)), p));
  }
};

struct SgdRule {
  static constexpr size_t streams = 2;  // p, g
  static constexpr bool written[max_streams] = {true, false, false, false};
  Vec gradScale, l2, minusLr;

  ACCELERATE_TARGET ACCELERATE_INLINE SgdRule make(const SgdConstants& c) { return {Vec::set(c.gradScale), Vec::set(c.l2), Vec::set(-c.lr)}; }
  ACCELERATE_TARGET ACCELERATE_INLINE void update(const SgdRule& c, float* const* s, size_t i) {
    const Vec p = Vec::load(s[0] + i);
    const Vec g = Vec::fma(c.l2, p, Vec::mul(c.gradScale, Vec::load(s[1] + i)));
    Vec::store(s[0] + i, Vec::fma(c.minusLr, g, p));
  }
};

template <bool buffered, bool centered> struct RmspropRule {
  static constexpr size_t streams = 3 + buffered + centered;  // p, g, square average, momentum buffer, gradient average
  static constexpr bool written[max_streams] = {true, false, true, true, true};
  Vec gradScale, l2, alpha, oneMinusAlpha, eps, momentum, minusLr;

  ACCELERATE_TARGET ACCELERATE_INLINE RmspropRule make(const RmspropConstants& c) {
    return {Vec::set(c.gradScale), Vec::set(c.l2), Vec::set(c.alpha), Vec::set(c.oneMinusAlpha), Vec::set(c.eps), Vec::set(c.momentum), Vec::set(-c.lr)};
  }
  ACCELERATE_TARGET ACCELERATE_INLINE void update(const RmspropRule& c, float* const* s, size_t i) {
    const Vec p = Vec::load(s[0] + i);
    const Vec g = Vec::fma(c.l2, p, Vec::mul(c.gradScale, Vec::load(s[1] + i)));
    Vec square = Vec::fma(c.alpha, Vec::load(s[2] + i), Vec::mul(c.oneMinusAlpha, Vec::mul(g, g)));
    Vec::store(s[2] + i, square);
    if (centered) {
      constexpr size_t at = 3 + buffered;
      const Vec a0 = Vec::load(s[at] + i), a = Vec::fma(c.oneMinusAlpha, Vec::sub(g, a0), a0);
      Vec::store(s[at] + i, a);
      // Rounding may leave a variance of nothing below 0.
      square = Vec::atLeastZero(Vec::sub(square, Vec::mul(a, a)));
    }
    Vec step = Vec::div(g, Vec::add(Vec::sqrt(square), c.eps));
    if (buffered) {
      step = Vec::fma(c.momentum, Vec::load(s[3] + i), step);
      Vec::store(s[3] + i, step);
    }
    Vec::store(s[0] + i, Vec::fma(c.minusLr, step, p));
  }
};
using RmspropPlainRule = RmspropRule<false, false>;
using RmspropMomentumRule = RmspropRule<true, false>;
using RmspropCenteredRule = RmspropRule<false, true>;
using RmspropMomentumCenteredRule = RmspropRule<true, true>;

struct AdagradRule {
  static constexpr size_t streams = 3;  // p, g, sum
  static constexpr bool written[max_streams] = {true, false, true};
  Vec gradScale, l2, initial, minusStep, eps;

  ACCELERATE_TARGET ACCELERATE_INLINE AdagradRule make(const AdagradConstants& c) {
    return {Vec::set(c.gradScale), Vec::set(c.l2), Vec::set(c.initial), Vec::set(-c.stepSize), Vec::set(c.eps)};
  }
  ACCELERATE_TARGET ACCELERATE_INLINE void update(const AdagradRule& c, float* const* s, size_t i) {
    const Vec p = Vec::load(s[0] + i);
    const Vec g = Vec::fma(c.l2, p, Vec::mul(c.gradScale, Vec::load(s[1] + i)));
    const Vec total = Vec::fma(g, g, Vec::add(c.initial, Vec::load(s[2] + i)));
    Vec::store(s[2] + i, total);
    Vec::store(s[0] + i, Vec::fma(c.minusStep, Vec::div(g, Vec::add(Vec::sqrt(total), c.eps)), p));
  }
};

struct LionRule {
  static constexpr size_t streams = 3;  // p, g, m
  static constexpr bool written[max_streams] = {true, false, true};
  Vec gradScale, beta1, oneMinusBeta1, beta2, oneMinusBeta2, minusLr, decay;

  ACCELERATE_TARGET ACCELERATE_INLINE LionRule make(const LionConstants& c) {
    return {Vec::set(c.gradScale), Vec::set(c.beta1), Vec::set(c.oneMinusBeta1), Vec::set(c.beta2), Vec::set(c.oneMinusBeta2), Vec::set(-c.lr), Vec::set(c.decay)};
  }
  ACCELERATE_TARGET ACCELERATE_INLINE void update(const LionRule& c, float* const* s, size_t i) {
    const Vec g = Vec::mul(c.gradScale, Vec::load(s[1] + i)), m = Vec::load(s[2] + i);
    const Vec direction = Vec::sign(Vec::fma(c.oneMinusBeta1, g, Vec::mul(c.beta1, m)));
    Vec::store(s[0] + i, Vec::fma(c.minusLr, direction, Vec::mul(c.decay, Vec::load(s[0] + i))));
    Vec::store(s[2] + i, Vec::fma(c.oneMinusBeta2, g, Vec::mul(c.beta2, m)));
  }
};

struct ScaleRule {
  static constexpr size_t streams = 1;
  static constexpr bool written[max_streams] = {true, false, false, false};
  Vec factor;

  ACCELERATE_TARGET ACCELERATE_INLINE ScaleRule make(float factor) { return {Vec::set(factor)}; }
  ACCELERATE_TARGET ACCELERATE_INLINE void update(const ScaleRule& c, float* const* s, size_t i) { Vec::store(s[0] + i, Vec::mul(c.factor, Vec::load(s[0] + i))); }
};

struct ClampRule {
  static constexpr size_t streams = 1;
  static constexpr bool written[max_streams] = {true, false, false, false};
  Vec limit;

  ACCELERATE_TARGET ACCELERATE_INLINE ClampRule make(float limit) { return {Vec::set(limit)}; }
  ACCELERATE_TARGET ACCELERATE_INLINE void update(const ClampRule& c, float* const* s, size_t i) { Vec::store(s[0] + i, Vec::clamp(c.limit, Vec::load(s[0] + i))); }
};

/// Applies the rule to `n` consecutive elements; s[k] points at the first one of stream k. A rest shorter than a vector goes through a copy, so it takes the same path.
template <typename Rule, typename Constants> ACCELERATE_TARGET void apply(float* const* s, size_t n, const Constants& constants) {
  const Rule rule = Rule::make(constants);
  constexpr size_t width = Vec::width, line = 16, ahead = ACCELERATE_PREFETCH;
  size_t i = 0;
  for (; i + line <= n; i += line) {
    if (ahead) for (size_t k = 0; k < Rule::streams; k++) Vec::prefetch(s[k] + i + ahead);
    for (size_t j = 0; j < line; j += width) Rule::update(rule, s, i + j);
  }
  for (; i < n; i += width) {
    float rest[max_streams][width] = {};
    float* const copies[max_streams] = {rest[0], rest[1], rest[2], rest[3], rest[4]};
    const size_t left = n - i < width ? n - i : width;
    for (size_t k = 0; k < Rule::streams; k++) std::memcpy(rest[k], s[k] + i, left * sizeof(float));
    Rule::update(rule, copies, 0);
    for (size_t k = 0; k < Rule::streams; k++) if (Rule::written[k]) std::memcpy(s[k] + i, rest[k], left * sizeof(float));
  }
}

/// out[i] = factor * (sources[0][i] + sources[1][i] + ...), added in this order; zeros without sources.
inline ACCELERATE_TARGET void sum(float* out, const float* const* sources, size_t count, size_t n, float factor) {
  if (count == 0) {
    std::memset(out, 0, n * sizeof(float));
    return;
  }
  const Vec scale = Vec::set(factor);
  constexpr size_t width = Vec::width, line = 16, ahead = ACCELERATE_PREFETCH;
  size_t i = 0;
  for (; i + line <= n; i += line) {
    for (size_t k = 0; k < count; k++) Vec::prefetch(sources[k] + i + ahead);
    for (size_t j = i; j < i + line; j += width) {
      Vec total = Vec::load(sources[0] + j);
      for (size_t k = 1; k < count; k++) total = Vec::add(total, Vec::load(sources[k] + j));
      Vec::store(out + j, Vec::mul(scale, total));
    }
  }
  for (; i < n; i++) {
    float total = sources[0][i];
    for (size_t k = 1; k < count; k++) total += sources[k][i];
    out[i] = factor * total;
  }
}
