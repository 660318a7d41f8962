// The bits of a float32, for the loops of half_loops.h.
#pragma once
#include <cstdint>
#include <cstring>

#include "simd.h"

namespace accelerate_ts {

ACCELERATE_INLINE float fromBits(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}
ACCELERATE_INLINE uint32_t toBits(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

}  // namespace accelerate_ts
