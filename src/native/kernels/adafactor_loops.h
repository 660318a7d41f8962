// The loops of adafactor.cc for one instruction set: included once per namespace (no include guard, on purpose), see simd.h. At most sum_block elements each.

/// Element i is added to sum i mod 16, so that every instruction set adds in the same order.
struct Sums {
  static constexpr size_t lanes = 16, count = lanes / Vec::width;
  Vec v[count];
  ACCELERATE_TARGET ACCELERATE_INLINE Sums zero() {
    Sums s;
    for (size_t k = 0; k < count; k++) s.v[k] = Vec::set(0);
    return s;
  }
  ACCELERATE_TARGET ACCELERATE_INLINE double total(const Sums& s) {
    float all[lanes];
    for (size_t k = 0; k < count; k++) Vec::store(all + k * Vec::width, s.v[k]);
    // Four chains, since one of sixteen additions takes longer than the row of a small matrix.
    double sums[4];
    for (size_t k = 0; k < 4; k++) sums[k] = (static_cast<double>(all[k]) + all[k + 4]) + (static_cast<double>(all[k + 8]) + all[k + 12]);
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
  }
};

/// Calls Rule::update(rule, streams, i, sum) for every vector of n elements; a rest shorter than 16 goes through a copy that zeros fill. Returns what the sums add up to.
template <typename Rule> ACCELERATE_TARGET double walk(float* const* s, size_t n, const Rule& rule) {
  Sums sums = Sums::zero();
  constexpr size_t lanes = Sums::lanes;
  size_t i = 0;
  for (; i + lanes <= n; i += lanes)
    for (size_t k = 0; k < Sums::count; k++) Rule::update(rule, s, i + k * Vec::width, sums.v[k]);
  if (i < n) {
    float rest[Rule::streams][lanes] = {};
    float* copies[Rule::streams];
    for (size_t k = 0; k < Rule::streams; k++) {
      std::memcpy(rest[k], s[k] + i, (n - i) * sizeof(float));
      copies[k] = rest[k];
    }
    for (size_t k = 0; k < Sums::count; k++) Rule::update(rule, copies, k * Vec::width, sums.v[k]);
    for (size_t k = 0; k < Rule::streams; k++) if (Rule::written[k]) std::memcpy(s[k] + i, rest[k], (n - i) * sizeof(float));
  }
  return Sums::total(sums);
}

/// Squares of values.
struct SquaresRule {
  static constexpr size_t streams = 1;
  static constexpr bool written[] = {false};
  ACCELERATE_TARGET ACCELERATE_INLINE void update(const SquaresRule&, float* const* s, size_t i, Vec& sum) {
    const Vec x = Vec::load(s[0] + i);
    sum = Vec::fma(x, x, sum);
  }
};

/// Squares of a row of the gradient: their sum, and added to the sums of the columns.
struct StatisticsRule {
  static constexpr size_t streams = 2;  // g, sums of columns
  static constexpr bool written[] = {false, true};
  Vec gradScale;
  ACCELERATE_TARGET ACCELERATE_INLINE StatisticsRule make(float gradScale) { return {Vec::set(gradScale)}; }
  ACCELERATE_TARGET ACCELERATE_INLINE void update(const StatisticsRule& c, float* const* s, size_t i, Vec& sum) {
    const Vec g = Vec::mul(c.gradScale, Vec::load(s[0] + i));
    sum = Vec::fma(g, g, sum);
    Vec::store(s[1] + i, Vec::fma(g, g, Vec::load(s[1] + i)));
  }
};

/// Squares of a row of the update before it is limited.
struct UpdateRule {
  static constexpr size_t streams = 2;  // g, factors of columns
  static constexpr bool written[] = {false, false};
  Vec gradScale, factor;
  ACCELERATE_TARGET ACCELERATE_INLINE UpdateRule make(float gradScale, float factor) { return {Vec::set(gradScale), Vec::set(factor)}; }
  ACCELERATE_TARGET ACCELERATE_INLINE Vec of(const UpdateRule& c, float* const* s, size_t i) {
    return Vec::mul(Vec::mul(c.factor, Vec::load(s[1] + i)), Vec::mul(c.gradScale, Vec::load(s[0] + i)));
  }
  ACCELERATE_TARGET ACCELERATE_INLINE void update(const UpdateRule& c, float* const* s, size_t i, Vec& sum) {
    const Vec u = of(c, s, i);
    sum = Vec::fma(u, u, sum);
  }
};

