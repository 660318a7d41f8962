// The loops of reduce_loops.h for the processor at hand.
#include "reduce.h"

#include <cstring>

#include "../kernels/half.h"

namespace accelerate_ts::comm {
namespace {

struct Row {
  DType dtype;
  size_t bytes;
  Reduce by[3];  // ReduceOp
};

namespace portable {
#define ACCELERATE_TARGET ACCELERATE_TARGET_PORTABLE
#include "reduce_loops.h"
#undef ACCELERATE_TARGET
}  // namespace portable

#if ACCELERATE_X86
namespace avx2 {
#define ACCELERATE_TARGET ACCELERATE_TARGET_AVX2
#include "reduce_loops.h"
#undef ACCELERATE_TARGET
}  // namespace avx2
#endif

const Row* rowOf(DType dtype) {
#if ACCELERATE_X86
  const bool wide = best_isa() != Isa::portable;
  for (const Row& row : wide ? avx2::rows : portable::rows)
#else
  for (const Row& row : portable::rows)
#endif
    if (row.dtype == dtype) return &row;
  return nullptr;
}

}  // namespace

size_t bytesOf(DType dtype) {
  const Row* row = rowOf(dtype);
  return row == nullptr ? 0 : row->bytes;
}

Reduce reduceOf(DType dtype, ReduceOp op) {
  const Row* row = rowOf(dtype);
  const auto index = static_cast<size_t>(op);
  return row == nullptr || index > 2 ? nullptr : row->by[index];
}

}  // namespace accelerate_ts::comm
