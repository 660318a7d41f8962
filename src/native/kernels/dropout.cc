// See dropout.h; the random words are made by dropout_words.h.
#include "dropout.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "dropout_words.h"

namespace accelerate_ts {
namespace {

/// Elements [begin, end) of a row of any length; begin is a multiple of 4.
template <typename T> void row_portable(const T* x, size_t begin, size_t end, const RowConstants& c, uint32_t threshold, T scale, T* y) {
  for (size_t i = begin; i < end; i += 4) {
    const PhiloxWords words = words_portable(i, c);
    for (size_t j = 0; j < 4 && i + j < end; j++) y[i + j] = words.w[j] >= threshold ? x[i + j] * scale : T{0};
  }
}

#if ACCELERATE_X86

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
