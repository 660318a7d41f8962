// Float vectors of three widths behind one set of names, and the choice between them at run time.
//
// A file of loops (optimizer_loops.h) is included once per instruction set, in the namespaces portable, avx2 and avx512; in each it finds `Vec` and
// ACCELERATE_TARGET, the attribute that lets the compiler use that instruction set in one function only. The rest of the addon is compiled
// for the baseline processor, so one binary runs everywhere.
#pragma once

#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdint>

#if !defined(ACCELERATE_PORTABLE_ONLY) && (defined(__x86_64__) || defined(_M_X64)) && (defined(__GNUC__) || defined(__clang__))
#define ACCELERATE_X86 1
// GCC 12 warns about its own header's deliberately undefined lanes (its bug 105593).
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#include <immintrin.h>
#pragma GCC diagnostic pop
#else
#define ACCELERATE_X86 0
#endif

#define ACCELERATE_INLINE __attribute__((always_inline)) static inline
#define ACCELERATE_TARGET_PORTABLE
#define ACCELERATE_TARGET_AVX2 __attribute__((target("avx2,fma")))
#define ACCELERATE_TARGET_AVX512 __attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma")))

namespace accelerate_ts {

enum class Isa : int { portable = 0, avx2 = 1, avx512 = 2 };

/// Tests lower it, so that kernels run as on a lesser processor.
inline std::atomic<int>& isa_limit() {
  static std::atomic<int> limit{static_cast<int>(Isa::avx512)};
  return limit;
}

/// The widest instruction set that this processor and its operating system support.
inline Isa supported_isa() {
#if ACCELERATE_X86
  static const Isa best = [] {
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")) return Isa::avx512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return Isa::avx2;
    return Isa::portable;
  }();
  return best;
#else
  return Isa::portable;
#endif
}

/// What kernels use unless they are told otherwise.
inline Isa best_isa() {
  const int limit = isa_limit().load(std::memory_order_relaxed);
  return static_cast<int>(supported_isa()) < limit ? supported_isa() : static_cast<Isa>(limit);
}

namespace portable {
/// Four floats in a vector of the compiler's own: whatever the baseline has (SSE2, NEON), or plain code.
struct Vec {
  static constexpr size_t width = 4;
  using Lanes = float __attribute__((vector_size(16)));
  using Bits = int32_t __attribute__((vector_size(16)));
  Lanes v;
  ACCELERATE_INLINE Vec load(const float* p) { Vec r; __builtin_memcpy(&r.v, p, sizeof(r.v)); return r; }
  ACCELERATE_INLINE Vec set(float x) { return {Lanes{x, x, x, x}}; }
  ACCELERATE_INLINE void store(float* p, Vec a) { __builtin_memcpy(p, &a.v, sizeof(a.v)); }
  ACCELERATE_INLINE Vec mul(Vec a, Vec b) { return {a.v * b.v}; }
  ACCELERATE_INLINE Vec sub(Vec a, Vec b) { return {a.v - b.v}; }
  ACCELERATE_INLINE Vec div(Vec a, Vec b) { return {a.v / b.v}; }
  ACCELERATE_INLINE Vec add(Vec a, Vec b) { return {a.v + b.v}; }
  /// Lanes of a where the bits are set, else of b.
  ACCELERATE_INLINE Vec select(Bits where, Vec a, Vec b) { return {reinterpret_cast<Lanes>((where & reinterpret_cast<Bits>(a.v)) | (~where & reinterpret_cast<Bits>(b.v)))}; }
  /// The second argument where one is NaN, as on x86.
  ACCELERATE_INLINE Vec max(Vec a, Vec b) { return select(a.v > b.v, a, b); }
  ACCELERATE_INLINE Vec min(Vec a, Vec b) { return select(a.v < b.v, a, b); }
  ACCELERATE_INLINE Vec clamp(Vec limit, Vec a) { return max({-limit.v}, min(limit, a)); }
  ACCELERATE_INLINE Vec sqrt(Vec a) { return {Lanes{std::sqrt(a.v[0]), std::sqrt(a.v[1]), std::sqrt(a.v[2]), std::sqrt(a.v[3])}}; }
  ACCELERATE_INLINE Vec atLeastZero(Vec a) { return zeroBelow(a, set(0), a); }
  ACCELERATE_INLINE Vec sign(Vec a) { const Lanes zero = set(0).v; return {__builtin_convertvector((a.v < zero) - (a.v > zero), Lanes)}; }
#ifdef __FP_FAST_FMAF
  ACCELERATE_INLINE Vec fma(Vec a, Vec b, Vec c) {
    return {Lanes{__builtin_fmaf(a.v[0], b.v[0], c.v[0]), __builtin_fmaf(a.v[1], b.v[1], c.v[1]), __builtin_fmaf(a.v[2], b.v[2], c.v[2]), __builtin_fmaf(a.v[3], b.v[3], c.v[3])}};
  }
#else
  ACCELERATE_INLINE Vec fma(Vec a, Vec b, Vec c) { return {a.v * b.v + c.v}; }
#endif
  /// a * 2^n for whole n from -126 to 127.
  ACCELERATE_INLINE Vec scale2(Vec a, Vec n) { return {a.v * reinterpret_cast<Lanes>((__builtin_convertvector(n.v, Bits) + 127) << 23)}; }
  /// a where x >= limit, else 0; a where x is NaN.
  ACCELERATE_INLINE Vec zeroBelow(Vec x, Vec limit, Vec a) { return {reinterpret_cast<Lanes>(~(x.v < limit.v) & reinterpret_cast<Bits>(a.v))}; }
  /// The first n < width lanes from memory, the others from `rest`; nothing beyond is read.
  ACCELERATE_INLINE Vec loadPart(const float* p, size_t n, Vec rest) { for (size_t i = 0; i < n; i++) rest.v[i] = p[i]; return rest; }
  ACCELERATE_INLINE void storePart(float* p, size_t n, Vec a) { for (size_t i = 0; i < n; i++) p[i] = a.v[i]; }
  ACCELERATE_INLINE float sumOf(Vec a) { return (a.v[0] + a.v[2]) + (a.v[1] + a.v[3]); }
  ACCELERATE_INLINE float maxOf(Vec a) { const Vec b = max(a, {Lanes{a.v[2], a.v[3], a.v[0], a.v[1]}}); return b.v[0] > b.v[1] ? b.v[0] : b.v[1]; }
  ACCELERATE_INLINE void prefetch(const float*) {}
};
}  // namespace portable

#if ACCELERATE_X86
namespace avx2 {
struct Vec {
  static constexpr size_t width = 8;
  __m256 v;
  ACCELERATE_TARGET_AVX2 ACCELERATE_INLINE Vec load(const float* p) { return {_mm256_loadu_ps(p)}; }
  ACCELERATE_TARGET_AVX2 ACCELERATE_INLINE Vec set(float x) { return {_mm256_set1_ps(x)}; }
  ACCELERATE_TARGET_AVX2 ACCELERATE_INLINE void store(float* p, Vec a) { _mm256_storeu_ps(p, a.v); }
  ACCELERATE_TARGET_AVX2 ACCELERATE_INLINE Vec mul(Vec a, Vec b) { return {_mm256_mul_ps(a.v, b.v)}; }
  ACCELERATE_TARGET_AVX2 ACCELERATE_INLINE Vec add(Vec a, Vec b) { return {_mm256_add_ps(a.v, b.v)}; }
  ACCELERATE_TARGET_AVX2 ACCELERATE_INLINE Vec sub(Vec a, Vec b) { return {_mm256_sub_ps(a.v, b.v)}; }
  ACCELERATE_TARGET_AVX2 ACCELERATE_INLINE Vec div(Vec a, Vec b) { return {_mm256_div_ps(a.v, b.v)}; }
  /// min and max give their second argument where one is NaN, so NaN stays.
  ACCELERATE_TARGET_AVX2 ACCELERATE_INLINE Vec clamp(Vec limit, Vec a) { return {_mm256_max_ps(_mm256_sub_ps(_mm256_setzero_ps(), limit.v), _mm256_min_ps(limit.v, a.v))}; }
  ACCELERATE_TARGET_AVX2 ACCELERATE_INLINE Vec sqrt(Vec a) { return {_mm256_sqrt_ps(a.v)}; }
  ACCELERATE_TARGET_AVX2 ACCELERATE_INLINE Vec atLeastZero(Vec a) { return {_mm256_max_ps(_mm256_setzero_ps(), a.v)}; }
  /// 1, -1, or 0 for 0 and for NaN.
  ACCELERATE_TARGET_AVX2 ACCELERATE_INLINE Vec sign(Vec a) {
    const __m256 zero = _mm256_setzero_ps(), one = _mm256_set1_ps(1);
    return {_mm256_sub_ps(_mm256_and_ps(_mm256_cmp_ps(a.v, zero, _CMP_GT_OQ), one), _mm256_and_ps(_mm256_cmp_ps(a.v, zero, _CMP_LT_OQ), one))};
  }
  ACCELERATE_TARGET_AVX2 ACCELERATE_INLINE Vec fma(Vec a, Vec b, Vec c) { return {_mm256_fmadd_ps(a.v, b.v, c.v)}; }
  ACCELERATE_TARGET_AVX2 ACCELERATE_INLINE Vec max(Vec a, Vec b) { return {_mm256_max_ps(a.v, b.v)}; }
  ACCELERATE_TARGET_AVX2 ACCELERATE_INLINE Vec min(Vec a, Vec b) { return {_mm256_min_ps(a.v, b.v)}; }
  ACCELERATE_TARGET_AVX2 ACCELERATE_INLINE Vec scale2(Vec a, Vec n) {
    const __m256i exponent = _mm256_add_epi32(_mm256_cvtps_epi32(n.v), _mm256_set1_epi32(127));
    return {_mm256_mul_ps(a.v, _mm256_castsi256_ps(_mm256_slli_epi32(exponent, 23)))};
  }
  ACCELERATE_TARGET_AVX2 ACCELERATE_INLINE Vec zeroBelow(Vec x, Vec limit, Vec a) { return {_mm256_andnot_ps(_mm256_cmp_ps(x.v, limit.v, _CMP_LT_OQ), a.v)}; }
  ACCELERATE_TARGET_AVX2 ACCELERATE_INLINE __m256i first(size_t n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  }
  ACCELERATE_TARGET_AVX2 ACCELERATE_INLINE Vec loadPart(const float* p, size_t n, Vec rest) {
    const __m256i mask = first(n);
    return {_mm256_blendv_ps(rest.v, _mm256_maskload_ps(p, mask), _mm256_castsi256_ps(mask))};
  }
  ACCELERATE_TARGET_AVX2 ACCELERATE_INLINE void storePart(float* p, size_t n, Vec a) { _mm256_maskstore_ps(p, first(n), a.v); }
  ACCELERATE_TARGET_AVX2 ACCELERATE_INLINE float sumOf(Vec a) {
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1)), two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
  }
  ACCELERATE_TARGET_AVX2 ACCELERATE_INLINE float maxOf(Vec a) {
    const __m128 four = _mm_max_ps(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1)), two = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(two, _mm_shuffle_ps(two, two, 1)));
  }
  ACCELERATE_TARGET_AVX2 ACCELERATE_INLINE void prefetch(const float* p) { _mm_prefetch(reinterpret_cast<const char*>(p), _MM_HINT_T0); }
};
}  // namespace avx2

