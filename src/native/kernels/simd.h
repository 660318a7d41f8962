// Float vectors of three widths behind one set of names, and the choice between them at run time.
//
// A file of loops (optimizer_loops.h) is included once per instruction set, in the namespaces portable, avx2 and avx512; in each it finds `Vec` and
// ACCELERATE_TARGET, the attribute that lets the compiler use that instruction set in one function only. The rest of the addon is compiled
// for the baseline processor, so one binary runs everywhere.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>

#if (defined(__x86_64__) || defined(_M_X64)) && (defined(__GNUC__) || defined(__clang__))
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

/// The widest instruction set that this processor and its operating system support.
inline Isa best_isa() {
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

namespace portable {
/// Four floats in an array: the compiler maps them to whatever the baseline has.
struct Vec {
  static constexpr size_t width = 4;
  float lane[width];
  template <typename F> ACCELERATE_INLINE Vec map(F f) { Vec r; for (size_t i = 0; i < width; i++) r.lane[i] = f(i); return r; }
  ACCELERATE_INLINE Vec load(const float* p) { return map([&](size_t i) { return p[i]; }); }
  ACCELERATE_INLINE Vec set(float x) { return map([&](size_t) { return x; }); }
  ACCELERATE_INLINE void store(float* p, Vec a) { for (size_t i = 0; i < width; i++) p[i] = a.lane[i]; }
  ACCELERATE_INLINE Vec mul(Vec a, Vec b) { return map([&](size_t i) { return a.lane[i] * b.lane[i]; }); }
  ACCELERATE_INLINE Vec sub(Vec a, Vec b) { return map([&](size_t i) { return a.lane[i] - b.lane[i]; }); }
  ACCELERATE_INLINE Vec div(Vec a, Vec b) { return map([&](size_t i) { return a.lane[i] / b.lane[i]; }); }
  ACCELERATE_INLINE Vec add(Vec a, Vec b) { return map([&](size_t i) { return a.lane[i] + b.lane[i]; }); }
  ACCELERATE_INLINE Vec clamp(Vec limit, Vec a) { return map([&](size_t i) { return a.lane[i] > limit.lane[i] ? limit.lane[i] : a.lane[i] < -limit.lane[i] ? -limit.lane[i] : a.lane[i]; }); }
  ACCELERATE_INLINE Vec sqrt(Vec a) { return map([&](size_t i) { return std::sqrt(a.lane[i]); }); }
  ACCELERATE_INLINE Vec atLeastZero(Vec a) { return map([&](size_t i) { return a.lane[i] < 0 ? 0.0f : a.lane[i]; }); }
  ACCELERATE_INLINE Vec sign(Vec a) { return map([&](size_t i) { return static_cast<float>((a.lane[i] > 0) - (a.lane[i] < 0)); }); }
#ifdef __FP_FAST_FMAF
  ACCELERATE_INLINE Vec fma(Vec a, Vec b, Vec c) { return map([&](size_t i) { return __builtin_fmaf(a.lane[i], b.lane[i], c.lane[i]); }); }
#else
  ACCELERATE_INLINE Vec fma(Vec a, Vec b, Vec c) { return map([&](size_t i) { return a.lane[i] * b.lane[i] + c.lane[i]; }); }
#endif
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
  ACCELERATE_TARGET_AVX512 ACCELERATE_INLINE void prefetch(const float* p) { _mm_prefetch(reinterpret_cast<const char*>(p), _MM_HINT_T0); }
};
}  // namespace avx512
#endif

}  // namespace accelerate_ts
