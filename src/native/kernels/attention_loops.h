// One head of one batch entry, forward and backward, for attention.cc: included once per instruction set (no include guard, on purpose).
#include "math_loops.h"
#include "attention_gemm_loops.h"

constexpr size_t round_up(size_t n) { return (n + Vec::width - 1) / Vec::width * Vec::width; }

/// Rows of a strided matrix side by side, each filled up with zeros to `wide`.
inline ACCELERATE_TARGET void packRows(const float* from, size_t step, size_t rows, size_t columns, float* to, size_t wide) {
  const size_t whole = columns / Vec::width * Vec::width;
  for (size_t r = 0; r < rows; r++, from += step, to += wide) {
    for (size_t c = 0; c < whole; c += Vec::width) Vec::store(to + c, Vec::load(from + c));
    if (whole < columns) Vec::store(to + whole, Vec::loadPart(from + whole, columns - whole, Vec::set(0)));
  }
}

/// Its transpose: `columns` rows of `wide` numbers, zeros behind the first `rows`.
inline ACCELERATE_TARGET void packColumns(const float* from, size_t step, size_t rows, size_t columns, float* to, size_t wide) {
  size_t r = 0;
  for (; r + Vec::width <= rows; r += Vec::width) {
    size_t c = 0;
    for (; c + Vec::width <= columns; c += Vec::width) transposeBlock(from + r * step + c, step, to + c * wide + r, wide);
    for (; c < columns; c++)
      for (size_t i = 0; i < Vec::width; i++) to[c * wide + r + i] = from[(r + i) * step + c];
  }
  if (r == rows) return;
  alignas(64) float rest[Vec::width * Vec::width] = {};
  for (size_t c = 0; c < columns; c += Vec::width) {
    const size_t n = columns - c < Vec::width ? columns - c : Vec::width;
    for (size_t i = r; i < rows; i++) std::memcpy(rest + (i - r) * Vec::width, from + i * step + c, n * sizeof(float));
    if (n == Vec::width) transposeBlock(rest, Vec::width, to + c * wide + r, wide);
    else
      for (size_t j = 0; j < n; j++)
        for (size_t i = 0; i < Vec::width; i++) to[(c + j) * wide + r + i] = rest[i * Vec::width + j];
  }
}

/// scores = scale scores + bias up to `seen`, -inf behind it up to the next whole vector; the greatest.
inline ACCELERATE_TARGET float biasScores(float* scores, const float* bias, float scale, size_t seen) {
  const Vec factor = Vec::set(scale), none = Vec::set(-INFINITY);
  const size_t whole = seen / Vec::width * Vec::width;
  Vec top = none;
  for (size_t i = 0; i < whole; i += Vec::width) {
    const Vec s = Vec::fma(Vec::load(scores + i), factor, Vec::load(bias + i));
    top = Vec::max(top, s);
    Vec::store(scores + i, s);
  }
  if (whole < seen) {
    const Vec s = Vec::fma(Vec::loadPart(scores + whole, seen - whole, Vec::set(0)), factor, Vec::loadPart(bias + whole, seen - whole, none));
    top = Vec::max(top, s);
    Vec::store(scores + whole, s);
  }
  return Vec::maxOf(top);
}

/// x = exp(x - shift) over `count` numbers, a multiple of the width; the sum.
inline ACCELERATE_TARGET float exponentials(float* x, float shift, size_t count) {
  const Vec by = Vec::set(shift);
  Vec total = Vec::set(0);
  for (size_t i = 0; i < count; i += Vec::width) {
    const Vec e = exponential(Vec::sub(Vec::load(x + i), by));
    total = Vec::add(total, e);
    Vec::store(x + i, e);
  }
  return Vec::sumOf(total);
}

