// What makes gradients smaller before they travel: 16-bit floats, and products of a matrix with few vectors (PowerSGD).
//
// Matrices lie row by row. k vectors lie one behind the other, each contiguous: `left` k x rows, `right` k x cols. Results do not depend on the number of threads; those of `rebuild` neither on
// the instruction set, so that hosts with other processors get the same bits.
#pragma once
#include <cstddef>
#include <cstdint>

#include "../parallel.h"

namespace accelerate_ts {

enum class Half : int { float16 = 10, bfloat16 = 16 };  // TensorProto.DataType

/// Rounded to nearest even. To float16: beyond 65504 infinite.
void narrow(Half format, uint16_t* out, const float* in, size_t count, const Parallel& parallel);
void widen(Half format, float* out, const uint16_t* in, size_t count, const Parallel& parallel);

struct Matrix { size_t rows, cols, k; };

/// left = matrix * right
void project(const float* matrix, Matrix size, const float* right, float* left, const Parallel& parallel);
/// right = matrix^T * left
void project_back(const float* matrix, Matrix size, const float* left, float* right, const Parallel& parallel);
/// matrix = left * right^T; error, unless null, becomes what the matrix was before less `part` of what it is now.
void rebuild(float* matrix, Matrix size, const float* left, const float* right, float* error, float part, const Parallel& parallel);

}  // namespace accelerate_ts
