// Random words for the elements of one row of a tensor, many at once. Along a row only the last counter word varies, so the first rounds are mostly the row's constants; the others run on eight
// (AVX-512) or four (AVX2) counters at once, each 32-bit word in its own 64-bit lane, where one multiplication gives both halves of the product.
#pragma once

#include <cstddef>
#include <cstdint>

#include "philox.h"
#include "simd.h"

namespace accelerate_ts {

/// What is the same for all counters of one row, after as many rounds as possible. Words lie in 64 bits, as vectors take them.
struct RowConstants {
  uint64_t k0[philox_rounds], k1[philox_rounds];
  uint64_t r1;         // round 1: c2 = r1 ^ counter
  uint64_t r2a, r2b;   // round 2: c0 = high(m1 * c2) ^ r2a, c1 = low(m1 * c2); c3 = r2b
  uint64_t r3a, r3b, r3c;  // round 3: c0 = r3a ^ c1, c1 = r3b, c2 = high(m0 * c0) ^ r3c, c3 = low(m0 * c0)

  explicit RowConstants(PhiloxKey key) {
    for (int r = 0; r < philox_rounds; r++, key = {key.k0 + philox_w0, key.k1 + philox_w1}) k0[r] = key.k0, k1[r] = key.k1;
  }
  RowConstants(PhiloxKey key, uint32_t p0, uint32_t p1, uint32_t p2) : RowConstants(key) { at(p0, p1, p2); }
  /// Another row under the same key.
  void at(uint32_t p0, uint32_t p1, uint32_t p2) {
    const uint64_t a = uint64_t{philox_m0} * p0, b = uint64_t{philox_m1} * p2;
    r1 = philox_high(a) ^ k1[0];
    const uint64_t c0 = philox_high(b) ^ p1 ^ k0[0], c1 = philox_low(b), c3 = philox_low(a);
    const uint64_t a2 = philox_m0 * c0;
    r2a = c1 ^ k0[1];
    r2b = philox_low(a2);
    const uint64_t b3 = philox_m1 * (philox_high(a2) ^ c3 ^ k1[1]);
    r3a = philox_high(b3) ^ k0[2];
    r3b = philox_low(b3);
    r3c = r2b ^ k1[2];
  }
};

/// Words of elements i .. i+3 of a row; i is a multiple of 4, as below.
inline PhiloxWords words_portable(size_t i, const RowConstants& c) {
  uint64_t b = philox_m1 * (c.r1 ^ static_cast<uint32_t>(i >> 2));
  uint64_t a = philox_m0 * (philox_high(b) ^ c.r2a);
  uint64_t w0 = c.r3a ^ philox_low(b), w1 = c.r3b, w2 = philox_high(a) ^ c.r3c, w3 = philox_low(a);
  for (int r = 3; r < philox_rounds; r++) {
    a = philox_m0 * w0;
    b = philox_m1 * w2;
    w0 = philox_high(b) ^ w1 ^ c.k0[r];
    w1 = philox_low(b);
    w2 = philox_high(a) ^ w3 ^ c.k1[r];
    w3 = philox_low(a);
  }
  return {{static_cast<uint32_t>(w0), static_cast<uint32_t>(w1), static_cast<uint32_t>(w2), static_cast<uint32_t>(w3)}};
}

#if ACCELERATE_X86

/// Words of elements i .. i+31 of a row, in order.
ACCELERATE_TARGET_AVX512 ACCELERATE_INLINE void words_avx512(size_t i, const RowConstants& c, __m512i& low, __m512i& high) {
  const __m512i m0 = _mm512_set1_epi64(philox_m0), m1 = _mm512_set1_epi64(philox_m1);
  const __m512i counter = _mm512_add_epi64(_mm512_set1_epi64(static_cast<long long>(i >> 2)), _mm512_set_epi64(7, 6, 5, 4, 3, 2, 1, 0));
  __m512i b = _mm512_mul_epu32(m1, _mm512_xor_si512(counter, _mm512_set1_epi64(static_cast<long long>(c.r1))));
  __m512i a = _mm512_mul_epu32(m0, _mm512_xor_si512(_mm512_srli_epi64(b, 32), _mm512_set1_epi64(static_cast<long long>(c.r2a))));
  __m512i w0 = _mm512_xor_si512(b, _mm512_set1_epi64(static_cast<long long>(c.r3a))), w1 = _mm512_set1_epi64(static_cast<long long>(c.r3b));
  __m512i w2 = _mm512_xor_si512(_mm512_srli_epi64(a, 32), _mm512_set1_epi64(static_cast<long long>(c.r3c))), w3 = a;
#pragma GCC unroll 7
  for (int r = 3; r < philox_rounds; r++) {
    a = _mm512_mul_epu32(m0, w0);
    b = _mm512_mul_epu32(m1, w2);
    w0 = _mm512_ternarylogic_epi64(_mm512_srli_epi64(b, 32), w1, _mm512_set1_epi64(static_cast<long long>(c.k0[r])), 0x96);
    w1 = b;
    w2 = _mm512_ternarylogic_epi64(_mm512_srli_epi64(a, 32), w3, _mm512_set1_epi64(static_cast<long long>(c.k1[r])), 0x96);
    w3 = a;
  }
  const __m512i w01 = _mm512_mask_shuffle_epi32(w0, 0xAAAA, w1, _MM_PERM_CCAA), w23 = _mm512_mask_shuffle_epi32(w2, 0xAAAA, w3, _MM_PERM_CCAA);
  low = _mm512_permutex2var_epi64(w01, _mm512_set_epi64(11, 3, 10, 2, 9, 1, 8, 0), w23);
  high = _mm512_permutex2var_epi64(w01, _mm512_set_epi64(15, 7, 14, 6, 13, 5, 12, 4), w23);
}

/// Words of elements i .. i+15 of a row, in order.
ACCELERATE_TARGET_AVX2 ACCELERATE_INLINE void words_avx2(size_t i, const RowConstants& c, __m256i& low, __m256i& high) {
  const __m256i m0 = _mm256_set1_epi64x(philox_m0), m1 = _mm256_set1_epi64x(philox_m1);
  const __m256i counter = _mm256_add_epi64(_mm256_set1_epi64x(static_cast<long long>(i >> 2)), _mm256_set_epi64x(3, 2, 1, 0));
  __m256i b = _mm256_mul_epu32(m1, _mm256_xor_si256(counter, _mm256_set1_epi64x(static_cast<long long>(c.r1))));
  __m256i a = _mm256_mul_epu32(m0, _mm256_xor_si256(_mm256_srli_epi64(b, 32), _mm256_set1_epi64x(static_cast<long long>(c.r2a))));
  __m256i w0 = _mm256_xor_si256(b, _mm256_set1_epi64x(static_cast<long long>(c.r3a))), w1 = _mm256_set1_epi64x(static_cast<long long>(c.r3b));
  __m256i w2 = _mm256_xor_si256(_mm256_srli_epi64(a, 32), _mm256_set1_epi64x(static_cast<long long>(c.r3c))), w3 = a;
#pragma GCC unroll 7
  for (int r = 3; r < philox_rounds; r++) {
    a = _mm256_mul_epu32(m0, w0);
    b = _mm256_mul_epu32(m1, w2);
    w0 = _mm256_xor_si256(_mm256_xor_si256(_mm256_srli_epi64(b, 32), w1), _mm256_set1_epi64x(static_cast<long long>(c.k0[r])));
    w1 = b;
    w2 = _mm256_xor_si256(_mm256_xor_si256(_mm256_srli_epi64(a, 32), w3), _mm256_set1_epi64x(static_cast<long long>(c.k1[r])));
    w3 = a;
  }
  const __m256i w01 = _mm256_blend_epi32(w0, _mm256_slli_epi64(w1, 32), 0xAA), w23 = _mm256_blend_epi32(w2, _mm256_slli_epi64(w3, 32), 0xAA);
  const __m256i even = _mm256_unpacklo_epi64(w01, w23), odd = _mm256_unpackhi_epi64(w01, w23);  // counters 0, 2 and 1, 3
  low = _mm256_permute2x128_si256(even, odd, 0x20);
  high = _mm256_permute2x128_si256(even, odd, 0x31);
}

#endif

}  // namespace accelerate_ts
