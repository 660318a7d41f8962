// See bfloat16.h. With AVX-512 in half the time where the numbers are in the cache; else memory decides. Integer operations, so denormals are rounded like all numbers, whatever the thread does with them.
#include "bfloat16.h"

#include <cstring>

#include "compress.h"
#include "simd.h"

namespace accelerate_ts {
namespace {

constexpr size_t kLine = 32;          // elements per 64 bytes of the output
constexpr size_t kGrain = 64 * 1024;  // elements below which another thread costs more than it saves

#if ACCELERATE_X86
ACCELERATE_TARGET_AVX512 ACCELERATE_INLINE __m256i narrowed(__m512i bits) {
  const __m512i high = _mm512_srli_epi32(bits, 16);
  const __m512i half = _mm512_add_epi32(_mm512_set1_epi32(0x7fff), _mm512_and_si512(high, _mm512_set1_epi32(1)));
  const __m512i rounded = _mm512_srli_epi32(_mm512_add_epi32(bits, half), 16);
  const __mmask16 nan = _mm512_cmpgt_epu32_mask(_mm512_and_si512(bits, _mm512_set1_epi32(0x7fffffff)), _mm512_set1_epi32(0x7f800000));
  return _mm512_cvtepi32_epi16(_mm512_mask_or_epi32(rounded, nan, high, _mm512_set1_epi32(0x40)));
}

// Stores of some lanes only are slow on some processors: the last numbers go through memory of their own.
ACCELERATE_TARGET_AVX512 void narrow_avx512(uint16_t* out, const float* in, size_t count) {
  size_t i = 0;
  for (; i + 32 <= count; i += 32) {
    const __m256i low = narrowed(_mm512_loadu_si512(in + i)), high = narrowed(_mm512_loadu_si512(in + i + 16));
    _mm512_storeu_si512(out + i, _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1));
  }
  float last[32] = {};
  uint16_t bits[32];
  if (i == count) return;
  std::memcpy(last, in + i, (count - i) * sizeof(float));
  for (size_t k = 0; k < 32; k += 16) _mm256_storeu_si256(reinterpret_cast<__m256i*>(bits + k), narrowed(_mm512_loadu_si512(last + k)));
  std::memcpy(out + i, bits, (count - i) * sizeof(uint16_t));
}
#endif

}  // namespace

void to_bfloat16(uint16_t* out, const float* in, size_t count, const Parallel& parallel) {
#if ACCELERATE_X86
  if (best_isa() == Isa::avx512) {
    parallel.ranges(count, kGrain, kLine, [&](size_t begin, size_t end) { narrow_avx512(out + begin, in + begin, end - begin); });
    return;
  }
#endif
  narrow(Half::bfloat16, out, in, count, parallel);
}

}  // namespace accelerate_ts