namespace avx512 {
struct Vec {
  static constexpr size_t width = 16;
  __m512 v;
  ACCELERATE_TARGET_AVX512 ACCELERATE_INLINE Vec load(const float* p) { return {_mm512_loadu_ps(p)}; }
  ACCELERATE_TARGET_AVX512 ACCELERATE_INLINE Vec set(float x) { return {_mm512_set1_ps(x)}; }
  ACCELERATE_TARGET_AVX512 ACCELERATE_INLINE void store(float* p, Vec a) { _mm512_storeu_ps(p, a.v); }
  ACCELERATE_TARGET_AVX512 ACCELERATE_INLINE Vec mul(Vec a, Vec b) { return {_mm512_mul_ps(a.v, b.v)}; }
  ACCELERATE_TARGET_AVX512 ACCELERATE_INLINE Vec add(Vec a, Vec b) { return {_mm512_add_ps(a.v, b.v)}; }
  ACCELERATE_TARGET_AVX512 ACCELERATE_INLINE Vec sub(Vec a, Vec b) { return {_mm512_sub_ps(a.v, b.v)}; }
  ACCELERATE_TARGET_AVX512 ACCELERATE_INLINE Vec div(Vec a, Vec b) { return {_mm512_div_ps(a.v, b.v)}; }
  /// min and max give their second argument where one is NaN, so NaN stays.
  ACCELERATE_TARGET_AVX512 ACCELERATE_INLINE Vec clamp(Vec limit, Vec a) { return {_mm512_max_ps(_mm512_sub_ps(_mm512_setzero_ps(), limit.v), _mm512_min_ps(limit.v, a.v))}; }
  ACCELERATE_TARGET_AVX512 ACCELERATE_INLINE Vec sqrt(Vec a) { return {_mm512_sqrt_ps(a.v)}; }
  ACCELERATE_TARGET_AVX512 ACCELERATE_INLINE Vec atLeastZero(Vec a) { return {_mm512_max_ps(_mm512_setzero_ps(), a.v)}; }
  ACCELERATE_TARGET_AVX512 ACCELERATE_INLINE Vec sign(Vec a) {
    const __m512 zero = _mm512_setzero_ps(), one = _mm512_set1_ps(1);
    const __m512 above = _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(a.v, zero, _CMP_GT_OQ), one);
    return {_mm512_sub_ps(above, _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(a.v, zero, _CMP_LT_OQ), one))};
  }
  ACCELERATE_TARGET_AVX512 ACCELERATE_INLINE Vec fma(Vec a, Vec b, Vec c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
  ACCELERATE_TARGET_AVX512 ACCELERATE_INLINE Vec max(Vec a, Vec b) { return {_mm512_max_ps(a.v, b.v)}; }
  ACCELERATE_TARGET_AVX512 ACCELERATE_INLINE Vec min(Vec a, Vec b) { return {_mm512_min_ps(a.v, b.v)}; }
  ACCELERATE_TARGET_AVX512 ACCELERATE_INLINE Vec scale2(Vec a, Vec n) { return {_mm512_scalef_ps(a.v, n.v)}; }
  ACCELERATE_TARGET_AVX512 ACCELERATE_INLINE Vec zeroBelow(Vec x, Vec limit, Vec a) { return {_mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x.v, limit.v, _CMP_NLT_UQ), a.v)}; }
  ACCELERATE_TARGET_AVX512 ACCELERATE_INLINE __mmask16 first(size_t n) { return static_cast<__mmask16>((1u << n) - 1); }
  ACCELERATE_TARGET_AVX512 ACCELERATE_INLINE Vec loadPart(const float* p, size_t n, Vec rest) { return {_mm512_mask_loadu_ps(rest.v, first(n), p)}; }
  ACCELERATE_TARGET_AVX512 ACCELERATE_INLINE void storePart(float* p, size_t n, Vec a) { _mm512_mask_storeu_ps(p, first(n), a.v); }
  ACCELERATE_TARGET_AVX512 ACCELERATE_INLINE float sumOf(Vec a) { return _mm512_reduce_add_ps(a.v); }
  ACCELERATE_TARGET_AVX512 ACCELERATE_INLINE float maxOf(Vec a) { return _mm512_reduce_max_ps(a.v); }
  ACCELERATE_TARGET_AVX512 ACCELERATE_INLINE void prefetch(const float* p) { _mm_prefetch(reinterpret_cast<const char*>(p), _MM_HINT_T0); }
};
}  // namespace avx512
#endif

/// A call of a function that each of the namespaces has.
#if ACCELERATE_X86
#define ACCELERATE_BY_ISA(isa, call) ((isa) == Isa::avx512 ? avx512::call : (isa) == Isa::avx2 ? avx2::call : portable::call)
#else
#define ACCELERATE_BY_ISA(isa, call) (static_cast<void>(isa), portable::call)
#endif

}  // namespace accelerate_ts
