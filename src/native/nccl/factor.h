// What NCCL multiplies by: a number in the type of an operation.
#pragma once
#include <cstdint>
#include <cstring>

#include "nccl_api.h"

namespace accelerate_ts::nccl {

// As NCCL reads it.
struct Scalar {
  alignas(8) char bytes[8] = {};
  Scalar(double factor, ncclDataType_t dtype) {
    const float single = static_cast<float>(factor);
    if (dtype == ncclFloat64) std::memcpy(bytes, &factor, sizeof factor);
    else if (dtype == ncclFloat32) std::memcpy(bytes, &single, sizeof single);
    else {
      const uint16_t half = dtype == ncclBfloat16 ? bfloat(single) : halved(single);
      std::memcpy(bytes, &half, sizeof half);
    }
  }
  static uint32_t bitsOf(float value) {
    uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    return bits;
  }
  // To nearest, ties to even; factors are finite.
  static uint16_t bfloat(float value) {
    const uint32_t bits = bitsOf(value);
    return static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
  }
  static uint16_t halved(float value) {
    const uint32_t bits = bitsOf(value), sign = bits >> 16 & 0x8000;
    const int exponent = static_cast<int>(bits >> 23 & 0xff) - 127 + 15;
    const uint32_t mantissa = bits & 0x7fffff;
    if (exponent >= 31) return static_cast<uint16_t>(sign | 0x7c00);
    if (exponent < -10) return static_cast<uint16_t>(sign);
    const uint32_t full = exponent > 0 ? (static_cast<uint32_t>(exponent) << 23 | mantissa) : (mantissa | 0x800000);
    const int shift = exponent > 0 ? 13 : 14 - exponent;
    const uint32_t kept = full >> shift, rest = full & ((1u << shift) - 1), middle = 1u << (shift - 1);
    return static_cast<uint16_t>(sign | (kept + (rest > middle || (rest == middle && (kept & 1)))));
  }
};

}  // namespace accelerate_ts::nccl
