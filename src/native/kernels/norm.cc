// Norms, see optimizer.h: chunks of fixed size whose results are added in order, so that the bits depend neither on threads nor on the instruction set.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "optimizer.h"

namespace accelerate_ts {
namespace {

constexpr size_t norm_chunk = 16384;  // elements per partial result: part of the result's definition
constexpr size_t grain = 64 * 1024;   // elements below which another thread costs more than it saves
constexpr size_t ahead = 1024;        // elements that are fetched ahead

}  // namespace

size_t norm_chunks(const OptimizerRange* ranges, size_t count) {
  size_t chunks = 0;
  for (size_t r = 0; r < count; r++) chunks += (ranges[r].length + norm_chunk - 1) / norm_chunk;
  return chunks;
}

namespace {

/// One chunk in plain C++. Sixteen running sums, element i into sum i mod 16, so that every instruction set adds in the same order.
NormResult norm_of_chunk(const float* x, size_t n, NormKind kind, double exponent) {
  double sums[16] = {};
  double largest = 0;
  size_t nonFinite = 0;
  for (size_t i = 0; i < n; i++) {
    const double value = x[i];
    nonFinite += !std::isfinite(value);
    if (kind == NormKind::squares) sums[i % 16] += value * value;
    else if (kind == NormKind::absolutes) sums[i % 16] += std::fabs(value);
    else if (kind == NormKind::power) sums[i % 16] += std::pow(std::fabs(value), exponent);
    else if (!(std::fabs(value) <= largest)) largest = std::isnan(largest) ? largest : std::fabs(value);
  }
  if (kind == NormKind::maximum) return {largest, nonFinite};
  double total = 0;
  for (double sum : sums) total += sum;
  return {total, nonFinite};
}

#if ACCELERATE_X86
/// Adds the squares of n (a multiple of 16) floats to sixteen sums. A float's square is exact in a double, so the fused and the separate addition give the same bits.
ACCELERATE_TARGET_AVX512 void squares_avx512(const float* x, size_t n, double* sums) {
  __m512d low = _mm512_loadu_pd(sums), high = _mm512_loadu_pd(sums + 8);
  for (size_t i = 0; i < n; i += 16) {
    _mm_prefetch(reinterpret_cast<const char*>(x + i + ahead), _MM_HINT_T0);
    const __m512d a = _mm512_cvtps_pd(_mm256_loadu_ps(x + i)), b = _mm512_cvtps_pd(_mm256_loadu_ps(x + i + 8));
    low = _mm512_fmadd_pd(a, a, low);
    high = _mm512_fmadd_pd(b, b, high);
  }
  _mm512_storeu_pd(sums, low);
  _mm512_storeu_pd(sums + 8, high);
}

ACCELERATE_TARGET_AVX2 void squares_avx2(const float* x, size_t n, double* sums) {
  __m256d acc[4];
  for (size_t k = 0; k < 4; k++) acc[k] = _mm256_loadu_pd(sums + 4 * k);
  for (size_t i = 0; i < n; i += 16) {
    _mm_prefetch(reinterpret_cast<const char*>(x + i + ahead), _MM_HINT_T0);
    for (size_t k = 0; k < 4; k++) {
      const __m256d a = _mm256_cvtps_pd(_mm_loadu_ps(x + i + 4 * k));
      acc[k] = _mm256_fmadd_pd(a, a, acc[k]);
    }
  }
  for (size_t k = 0; k < 4; k++) _mm256_storeu_pd(sums + 4 * k, acc[k]);
}

void squares(Isa isa, const float* x, size_t n, double* sums) {
  if (isa == Isa::avx512) squares_avx512(x, n, sums);
  else squares_avx2(x, n, sums);
}
double total_of(const double* sums) {
  double total = 0;
  for (size_t i = 0; i < 16; i++) total += sums[i];
  return total;
}
#endif

NormResult norm_of_chunk(const float* x, size_t n, NormKind kind, double exponent, Isa isa) {
#if ACCELERATE_X86
  if (kind == NormKind::squares && isa != Isa::portable && n % 16 == 0) {
    double sums[16] = {};
    squares(isa, x, n, sums);
    const double sum = total_of(sums);
    if (std::isfinite(sum)) return {sum, 0};  // squares of finite floats cannot overflow a double, so a finite sum means finite elements
  }
#else
  static_cast<void>(isa);
#endif
  return norm_of_chunk(x, n, kind, exponent);
}

/// The same bits for a chunk of which only some rows are read: zeros change no sum.
NormResult norm_of_rows(const float* data, size_t offset, size_t n, NormKind kind, double exponent, Isa isa, const RowBits& rows) {
  const auto for_pieces = [&](const auto& body) {
    for_row_pieces(rows, 1, 1, offset, n, [&](size_t at, size_t length, uint64_t present, const RowTable*) {
      if (present != 0) body(at, length);
    });
  };
#if ACCELERATE_X86
  if (kind == NormKind::squares && isa != Isa::portable && n % 16 == 0) {
    double sums[16] = {};
    bool whole = true;  // pieces keep the places of their elements among the sums
    for_pieces([&](size_t at, size_t length) {
      whole = whole && (at - offset) % 16 == 0 && length % 16 == 0;
      if (whole) squares(isa, data + at, length, sums);
    });
    const double sum = total_of(sums);
    if (whole && std::isfinite(sum)) return {sum, 0};
  }
#endif
  float chunk[norm_chunk] = {};
  for_pieces([&](size_t at, size_t length) { std::memcpy(chunk + (at - offset), data + at, length * sizeof(float)); });
  return norm_of_chunk(chunk, n, kind, exponent, isa);
}

}  // namespace

NormResult norm(const float* data, const OptimizerRange* ranges, size_t count, NormKind kind, double exponent, NormResult* scratch, const Parallel& parallel, Isa isa, const RowBits* rows) {
  const size_t chunks = norm_chunks(ranges, count);
  parallel.ranges(chunks, std::max<size_t>(1, grain / norm_chunk), 1, [&](size_t begin, size_t end) {
    size_t first = 0;  // number of the range's first chunk
    for (size_t r = 0; r < count && first < end; r++) {
      const size_t length = ranges[r].length, own = (length + norm_chunk - 1) / norm_chunk;
      for (size_t k = std::max(begin, first); k < std::min(end, first + own); k++) {
        const size_t from = (k - first) * norm_chunk;
        const size_t offset = ranges[r].offset + from, n = std::min(norm_chunk, length - from);
        scratch[k] = rows == nullptr ? norm_of_chunk(data + offset, n, kind, exponent, isa) : norm_of_rows(data, offset, n, kind, exponent, isa, *rows);
      }
      first += own;
    }
  });
  NormResult total = {0, 0};
  for (size_t k = 0; k < chunks; k++) {
    total.nonFinite += scratch[k].nonFinite;
    if (kind != NormKind::maximum) total.value += scratch[k].value;
    else if (!(scratch[k].value <= total.value)) total.value = std::isnan(total.value) ? total.value : scratch[k].value;
  }
  return total;
}

}  // namespace accelerate_ts
