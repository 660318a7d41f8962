// Dropout whose mask is a function of a key and of each element's logical place: nothing is stored, backward draws it again, and neither padding nor the number of threads changes it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "../parallel.h"
#include "simd.h"

namespace accelerate_ts {

/// y = x * keep / (1 - ratio), over dims[0..rank), rank 1 to 4; y may be x.
///
/// key: {seed, rank, microStep, callOrdinal}; with the site it gives a Philox key (philox.h, dropout_key). Rows are logical places: the element at (p0, p1, p2, c)
/// draws word c & 3 of philox4x32_10({p0, p1, p2, c >> 2}) and is kept iff the word >= round(ratio * 2^32). Rank 1 is [c], 2 [p0, c], 3 [p0, p1, c], 4 [p0, p1, p2, c];
/// places that a rank lacks are 0. ratio 0 copies, ratio 1 gives zeros. T: float, double.
template <typename T> void dropout(const T* x, const int64_t key[4], uint32_t site, float ratio, const int64_t* dims, size_t rank, T* y, const Parallel& parallel, Isa isa = best_isa());

extern template void dropout<float>(const float*, const int64_t*, uint32_t, float, const int64_t*, size_t, float*, const Parallel&, Isa);
extern template void dropout<double>(const double*, const int64_t*, uint32_t, float, const int64_t*, size_t, double*, const Parallel&, Isa);

}  // namespace accelerate_ts
