// Sums and maxima of every element type. 16-bit floats are added in float32 and rounded once, whole numbers wrap, a maximum with a NaN is NaN.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "wire.h"

namespace accelerate_ts {

struct Arithmetic {
  uint32_t dtype;
  size_t itemBytes;
  // out = the reduction of the parts in their order; out may be one of them. divisor 0: none.
  void (*inOrder)(void* out, const std::vector<const void*>& parts, size_t count, Reduce reduce, double divisor);
};

// By TensorProto.DataType; null for types without numbers.
const Arithmetic* arithmeticOf(uint32_t dtype);

// 16-bit floats to float32 and back; nothing for other types.
void widen(uint32_t dtype, float* out, const uint16_t* from, size_t count);
void narrow(uint32_t dtype, uint16_t* out, const float* from, size_t count);

}  // namespace accelerate_ts
