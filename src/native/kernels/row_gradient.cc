// See row_gradient.h. What is looked up is far less than the table, which is why nothing here walks over more of it than bits.
#include "row_gradient.h"

#include <algorithm>
#include <cstring>

namespace accelerate_ts {
namespace {

constexpr size_t grain = 32 * 1024;  // elements below which another thread costs more than it saves

bool test(const uint32_t* bits, size_t row) { return (bits[row / 32] >> (row % 32) & 1) != 0; }
void set(uint32_t* bits, size_t row) { bits[row / 32] |= uint32_t{1} << (row % 32); }

/// Zeroes the rows that hold something, in runs.
void clear(const RowMemory& memory, const Parallel& parallel) {
  parallel.ranges(memory.rows, std::max<size_t>(1, 4 * grain / memory.width), 32, [&](size_t begin, size_t end) {
    for (size_t row = begin; row < end;) {
      if (row % 32 == 0 && memory.bits[row / 32] == 0) {
        row += 32;
        continue;
      }
      size_t last = row;
      while (last < end && test(memory.bits, last)) last++;
      if (last > row) std::memset(memory.data + row * memory.width, 0, (last - row) * memory.width * sizeof(float));
      row = last > row ? last : row + 1;
    }
  });
  std::memset(memory.bits, 0, (memory.rows + 31) / 32 * sizeof(uint32_t));
}

}  // namespace

template <typename I> FoundRows find_rows(const I* indices, size_t count, size_t rows, int64_t padding) {
  FoundRows found;
  const auto limit = static_cast<int64_t>(rows);
  std::vector<uint32_t> bits((rows + 31) / 32, 0), before((rows + 31) / 32, 0);
  for (size_t i = 0; i < count; i++) {
    const auto index = static_cast<int64_t>(indices[i]);
    if (index < -limit || index >= limit) {
      found.bad = static_cast<int64_t>(i);
      return found;
    }
    const int64_t row = index < 0 ? index + limit : index;
    if (row != padding) set(bits.data(), static_cast<size_t>(row));
  }
  for (size_t w = 0; w < bits.size(); w++) {
    before[w] = static_cast<uint32_t>(found.rows.size());
    for (uint32_t word = bits[w]; word != 0; word &= word - 1) found.rows.push_back(static_cast<int64_t>(w * 32 + static_cast<size_t>(__builtin_ctz(word))));
  }
  found.slots.resize(count);
  for (size_t i = 0; i < count; i++) {
    const auto index = static_cast<int64_t>(indices[i]);
    const auto row = static_cast<size_t>(index < 0 ? index + limit : index);
    const uint32_t below = bits[row / 32] & ((uint32_t{1} << (row % 32)) - 1);
    found.slots[i] = static_cast<int64_t>(row) == padding ? FoundRows::none : before[row / 32] + static_cast<uint32_t>(__builtin_popcount(below));
  }
  return found;
}

template <typename T> void add_rows(const FoundRows& found, const T* dy, size_t width, T* values, const Parallel& parallel) {
  constexpr size_t block = 64 / sizeof(T);  // threads own whole cache lines of a row
  const size_t blocks = (width + block - 1) / block, lookups = found.slots.size();
  parallel.ranges(blocks, std::max<size_t>(1, grain / std::max<size_t>(1, lookups * block)), 1, [&](size_t begin, size_t end) {
    const size_t from = begin * block, n = std::min(width, end * block) - from;
    for (size_t row = 0; row < found.rows.size(); row++) std::memset(values + row * width + from, 0, n * sizeof(T));
    for (size_t i = 0; i < lookups; i++) {
      if (found.slots[i] == FoundRows::none) continue;
      T* const into = values + found.slots[i] * width + from;
      const T* const add = dy + i * width + from;
      for (size_t c = 0; c < n; c++) into[c] += add[c];
    }
  });
}

void set_rows(const RowMemory& memory, const int64_t* rows, const float* values, size_t count, const Parallel& parallel) {
  clear(memory, parallel);
  for (size_t k = 0; k < count; k++) {
    const auto row = static_cast<size_t>(rows[k]);
    std::memcpy(memory.data + row * memory.width, values + k * memory.width, memory.width * sizeof(float));
    set(memory.bits, row);
  }
}

void merge_rows(const RowMemory& memory, const int64_t* rows, const float* values, size_t count, const Parallel&) {
  for (size_t k = 0; k < count; k++) {
    const auto row = static_cast<size_t>(rows[k]);
    float* const into = memory.data + row * memory.width;
    const float* const from = values + k * memory.width;
    for (size_t c = 0; c < memory.width; c++) into[c] += from[c];
    set(memory.bits, row);
  }
}

template FoundRows find_rows<int32_t>(const int32_t*, size_t, size_t, int64_t);
template FoundRows find_rows<int64_t>(const int64_t*, size_t, size_t, int64_t);
template void add_rows<float>(const FoundRows&, const float*, size_t, float*, const Parallel&);
template void add_rows<double>(const FoundRows&, const double*, size_t, double*, const Parallel&);

}  // namespace accelerate_ts
