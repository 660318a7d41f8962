// Dropout whose mask is a function of a key and of each element's logical place: nothing is stored, backward draws it again, and neither padding nor the number of threads changes it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "../parallel.h"
#include "philox.h"
#include "simd.h"

namespace accelerate_ts {

/// The masks of the rows of a tensor.
///
/// key: {seed, rank, microStep, callOrdinal}; with the site it gives a Philox key (philox.h, dropout_key). Rows are logical places: the element at (p0, p1, p2, c)
/// draws word c & 3 of philox4x32_10({p0, p1, p2, c >> 2}) and is kept iff the word >= round(ratio * 2^32). Rank 1 is [c], 2 [p0, c], 3 [p0, p1, c], 4 [p0, p1, p2, c];
/// places that a rank lacks are 0. Where `places` is given, the row r lies at places[r * coordinates ...] instead, whatever the rank: rows that were packed or picked keep their masks.
class DropoutRows {
 public:
  DropoutRows(const int64_t key[4], uint32_t site, float ratio, const int64_t* dims, size_t rank, const int64_t* places = nullptr, size_t coordinates = 0);

  /// Ratio 0: nothing is dropped, and `apply` only copies.
  bool keeps_all() const { return ratio_ == 0; }
  /// y = x * keep / (1 - ratio) for the elements [begin, end) of a row; begin is a multiple of 4. x and y point at the row's first element; y may be x.
  template <typename T> void apply(size_t row, const T* x, size_t begin, size_t end, T* y, Isa isa) const;

 private:
  const PhiloxKey key_;
  const float ratio_;
  const uint64_t threshold_;
  const int64_t* const places_;
  const size_t coordinates_, size1_, size2_;
};

/// y = x * keep / (1 - ratio) over `rows` rows of `length`; y may be x. ratio 0 copies, ratio 1 gives zeros. T: float, double.
template <typename T> void dropout(const T* x, const DropoutRows& masks, size_t rows, size_t length, T* y, const Parallel& parallel, Isa isa = best_isa());

/// The same over dims[0..rank), rank 1 to 4, each row being where it lies.
template <typename T> void dropout(const T* x, const int64_t key[4], uint32_t site, float ratio, const int64_t* dims, size_t rank, T* y, const Parallel& parallel, Isa isa = best_isa());

#define ACCELERATE_DROPOUT(prefix, T)                                                                                                                              \
  prefix template void DropoutRows::apply<T>(size_t, const T*, size_t, size_t, T*, Isa) const;                                                                     \
  prefix template void dropout<T>(const T*, const DropoutRows&, size_t, size_t, T*, const Parallel&, Isa);                                                         \
  prefix template void dropout<T>(const T*, const int64_t*, uint32_t, float, const int64_t*, size_t, T*, const Parallel&, Isa);
ACCELERATE_DROPOUT(extern, float)
ACCELERATE_DROPOUT(extern, double)

}  // namespace accelerate_ts