/// The same of a vector, whose averages are brought up to date on the way.
struct VectorRule {
  static constexpr size_t streams = 2;  // g, averages of squares
  static constexpr bool written[] = {false, true};
  Vec gradScale, beta2, oneMinusBeta2, eps;
  ACCELERATE_TARGET ACCELERATE_INLINE VectorRule make(const AdafactorConstants& c) { return {Vec::set(c.gradScale), Vec::set(c.beta2), Vec::set(c.oneMinusBeta2), Vec::set(c.epsSquare)}; }
  ACCELERATE_TARGET ACCELERATE_INLINE void update(const VectorRule& c, float* const* s, size_t i, Vec& sum) {
    const Vec g = Vec::mul(c.gradScale, Vec::load(s[0] + i));
    const Vec square = Vec::fma(c.beta2, Vec::load(s[1] + i), Vec::mul(c.oneMinusBeta2, Vec::fma(g, g, c.eps)));
    Vec::store(s[1] + i, square);
    const Vec u = Vec::div(g, Vec::sqrt(square));
    sum = Vec::fma(u, u, sum);
  }
};


/// The step itself; `factored`: the second stream holds factors of columns, else averages of squares. Nothing is summed.
template <bool factored, bool averaged> struct ApplyRule {
  static constexpr size_t streams = 3 + averaged;  // g, second moment, p, first moment
  static constexpr bool written[] = {false, false, true, true};
  Vec gradScale, factor, scale, decay, beta1, oneMinusBeta1;
  ACCELERATE_TARGET ACCELERATE_INLINE ApplyRule make(const AdafactorApplied& c) {
    return {Vec::set(c.gradScale), Vec::set(c.factor), Vec::set(c.scale), Vec::set(c.decay), Vec::set(c.beta1), Vec::set(c.oneMinusBeta1)};
  }
  ACCELERATE_TARGET ACCELERATE_INLINE void update(const ApplyRule& c, float* const* s, size_t i, Vec&) {
    const Vec g = Vec::mul(c.gradScale, Vec::load(s[0] + i)), second = Vec::load(s[1] + i);
    Vec u = factored ? Vec::mul(Vec::mul(c.factor, second), g) : Vec::div(g, Vec::sqrt(second));
    u = Vec::mul(c.scale, u);
    if (averaged) {
      u = Vec::fma(c.oneMinusBeta1, u, Vec::mul(c.beta1, Vec::load(s[3] + i)));
      Vec::store(s[3] + i, u);
    }
    Vec::store(s[2] + i, Vec::sub(Vec::mul(c.decay, Vec::load(s[2] + i)), u));
  }
};

inline ACCELERATE_TARGET double squares(const float* x, size_t n) {
  float* const streams[] = {const_cast<float*>(x)};
  return walk(streams, n, SquaresRule{});
}
inline ACCELERATE_TARGET double statistics(float* g, float* columns, size_t n, float gradScale) {
  float* const streams[] = {g, columns};
  return walk(streams, n, StatisticsRule::make(gradScale));
}
inline ACCELERATE_TARGET double update_squares(float* g, float* columns, size_t n, float gradScale, float factor) {
  float* const streams[] = {g, columns};
  return walk(streams, n, UpdateRule::make(gradScale, factor));
}
inline ACCELERATE_TARGET double vector_squares(float* g, float* squares, size_t n, const AdafactorConstants& constants) {
  float* const streams[] = {g, squares};
  return walk(streams, n, VectorRule::make(constants));
}
/// p, g, the second moment and the first one, or null.
inline ACCELERATE_TARGET void apply(bool factored, float* p, float* g, float* second, float* first, size_t n, const AdafactorApplied& constants) {
  float* const streams[] = {g, second, p, first};
  if (factored && first == nullptr) walk(streams, n, ApplyRule<true, false>::make(constants));
  else if (factored) walk(streams, n, ApplyRule<true, true>::make(constants));
  else if (first == nullptr) walk(streams, n, ApplyRule<false, false>::make(constants));
  else walk(streams, n, ApplyRule<false, true>::make(constants));
}
