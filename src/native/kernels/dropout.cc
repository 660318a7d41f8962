// See dropout.h. Along a row only the last counter word varies, so the first rounds are mostly the row's constants; the others run on eight (AVX-512) or four (AVX2) counters at once,
// each 32-bit word in its own 64-bit lane, where one multiplication gives both halves of the product.
#include "dropout.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "philox.h"

namespace accelerate_ts {
namespace {

/// What is the same for all counters of one row, after as many rounds as possible.
struct RowConstants {
  uint32_t k0[philox_rounds], k1[philox_rounds];
  uint32_t r1;         // round 1: c2 = r1 ^ counter
  uint32_t r2a, r2b;   // round 2: c0 = high(m1 * c2) ^ r2a, c1 = low(m1 * c2); c3 = r2b
  uint32_t r3a, r3b, r3c;  // round 3: c0 = r3a ^ c1, c1 = r3b, c2 = high(m0 * c0) ^ r3c, c3 = low(m0 * c0)

  RowConstants(PhiloxKey key, uint32_t p0, uint32_t p1, uint32_t p2) {
    for (int r = 0; r < philox_rounds; r++, key = {key.k0 + philox_w0, key.k1 + philox_w1}) k0[r] = key.k0, k1[r] = key.k1;
    const uint64_t a = uint64_t{philox_m0} * p0, b = uint64_t{philox_m1} * p2;
    r1 = philox_high(a) ^ k1[0];
    const uint32_t c0 = philox_high(b) ^ p1 ^ k0[0], c1 = philox_low(b), c3 = philox_low(a);
    const uint64_t a2 = uint64_t{philox_m0} * c0;
    r2a = c1 ^ k0[1];
    r2b = philox_low(a2);
    const uint64_t b3 = uint64_t{philox_m1} * (philox_high(a2) ^ c3 ^ k1[1]);
    r3a = philox_high(b3) ^ k0[2];
    r3b = philox_low(b3);
    r3c = r2b ^ k1[2];
  }
};

/// Elements [begin, end) of a row of any length; begin is a multiple of 4.
template <typename T> void row_portable(const T* x, size_t begin, size_t end, const RowConstants& c, uint32_t threshold, T scale, T* y) {
  for (size_t i = begin; i < end; i += 4) {
    uint64_t a = 0, b = uint64_t{philox_m1} * (c.r1 ^ static_cast<uint32_t>(i >> 2));
    a = uint64_t{philox_m0} * (philox_high(b) ^ c.r2a);
    uint32_t w0 = c.r3a ^ philox_low(b), w1 = c.r3b, w2 = philox_high(a) ^ c.r3c, w3 = philox_low(a);
    for (int r = 3; r < philox_rounds; r++) {
      a = uint64_t{philox_m0} * w0;
      b = uint64_t{philox_m1} * w2;
      w0 = philox_high(b) ^ w1 ^ c.k0[r];
      w1 = philox_low(b);
      w2 = philox_high(a) ^ w3 ^ c.k1[r];
      w3 = philox_low(a);
    }
    const uint32_t words[4] = {w0, w1, w2, w3};
    for (size_t j = 0; j < 4 && i + j < end; j++) y[i + j] = words[j] >= threshold ? x[i + j] * scale : T{0};
  }
}

#if ACCELERATE_X86

/// Words of elements i .. i+31 of a row, in order.
ACCELERATE_TARGET_AVX512 ACCELERATE_INLINE void words_avx512(size_t i, const RowConstants& c, __m512i& low, __m512i& high) {
  const __m512i m0 = _mm512_set1_epi64(philox_m0), m1 = _mm512_set1_epi64(philox_m1);
  const __m512i counter = _mm512_add_epi64(_mm512_set1_epi64(static_cast<long long>(i >> 2)), _mm512_set_epi64(7, 6, 5, 4, 3, 2, 1, 0));
  __m512i b = _mm512_mul_epu32(m1, _mm512_xor_si512(counter, _mm512_set1_epi64(c.r1)));
  __m512i a = _mm512_mul_epu32(m0, _mm512_xor_si512(_mm512_srli_epi64(b, 32), _mm512_set1_epi64(c.r2a)));
  __m512i w0 = _mm512_xor_si512(b, _mm512_set1_epi64(c.r3a)), w1 = _mm512_set1_epi64(c.r3b);
  __m512i w2 = _mm512_xor_si512(_mm512_srli_epi64(a, 32), _mm512_set1_epi64(c.r3c)), w3 = a;
#pragma GCC unroll 7
  for (int r = 3; r < philox_rounds; r++) {
    a = _mm512_mul_epu32(m0, w0);
    b = _mm512_mul_epu32(m1, w2);
    w0 = _mm512_ternarylogic_epi64(_mm512_srli_epi64(b, 32), w1, _mm512_set1_epi64(c.k0[r]), 0x96);
    w1 = b;
    w2 = _mm512_ternarylogic_epi64(_mm512_srli_epi64(a, 32), w3, _mm512_set1_epi64(c.k1[r]), 0x96);
    w3 = a;
  }
  const __m512i w01 = _mm512_mask_shuffle_epi32(w0, 0xAAAA, w1, _MM_PERM_CCAA), w23 = _mm512_mask_shuffle_epi32(w2, 0xAAAA, w3, _MM_PERM_CCAA);
  low = _mm512_permutex2var_epi64(w01, _mm512_set_epi64(11, 3, 10, 2, 9, 1, 8, 0), w23);
  high = _mm512_permutex2var_epi64(w01, _mm512_set_epi64(15, 7, 14, 6, 13, 5, 12, 4), w23);
}

/// Up to 16 elements: those of `keep` scaled, the others zero, none outside `inside` touched.
ACCELERATE_TARGET_AVX512 ACCELERATE_INLINE void store16(const float* x, __mmask16 keep, __mmask16 inside, float scale, float* y) {
  _mm512_mask_storeu_ps(y, inside, _mm512_maskz_mul_ps(keep, _mm512_maskz_loadu_ps(keep & inside, x), _mm512_set1_ps(scale)));
}
ACCELERATE_TARGET_AVX512 ACCELERATE_INLINE void store16(const double* x, __mmask16 keep, __mmask16 inside, double scale, double* y) {
  for (int h = 0; h < 2; h++) {
    const auto k = static_cast<__mmask8>(keep >> (8 * h)), in = static_cast<__mmask8>(inside >> (8 * h));
    _mm512_mask_storeu_pd(y + 8 * h, in, _mm512_maskz_mul_pd(k, _mm512_maskz_loadu_pd(k & in, x + 8 * h), _mm512_set1_pd(scale)));
  }
}

template <typename T> ACCELERATE_TARGET_AVX512 void row_avx512(const T* x, size_t begin, size_t end, const RowConstants& c, uint32_t threshold, T scale, T* y) {
  const __m512i limit = _mm512_set1_epi32(static_cast<int>(threshold));
  __m512i low, high;
  size_t i = begin;
  for (; i + 32 <= end; i += 32) {
    words_avx512(i, c, low, high);
    store16(x + i, _mm512_cmpge_epu32_mask(low, limit), 0xFFFF, scale, y + i);
    store16(x + i + 16, _mm512_cmpge_epu32_mask(high, limit), 0xFFFF, scale, y + i + 16);
  }
  if (i == end) return;
  words_avx512(i, c, low, high);
  const uint32_t inside = (uint32_t{1} << (end - i)) - 1;
  store16(x + i, _mm512_cmpge_epu32_mask(low, limit), static_cast<__mmask16>(inside), scale, y + i);
  store16(x + i + 16, _mm512_cmpge_epu32_mask(high, limit), static_cast<__mmask16>(inside >> 16), scale, y + i + 16);
}

ACCELERATE_TARGET_AVX2 ACCELERATE_INLINE void store8(const float* x, __m256i keep, float scale, float* y) {
  _mm256_storeu_ps(y, _mm256_and_ps(_mm256_mul_ps(_mm256_loadu_ps(x), _mm256_set1_ps(scale)), _mm256_castsi256_ps(keep)));
}
ACCELERATE_TARGET_AVX2 ACCELERATE_INLINE void store8(const double* x, __m256i keep, double scale, double* y) {
  const __m256i halves[2] = {_mm256_cvtepi32_epi64(_mm256_castsi256_si128(keep)), _mm256_cvtepi32_epi64(_mm256_extracti128_si256(keep, 1))};
  for (int h = 0; h < 2; h++) {
    const __m256d scaled = _mm256_mul_pd(_mm256_loadu_pd(x + 4 * h), _mm256_set1_pd(scale));
    _mm256_storeu_pd(y + 4 * h, _mm256_and_pd(scaled, _mm256_castsi256_pd(halves[h])));
  }
}

/// Words of elements i .. i+15 of a row, in order.
ACCELERATE_TARGET_AVX2 ACCELERATE_INLINE void words_avx2(size_t i, const RowConstants& c, __m256i& low, __m256i& high) {
  const __m256i m0 = _mm256_set1_epi64x(philox_m0), m1 = _mm256_set1_epi64x(philox_m1);
  const __m256i counter = _mm256_add_epi64(_mm256_set1_epi64x(static_cast<long long>(i >> 2)), _mm256_set_epi64x(3, 2, 1, 0));
  __m256i b = _mm256_mul_epu32(m1, _mm256_xor_si256(counter, _mm256_set1_epi64x(c.r1)));
  __m256i a = _mm256_mul_epu32(m0, _mm256_xor_si256(_mm256_srli_epi64(b, 32), _mm256_set1_epi64x(c.r2a)));
  __m256i w0 = _mm256_xor_si256(b, _mm256_set1_epi64x(c.r3a)), w1 = _mm256_set1_epi64x(c.r3b);
  __m256i w2 = _mm256_xor_si256(_mm256_srli_epi64(a, 32), _mm256_set1_epi64x(c.r3c)), w3 = a;
#pragma GCC unroll 7
  for (int r = 3; r < philox_rounds; r++) {
    a = _mm256_mul_epu32(m0, w0);
    b = _mm256_mul_epu32(m1, w2);
    w0 = _mm256_xor_si256(_mm256_xor_si256(_mm256_srli_epi64(b, 32), w1), _mm256_set1_epi64x(c.k0[r]));
    w1 = b;
    w2 = _mm256_xor_si256(_mm256_xor_si256(_mm256_srli_epi64(a, 32), w3), _mm256_set1_epi64x(c.k1[r]));
    w3 = a;
  }
  const __m256i w01 = _mm256_blend_epi32(w0, _mm256_slli_epi64(w1, 32), 0xAA), w23 = _mm256_blend_epi32(w2, _mm256_slli_epi64(w3, 32), 0xAA);
  const __m256i even = _mm256_unpacklo_epi64(w01, w23), odd = _mm256_unpackhi_epi64(w01, w23);  // counters 0, 2 and 1, 3
  low = _mm256_permute2x128_si256(even, odd, 0x20);
  high = _mm256_permute2x128_si256(even, odd, 0x31);
}

template <typename T> ACCELERATE_TARGET_AVX2 void row_avx2(const T* x, size_t begin, size_t end, const RowConstants& c, uint32_t threshold, T scale, T* y) {
  const __m256i limit = _mm256_set1_epi32(static_cast<int>(threshold));
  for (size_t i = begin; i < end; i += 16) {
    __m256i low, high;
    words_avx2(i, c, low, high);
    T rest[16] = {};  // the row's end goes through a copy
    const bool whole = i + 16 <= end;
    if (!whole) std::memcpy(rest, x + i, (end - i) * sizeof(T));
    const T* const in = whole ? x + i : rest;
    T* const out = whole ? y + i : rest;
    store8(in, _mm256_cmpeq_epi32(_mm256_max_epu32(low, limit), low), scale, out);
    store8(in + 8, _mm256_cmpeq_epi32(_mm256_max_epu32(high, limit), high), scale, out + 8);
    if (!whole) std::memcpy(y + i, rest, (end - i) * sizeof(T));
  }
}

#endif

constexpr size_t segment = 8192;      // elements of a row that are one piece of work; a multiple of 32
constexpr size_t grain = 16 * 1024;   // elements below which another thread costs more than it saves

}  // namespace

DropoutRows::DropoutRows(const int64_t key[4], uint32_t site, float ratio, const int64_t* dims, size_t rank, const int64_t* places, size_t coordinates)
    : key_(dropout_key(key, site)),
      ratio_(ratio),
      threshold_(static_cast<uint64_t>(std::llround(static_cast<double>(ratio) * 4294967296.0))),
      places_(places),
      coordinates_(coordinates),
      size1_(rank >= 3 ? static_cast<size_t>(dims[1]) : 1),
      size2_(rank >= 4 ? static_cast<size_t>(dims[2]) : 1) {}

template <typename T> void DropoutRows::apply(size_t row, const T* x, size_t begin, size_t end, T* y, Isa isa) const {
  if (ratio_ == 0) {
    if (x != y) std::memcpy(y + begin, x + begin, (end - begin) * sizeof(T));
    return;
  }
  if (threshold_ > 0xFFFFFFFFu) {
    std::memset(y + begin, 0, (end - begin) * sizeof(T));
    return;
  }
  const auto scale = static_cast<T>(1.0 / (1.0 - static_cast<double>(ratio_)));
  const auto limit = static_cast<uint32_t>(threshold_);
  uint32_t place[3] = {static_cast<uint32_t>(row / size2_ / size1_), static_cast<uint32_t>(row / size2_ % size1_), static_cast<uint32_t>(row % size2_)};
  if (places_ != nullptr) for (size_t k = 0; k < 3; k++) place[k] = k < coordinates_ ? static_cast<uint32_t>(places_[row * coordinates_ + k]) : 0;
  const RowConstants constants(key_, place[0], place[1], place[2]);
#if ACCELERATE_X86
  if (isa == Isa::avx512) return row_avx512(x, begin, end, constants, limit, scale, y);
  if (isa == Isa::avx2) return row_avx2(x, begin, end, constants, limit, scale, y);
#endif
  static_cast<void>(isa);
  row_portable(x, begin, end, constants, limit, scale, y);
}

template <typename T> void dropout(const T* x, const DropoutRows& masks, size_t rows, size_t length, T* y, const Parallel& parallel, Isa isa) {
  if (rows == 0 || length == 0) return;
  const size_t segments = (length + segment - 1) / segment, itemSize = std::min(length, segment);
  parallel.ranges(rows * segments, std::max<size_t>(1, grain / itemSize), 1, [&](size_t begin, size_t end) {
    for (size_t item = begin; item < end; item++) {
      const size_t row = item / segments, from = item % segments * segment;
      masks.apply(row, x + row * length, from, std::min(length, from + segment), y + row * length, isa);
    }
  });
}

template <typename T> void dropout(const T* x, const int64_t key[4], uint32_t site, float ratio, const int64_t* dims, size_t rank, T* y, const Parallel& parallel, Isa isa) {
  size_t rows = 1;
  for (size_t d = 0; d + 1 < rank; d++) rows *= static_cast<size_t>(dims[d]);
  dropout(x, DropoutRows(key, site, ratio, dims, rank), rows, rank == 0 ? size_t{1} : static_cast<size_t>(dims[rank - 1]), y, parallel, isa);
}

ACCELERATE_DROPOUT(, float)
ACCELERATE_DROPOUT(, double)

}  // namespace accelerate_ts
