// The gradient of an embedding as rows: those that were looked up, each once, and their merging into the memory of the whole table's gradient.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "../parallel.h"

namespace accelerate_ts {

/// Which rows of a table were looked up, and where each lookup adds to.
struct FoundRows {
  static constexpr uint32_t none = UINT32_MAX;
  std::vector<int64_t> rows;    // ascending
  std::vector<uint32_t> slots;  // by lookup: the place of its row among `rows`; `none` for the row `padding`
  int64_t bad = -1;             // the place of the first index outside of the table; the rest is empty then
};

/// Negative indices count from the end; the row `padding` is left out (-1: none). I: int32_t, int64_t.
template <typename I> FoundRows find_rows(const I* indices, size_t count, size_t rows, int64_t padding);

/// values[slots.., width] = 0; then for i in order: values[slots[i], :] += dy[i, :]. Threads own columns, so the sums are those of the plain loop. T: float, double.
template <typename T> void add_rows(const FoundRows& found, const T* dy, size_t width, T* values, const Parallel& parallel);

/// A table's gradient in memory: zero in all rows but those whose bit is set (bit r mod 32 of word r / 32).
struct RowMemory {
  float* data;
  uint32_t* bits;
  size_t rows, width;
};

/// Makes the memory hold these rows and no others.
void set_rows(const RowMemory& memory, const int64_t* rows, const float* values, size_t count, const Parallel& parallel);

/// Adds these rows to what is there.
void merge_rows(const RowMemory& memory, const int64_t* rows, const float* values, size_t count, const Parallel& parallel);

}  // namespace accelerate_ts
