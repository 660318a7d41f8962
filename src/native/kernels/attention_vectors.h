// What attention.cc's loops need of each instruction set beyond Vec: factors of dropout for several keys at once, and blocks of numbers turned round.
#pragma once
#include <cstddef>
#include <cstdint>

#include "dropout_words.h"

namespace accelerate_ts {

/// What dropout draws with. limit above 2^32 - 1: nothing is kept.
struct Drops {
  PhiloxKey key;
  uint64_t limit;
  float scale;
};

namespace portable {
namespace {
constexpr size_t factor_run = 4;
inline void factorRun(size_t token, const RowConstants& row, const Drops& drops, float* out) {
  const PhiloxWords words = words_portable(token, row);
  for (size_t j = 0; j < 4; j++) out[j] = words.w[j] >= drops.limit ? drops.scale : 0.0f;
}
inline void transposeBlock(const float* from, size_t step, float* to, size_t toStep) {
  for (size_t r = 0; r < Vec::width; r++) for (size_t c = 0; c < Vec::width; c++) to[c * toStep + r] = from[r * step + c];
}
}  // namespace
}  // namespace portable
#if ACCELERATE_X86
namespace avx2 {
namespace {
constexpr size_t factor_run = 16;
inline ACCELERATE_TARGET_AVX2 void factorRun(size_t token, const RowConstants& row, const Drops& drops, float* out) {
  const __m256i limit = _mm256_set1_epi32(static_cast<int>(drops.limit));
  const __m256 scale = _mm256_set1_ps(drops.limit > 0xFFFFFFFFu ? 0.0f : drops.scale);
  __m256i low, high;
  words_avx2(token, row, low, high);
  _mm256_storeu_ps(out, _mm256_and_ps(scale, _mm256_castsi256_ps(_mm256_cmpeq_epi32(_mm256_max_epu32(low, limit), low))));
  _mm256_storeu_ps(out + 8, _mm256_and_ps(scale, _mm256_castsi256_ps(_mm256_cmpeq_epi32(_mm256_max_epu32(high, limit), high))));
}
/// Eight rows of eight numbers, rows and columns changed places.
inline ACCELERATE_TARGET_AVX2 void transposeBlock(const float* from, size_t step, float* to, size_t toStep) {
  __m256 r[8], s[8];
#pragma GCC unroll 8
  for (int i = 0; i < 8; i++) r[i] = _mm256_loadu_ps(from + static_cast<size_t>(i) * step);
#pragma GCC unroll 4
  for (int i = 0; i < 8; i += 2) s[i] = _mm256_unpacklo_ps(r[i], r[i + 1]), s[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
#pragma GCC unroll 2
  for (int i = 0; i < 8; i += 4) {
    r[i] = _mm256_shuffle_ps(s[i], s[i + 2], 0x44), r[i + 1] = _mm256_shuffle_ps(s[i], s[i + 2], 0xEE);
    r[i + 2] = _mm256_shuffle_ps(s[i + 1], s[i + 3], 0x44), r[i + 3] = _mm256_shuffle_ps(s[i + 1], s[i + 3], 0xEE);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) {
    _mm256_storeu_ps(to + static_cast<size_t>(i) * toStep, _mm256_permute2f128_ps(r[i], r[i + 4], 0x20));
    _mm256_storeu_ps(to + static_cast<size_t>(i + 4) * toStep, _mm256_permute2f128_ps(r[i], r[i + 4], 0x31));
  }
}
}  // namespace
}  // namespace avx2
namespace avx512 {
namespace {
constexpr size_t factor_run = 32;
inline ACCELERATE_TARGET_AVX512 void factorRun(size_t token, const RowConstants& row, const Drops& drops, float* out) {
  const __m512i limit = _mm512_set1_epi32(static_cast<int>(drops.limit));
  const __m512 scale = _mm512_set1_ps(drops.limit > 0xFFFFFFFFu ? 0.0f : drops.scale);
  __m512i low, high;
  words_avx512(token, row, low, high);
  _mm512_storeu_ps(out, _mm512_maskz_mov_ps(_mm512_cmpge_epu32_mask(low, limit), scale));
  _mm512_storeu_ps(out + 16, _mm512_maskz_mov_ps(_mm512_cmpge_epu32_mask(high, limit), scale));
}
/// Sixteen rows of sixteen numbers, rows and columns changed places.
inline ACCELERATE_TARGET_AVX512 void transposeBlock(const float* from, size_t step, float* to, size_t toStep) {
  __m512 r[16], s[16];
#pragma GCC unroll 16
  for (int i = 0; i < 16; i++) r[i] = _mm512_loadu_ps(from + static_cast<size_t>(i) * step);
#pragma GCC unroll 8
  for (int i = 0; i < 16; i += 2) s[i] = _mm512_unpacklo_ps(r[i], r[i + 1]), s[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
#pragma GCC unroll 4
  for (int i = 0; i < 16; i += 4) {
    r[i] = _mm512_shuffle_ps(s[i], s[i + 2], 0x44), r[i + 1] = _mm512_shuffle_ps(s[i], s[i + 2], 0xEE);
    r[i + 2] = _mm512_shuffle_ps(s[i + 1], s[i + 3], 0x44), r[i + 3] = _mm512_shuffle_ps(s[i + 1], s[i + 3], 0xEE);
  }
  // r[4 g + c] has, in each quarter k, column 4 k + c of rows 4 g to 4 g + 3.
#pragma GCC unroll 4
  for (int c = 0; c < 4; c++) {
    const __m512 a = _mm512_shuffle_f32x4(r[c], r[4 + c], 0x88), b = _mm512_shuffle_f32x4(r[c], r[4 + c], 0xDD);
    const __m512 d = _mm512_shuffle_f32x4(r[8 + c], r[12 + c], 0x88), e = _mm512_shuffle_f32x4(r[8 + c], r[12 + c], 0xDD);
    _mm512_storeu_ps(to + static_cast<size_t>(c) * toStep, _mm512_shuffle_f32x4(a, d, 0x88));
    _mm512_storeu_ps(to + static_cast<size_t>(4 + c) * toStep, _mm512_shuffle_f32x4(b, e, 0x88));
    _mm512_storeu_ps(to + static_cast<size_t>(8 + c) * toStep, _mm512_shuffle_f32x4(a, d, 0xDD));
    _mm512_storeu_ps(to + static_cast<size_t>(12 + c) * toStep, _mm512_shuffle_f32x4(b, e, 0xDD));
  }
}
}  // namespace
}  // namespace avx512
#endif

}  // namespace accelerate_ts