inline ACCELERATE_TARGET void scaled(const float* from, float factor, size_t columns, float* to) {
  const Vec by = Vec::set(factor);
  const size_t whole = columns / Vec::width * Vec::width;
  for (size_t c = 0; c < whole; c += Vec::width) Vec::store(to + c, Vec::mul(Vec::load(from + c), by));
  if (whole < columns) Vec::storePart(to + whole, columns - whole, Vec::mul(Vec::load(from + whole), by));
}

/// scores and d(kept weights) of one row to kept weights and scale d(scores); factors null: nothing is dropped. top: the greatest score.
inline ACCELERATE_TARGET void scoreGradients(float* scores, float* gradients, const float* factors, float top, float scale, size_t count) {
  const Vec by = Vec::set(top);
  Vec total = Vec::set(0), products = Vec::set(0);
  for (size_t i = 0; i < count; i += Vec::width) {
    const Vec e = exponential(Vec::sub(Vec::load(scores + i), by));
    Vec g = Vec::load(gradients + i);
    if (factors != nullptr) g = Vec::mul(g, Vec::load(factors + i));
    total = Vec::add(total, e);
    products = Vec::fma(e, g, products);
    Vec::store(scores + i, e);
    Vec::store(gradients + i, g);
  }
  const float norm = 1.0f / Vec::sumOf(total);
  const Vec normed = Vec::set(norm), scaledNorm = Vec::set(norm * scale), mean = Vec::set(Vec::sumOf(products) * norm);
  for (size_t i = 0; i < count; i += Vec::width) {
    const Vec e = Vec::load(scores + i), w = Vec::mul(e, normed);
    Vec::store(gradients + i, Vec::mul(Vec::mul(e, scaledNorm), Vec::sub(Vec::load(gradients + i), mean)));
    Vec::store(scores + i, factors == nullptr ? w : Vec::mul(w, Vec::load(factors + i)));
  }
}

inline void clear(float* from, size_t begin, size_t end) {
  if (begin < end) std::memset(from + begin, 0, (end - begin) * sizeof(float));
}

/// The factors by which dropout multiplies the weights of query i for its first `seen` keys: 0 or 1 / (1 - ratio). out has room for whole runs.
inline ACCELERATE_TARGET void dropFactors(const HeadRows& rows, const Drops& drops, RowConstants& constants, size_t i, size_t seen, float* spare, float* out) {
  constants.at(static_cast<uint32_t>(rows.entry), static_cast<uint32_t>(rows.head), rows.queryToken(i));
  const size_t from = rows.keyToken(0) & ~size_t{3};
  const bool straight = rows.even && from == rows.keyToken(0);
  float* const to = straight ? out : spare;
  const size_t count = straight ? seen : rows.keyToken(seen - 1) + 1 - from;
  for (size_t j = 0; j < count; j += factor_run) factorRun(from + j, constants, drops, to + j);
  if (straight) return;
  for (size_t j = 0; j < seen; j++) out[j] = spare[rows.keyToken(j) - from];
  // Weights behind the last key are 0, but 0 times what memory happens to hold may be NaN.
  clear(out, seen, round_up(seen));
}

inline ACCELERATE_TARGET void multiply(float* x, const float* by, size_t count) {
  for (size_t i = 0; i < count; i += Vec::width) Vec::store(x + i, Vec::mul(Vec::load(x + i), Vec::load(by + i)));
}

/// Numbers of scratch memory that a head takes, forward or backward; `span` is the number of tokens that the keys of one batch entry may spread over.
inline size_t scratchSize(const AttentionProblem& p, size_t keys, size_t block, size_t span, bool backward) {
  const size_t wide = round_up(keys), sizeWide = round_up(p.size), valueWide = round_up(p.value_size);
  const size_t drops = round_up(block) + wide + round_up(span) + 2 * most_run;
  if (!backward) return p.size * wide + keys * valueWide + block * (wide + valueWide) + drops;
  return (p.size + p.value_size) * wide + keys * (2 * sizeWide + valueWide) + block * 2 * (wide + sizeWide + valueWide) + drops;
}

