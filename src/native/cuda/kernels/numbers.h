// Numbers as they lie in memory, float32, float16 and bfloat16; kernels compute in float32. And the functions of one number that the host and GPUs call by other names.
#pragma once

#include <cstring>

#include "block.h"

namespace accelerate_ts {
namespace cuda {

struct Half { uint16_t bits; };
struct Bfloat16 { uint16_t bits; };

ACCELERATE_DEVICE uint32_t bits_of(float value) {
#ifdef __CUDACC__
  return __float_as_uint(value);
#else
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
#endif
}
ACCELERATE_DEVICE float float_of(uint32_t bits) {
#ifdef __CUDACC__
  return __uint_as_float(bits);
#else
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
#endif
}

ACCELERATE_DEVICE float widened(float x) { return x; }
ACCELERATE_DEVICE float widened(Bfloat16 x) { return float_of(static_cast<uint32_t>(x.bits) << 16); }
ACCELERATE_DEVICE float widened(Half x) {
#ifdef __CUDACC__
  float value;
  asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(x.bits));
  return value;
#else
  const uint32_t sign = static_cast<uint32_t>(x.bits & 0x8000u) << 16, exponent = x.bits >> 10 & 31u, fraction = x.bits & 1023u;
  if (exponent == 31) return float_of(sign | 0x7f800000u | fraction << 13);
  if (exponent == 0) return float_of(sign | bits_of(static_cast<float>(fraction) * 0x1p-24f));
  return float_of(sign | (exponent + 112) << 23 | fraction << 13);
#endif
}

/// To the nearest, ties to even; NaN stays NaN.
template <typename T> ACCELERATE_DEVICE T narrowed(float x);
template <> ACCELERATE_DEVICE float narrowed<float>(float x) { return x; }
template <> ACCELERATE_DEVICE Bfloat16 narrowed<Bfloat16>(float x) {
  const uint32_t bits = bits_of(x);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return {static_cast<uint16_t>(bits >> 16 | 64u)};
  return {static_cast<uint16_t>((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16)};
}
template <> ACCELERATE_DEVICE Half narrowed<Half>(float x) {
#ifdef __CUDACC__
  Half half;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(half.bits) : "f"(x));
  return half;
#else
  const uint32_t bits = bits_of(x), sign = bits >> 16 & 0x8000u, magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return {static_cast<uint16_t>(sign | 0x7e00u)};
  if (magnitude >= 0x477ff000u) return {static_cast<uint16_t>(sign | 0x7c00u)};
  // Below 2^-14 halves are multiples of 2^-24: adding 1/2 leaves just those bits.
  if (magnitude < 0x38800000u) return {static_cast<uint16_t>(sign | (bits_of(float_of(magnitude) + 0.5f) - bits_of(0.5f)))};
  return {static_cast<uint16_t>(sign | ((magnitude - 0x38000000u + 0xfffu + (magnitude >> 13 & 1u)) >> 13))};
#endif
}

/// Four numbers that lie at a multiple of their size.
template <typename T> struct alignas(4 * sizeof(T)) Four { T x[4]; };

/// Elements i .. i+3 of a row of n; what lies behind it is 0. wide: all rows begin, and end, at multiples of four numbers.
template <typename T> ACCELERATE_DEVICE void load_four(const T* row, size_t i, size_t n, bool wide, float* out) {
  if (wide) {
    const Four<T> four = *reinterpret_cast<const Four<T>*>(row + i);
    ACCELERATE_UNROLL
    for (int j = 0; j < 4; j++) out[j] = widened(four.x[j]);
    return;
  }
  ACCELERATE_UNROLL
  for (int j = 0; j < 4; j++) out[j] = i + j < n ? widened(row[i + j]) : 0.0f;
}
template <typename T> ACCELERATE_DEVICE void store_four(T* row, size_t i, size_t n, bool wide, const float* values) {
  if (wide) {
    Four<T> four;
    ACCELERATE_UNROLL
    for (int j = 0; j < 4; j++) four.x[j] = narrowed<T>(values[j]);
    *reinterpret_cast<Four<T>*>(row + i) = four;
    return;
  }
  ACCELERATE_UNROLL
  for (int j = 0; j < 4; j++) if (i + j < n) row[i + j] = narrowed<T>(values[j]);
}

/// One rounding, on the host, too.
ACCELERATE_DEVICE float fused(float a, float b, float c) {
#ifdef __CUDACC__
  return __fmaf_rn(a, b, c);
#else
  return std::fmaf(a, b, c);
#endif
}
ACCELERATE_DEVICE float minus_infinity() { return float_of(0xff800000u); }
ACCELERATE_DEVICE bool is_finite(float x) { return (bits_of(x) & 0x7f800000u) != 0x7f800000u; }

}  // namespace cuda
}  // namespace accelerate_ts
