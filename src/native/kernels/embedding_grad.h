// Gradient of Gather with respect to its data: rows of dY added up by index.
#pragma once

#include <cstddef>
#include <cstdint>

#include "../parallel.h"

namespace accelerate_ts {

/// out[outer, rows, inner] = 0; then for i in order: out[o, indices[i], :] += dy[o, i, :], dy being [outer, count, inner].
///
/// Threads own columns (or outer slices) of `out`, so no update is lost and the sums are those of the plain loop, bit for bit, for any number of threads. Negative
/// indices count from the end; the row `padding` stays 0 (-1: none). An index outside the table is never followed: returns the place of the first such index and leaves
/// `out` all zero; else returns -1. T: float, double; I: int32_t, int64_t.
template <typename T, typename I>
int64_t embedding_grad(const I* indices, size_t count, const T* dy, size_t outer, size_t rows, size_t inner, int64_t padding, T* out, const Parallel& parallel);

#define ACCELERATE_EMBEDDING_GRAD(prefix, T, I) prefix template int64_t embedding_grad<T, I>(const I*, size_t, const T*, size_t, size_t, size_t, int64_t, T*, const Parallel&);
ACCELERATE_EMBEDDING_GRAD(extern, float, int32_t)
ACCELERATE_EMBEDDING_GRAD(extern, float, int64_t)
ACCELERATE_EMBEDDING_GRAD(extern, double, int32_t)
ACCELERATE_EMBEDDING_GRAD(extern, double, int64_t)

}  // namespace accelerate_ts