/// Asks for the next head's part of one row, which lies right behind this head's. Its parts of the rows are far from each other: the processor does not foresee them.
inline ACCELERATE_TARGET void prefetchNext(const float* row, size_t size) {
  for (size_t c = 0; c < size; c += 16) __builtin_prefetch(row + size + c, 0, 2);
}

/// y and lse of one head.
inline ACCELERATE_TARGET void forwardHead(const AttentionProblem& p, const HeadRows& rows, const Drops* drops, float* scratch, float* y, float* lse) {
  const size_t wide = round_up(rows.keys), valueWide = round_up(p.value_size), block = rows.block;
  const size_t step = p.heads * p.size, valueStep = p.heads * p.value_size, h = rows.head;
  float* const kColumns = scratch;
  float* const v = kColumns + p.size * wide;
  float* const scores = v + rows.keys * valueWide;
  float* const sums = scores + block * wide;
  float* const norms = sums + block * valueWide;
  float* const factors = norms + round_up(block);
  float* const spare = factors + wide + most_run;
  RowConstants constants(drops == nullptr ? PhiloxKey{} : drops->key);
  packColumns(p.k + rows.keyRow * step + h * p.size, step, rows.keys, p.size, kColumns, wide);
  packRows(p.v + rows.keyRow * valueStep + h * p.value_size, valueStep, rows.keys, p.value_size, v, valueWide);
  for (size_t begin = 0; begin < rows.queries; begin += block) {
    const size_t count = std::min(block, rows.queries - begin), first = rows.queryRow + begin;
    const size_t most = rows.mostSeen(begin, count), mostWide = round_up(most);
    product(count, mostWide, p.size, p.q + first * step + h * p.size, step, 1, kColumns, wide, scores, wide, false);
    for (size_t i = 0; i < count; i++) {
      if (rows.more) {
        prefetchNext(p.q + (first + i) * step + h * p.size, p.size);
        if (begin + i < rows.keys) prefetchNext(p.k + (rows.keyRow + begin + i) * step + h * p.size, p.size), prefetchNext(p.v + (rows.keyRow + begin + i) * valueStep + h * p.value_size, p.value_size);
      }
      float* const row = scores + i * wide;
      const size_t seen = rows.seen(begin + i), seenWide = round_up(seen);
      const float top = seen == 0 ? -INFINITY : biasScores(row, rows.bias, p.scale, seen);
      const bool none = top == -INFINITY;
      clear(row, none ? 0 : seenWide, mostWide);
      const float total = none ? 0 : exponentials(row, top, seenWide);
      norms[i] = none ? 0 : 1.0f / total;
      if (lse != nullptr) lse[(first + i) * p.heads + h] = none ? top : top + std::log(total);
      if (none || drops == nullptr) continue;
      dropFactors(rows, *drops, constants, begin + i, seen, spare, factors);
      multiply(row, factors, seenWide);
    }
    product(count, valueWide, most, scores, wide, 1, v, valueWide, sums, valueWide, false);
    for (size_t i = 0; i < count; i++) scaled(sums + i * valueWide, norms[i], p.value_size, y + (first + i) * valueStep + h * p.value_size);
  }
}

