// Adds (or takes the larger of) the numbers of all ranks, in the order of ranks.
#pragma once
#include <cstddef>

#include "page.h"

namespace accelerate_ts::comm {

size_t bytesOf(DType dtype);  // 0: no such type

/// out[i] = in[0][i] op in[1][i] op ...; mean divides the sum at the end. 16-bit floats are added in float32 and rounded once; integers wrap; a NaN stays.
/// `copy`, unless null, gets the same. out may be one of in; copy must not overlap anything.
using Reduce = void (*)(void* out, void* copy, const void* const* in, size_t ranks, size_t count);

/// Null: the type has no such reduction (mean of integers, anything but max of bool).
Reduce reduceOf(DType dtype, ReduceOp op);

}  // namespace accelerate_ts::comm
