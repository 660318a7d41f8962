// See bfloat16.h. Integer operations, so denormals are rounded like all numbers, whatever the thread does with them.
#include "bfloat16.h"

#include "compress.h"
#include "simd.h"

namespace accelerate_ts {
namespace {

constexpr size_t kLine = 32;          // elements per 64 bytes of the output
constexpr size_t kGrain = 64 * 1024;  // elements below which another thread costs more than it saves

#if ACCELERATE_X86
ACCELERATE_TARGET_AVX512 void narrow_avx512(uint16_t* out, const float* in, size_t count) {
  const __m512i one = _mm512_set1_epi32(1), half = _mm512_set1_epi32(0x7fff), magnitude = _mm512_set1_epi32(0x7fffffff);
  const __m512i infinity = _mm512_set1_epi32(0x7f800000), quiet = _mm512_set1_epi32(0x40);
  for (size_t i = 0; i < count; i += 16) {
    const __mmask16 lanes = count - i >= 16 ? static_cast<__mmask16>(0xffff) : static_cast<__mmask16>((1u << (count - i)) - 1);
    const __m512i bits = _mm512_maskz_loadu_epi32(lanes, in + i);
    const __m512i high = _mm512_srli_epi32(bits, 16);
    const __m512i rounded = _mm512_srli_epi32(_mm512_add_epi32(_mm512_add_epi32(bits, half), _mm512_and_si512(high, one)), 16);
    const __mmask16 nan = _mm512_cmpgt_epu32_mask(_mm512_and_si512(bits, magnitude), infinity);
    const __m256i narrowed = _mm512_cvtepi32_epi16(_mm512_mask_or_epi32(rounded, nan, high, quiet));
    _mm256_mask_storeu_epi16(out + i, lanes, narrowed);
  }
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
