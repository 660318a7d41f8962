// float32 to bfloat16 in front of matrix products.
#pragma once
#include <cstddef>
#include <cstdint>

#include "../parallel.h"

namespace accelerate_ts {

/// Rounded to nearest even, NaN stays NaN: the bits of `narrow(Half::bfloat16, ...)`.
void to_bfloat16(uint16_t* out, const float* in, size_t count, const Parallel& parallel);

}  // namespace accelerate_ts