/// Gradients of one head.
inline ACCELERATE_TARGET void backwardHead(const AttentionProblem& p, const HeadRows& rows, const Drops* drops, float* scratch, const float* dy, float* dq, float* dk, float* dv) {
  const size_t keys = rows.keys, wide = round_up(keys), sizeWide = round_up(p.size), valueWide = round_up(p.value_size), block = rows.block;
  const size_t step = p.heads * p.size, valueStep = p.heads * p.value_size, h = rows.head;
  float* const kColumns = scratch;
  float* const vColumns = kColumns + p.size * wide;
  float* const k = vColumns + p.value_size * wide;
  float* const kGrad = k + keys * sizeWide;
  float* const vGrad = kGrad + keys * sizeWide;
  float* const weights = vGrad + keys * valueWide;
  float* const gradients = weights + block * wide;
  float* const q = gradients + block * wide;
  float* const given = q + block * sizeWide;
  float* const result = given + block * valueWide;
  float* const factors = result + block * sizeWide;
  float* const spare = factors + wide + most_run;
  RowConstants constants(drops == nullptr ? PhiloxKey{} : drops->key);
  packColumns(p.k + rows.keyRow * step + h * p.size, step, keys, p.size, kColumns, wide);
  packColumns(p.v + rows.keyRow * valueStep + h * p.value_size, valueStep, keys, p.value_size, vColumns, wide);
  packRows(p.k + rows.keyRow * step + h * p.size, step, keys, p.size, k, sizeWide);
  bool more = false;
  for (size_t begin = 0; begin < rows.queries; begin += block) {
    const size_t count = std::min(block, rows.queries - begin), first = rows.queryRow + begin;
    const size_t most = rows.mostSeen(begin, count), mostWide = round_up(most);
    packRows(p.q + first * step + h * p.size, step, count, p.size, q, sizeWide);
    packRows(dy + first * valueStep + h * p.value_size, valueStep, count, p.value_size, given, valueWide);
    product(count, mostWide, p.size, q, sizeWide, 1, kColumns, wide, weights, wide, false);
    product(count, mostWide, p.value_size, given, valueWide, 1, vColumns, wide, gradients, wide, false);
    for (size_t i = 0; i < count; i++) {
      if (rows.more) {
        prefetchNext(p.q + (first + i) * step + h * p.size, p.size);
        prefetchNext(dy + (first + i) * valueStep + h * p.value_size, p.value_size);
        if (begin + i < keys) prefetchNext(p.k + (rows.keyRow + begin + i) * step + h * p.size, p.size), prefetchNext(p.v + (rows.keyRow + begin + i) * valueStep + h * p.value_size, p.value_size);
      }
      float *const row = weights + i * wide, *const gradient = gradients + i * wide;
      const size_t seen = rows.seen(begin + i), seenWide = round_up(seen);
      // Not from a log of the sum: where all keys are masked, the mask would absorb it.
      const float top = seen == 0 ? -INFINITY : biasScores(row, rows.bias, p.scale, seen);
      const bool none = top == -INFINITY;
      clear(row, none ? 0 : seenWide, mostWide);
      clear(gradient, none ? 0 : seenWide, mostWide);
      if (none) continue;
      if (drops != nullptr) dropFactors(rows, *drops, constants, begin + i, seen, spare, factors);
      scoreGradients(row, gradient, drops == nullptr ? nullptr : factors, top, p.scale, seenWide);
    }
    product(count, sizeWide, most, gradients, wide, 1, k, sizeWide, result, sizeWide, false);
    for (size_t i = 0; i < count; i++) scaled(result + i * sizeWide, 1, p.size, dq + (first + i) * step + h * p.size);
    // Keys that no query of this block sees keep what they have.
    if (!more && most < keys) clear(kGrad, most * sizeWide, keys * sizeWide), clear(vGrad, most * valueWide, keys * valueWide);
    product(most, sizeWide, count, gradients, 1, wide, q, sizeWide, kGrad, sizeWide, more);
    product(most, valueWide, count, weights, 1, wide, given, valueWide, vGrad, valueWide, more);
    more = true;
  }
  for (size_t j = 0; j < keys; j++) {
    float *const toK = dk + (rows.keyRow + j) * step + h * p.size, *const toV = dv + (rows.keyRow + j) * valueStep + h * p.value_size;
    if (more) scaled(kGrad + j * sizeWide, 1, p.size, toK), scaled(vGrad + j * valueWide, 1, p.value_size, toV);
    else clear(toK, 0, p.size), clear(toV, 0, p.value_size);
  }
}
