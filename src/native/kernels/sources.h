// Gradients of several workers, added up block by block on their way into an update; of tables only the rows that there are.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "simd.h"

namespace accelerate_ts {

constexpr size_t max_sources = 53;  // contributors come as numbers of JavaScript

/// A table among the elements: `rows` rows of `width` elements from `offset` on. The bit of row r is bit r mod 32 of word `word` + r / 32.
struct RowTable {
  size_t offset, rows, width, word;
  size_t end() const { return offset + rows * width; }
};

/// Which rows of tables may be other than zero, array by array. The others hold zeros, which need not be read.
struct RowBits {
  std::vector<RowTable> tables;  // in the order of memory, apart from each other
  const uint32_t* bits[max_sources] = {};
  const uint32_t* before = nullptr;  // the same of memory that is written: null where nothing is known of it
  const uint32_t* state = nullptr;   // rows whose state may be other than zero; null: all

  static constexpr uint64_t nothing = uint64_t{1} << 63;  // among contributors: neither a gradient nor state

  static bool test(const uint32_t* bits, const RowTable& table, size_t row) { return (bits[table.word + row / 32] >> (row % 32) & 1) != 0; }
  /// Those of `contributors` that have something in a row.
  uint64_t present(const RowTable& table, size_t row, uint64_t contributors, size_t count) const {
    uint64_t out = 0;
    for (size_t k = 0; k < count; k++) if ((contributors >> k & 1) != 0 && test(bits[k], table, row)) out |= uint64_t{1} << k;
    return out == 0 && state != nullptr && !test(state, table, row) ? nothing : out;
  }
};

/// Gradients of several workers, each laid out as the values are: the gradient is factor * (their sum in this order). `rows`: what is known of tables among them, or null.
struct GradientSources {
  const float* arrays[max_sources];
  size_t count;
  float factor;
  const RowBits* rows = nullptr;
};

constexpr size_t sum_block = 2048;  // elements that are added up before they are used: 8 KiB, in the first cache

/// `sum_block` zeros: the gradient of what has none, known by its address.
extern const float no_gradient[sum_block];
/// The same of what has no state either.
extern const float no_state[sum_block];

/// out[i] = factor * (sources[0][i] + ...), in optimizer.cc.
void add_up(Isa isa, float* out, const float* const* sources, size_t count, size_t n, float factor);

/// The arrays that contribute to a range, from `offset` on; how many there are.
inline size_t contributing(const GradientSources& sources, uint64_t contributors, size_t offset, const float** out) {
  size_t count = 0;
  for (size_t k = 0; k < sources.count; k++) if ((contributors >> k & 1) != 0) out[count++] = sources.arrays[k] + offset;
  return count;
}

/// Cuts [offset, offset + length) where the contributors change, which they do between rows: body(offset, length, contributors, table), the table null outside of tables.
template <typename Body>
void for_row_pieces(const RowBits& rows, size_t count, uint64_t contributors, size_t offset, size_t length, const Body& body) {
  const size_t end = offset + length;
  size_t at = offset;
  for (const RowTable& table : rows.tables) {
    if (table.end() <= at) continue;
    if (table.offset >= end) break;
    if (at < table.offset) {
      body(at, table.offset - at, contributors, nullptr);
      at = table.offset;
    }
    const size_t stop = std::min(end, table.end());
    while (at < stop) {
      size_t row = (at - table.offset) / table.width;
      const size_t limit = (stop - table.offset + table.width - 1) / table.width;
      const uint64_t present = rows.present(table, row, contributors, count);
      do row++;
      while (row < limit && rows.present(table, row, contributors, count) == present);
      const size_t until = std::min(stop, table.offset + row * table.width);
      body(at, until - at, present, &table);
      at = until;
    }
  }
  if (at < end) body(at, end - at, contributors, nullptr);
}

/// Calls update(offset, length, gradient) over a piece of a range: the gradient is added up into a block first.
template <typename Update>
void with_sum(const GradientSources& sources, uint64_t contributors, size_t offset, size_t length, Isa isa, const Update& update) {
  if (sources.count == 1 && sources.factor == 1 && (contributors & 1) != 0) return update(offset, length, const_cast<float*>(sources.arrays[0]) + offset);
  alignas(64) float block[sum_block];
  const float* arrays[max_sources];
  for (size_t done = 0; done < length; done += sum_block) {
    const size_t n = std::min(sum_block, length - done);
    add_up(isa, block, arrays, contributing(sources, contributors, offset + done, arrays), n, sources.factor);
    update(offset + done, n, block);
  }
}

/// The same for a gradient that lies in memory, or is added up; rows that nobody has come as `no_gradient`, or as `no_state`.
template <typename Update>
void with_gradient(const float* gradients, const GradientSources* sources, uint64_t contributors, size_t offset, size_t length, Isa isa, const Update& update) {
  if (sources == nullptr) return update(offset, length, const_cast<float*>(gradients) + offset);
  if (sources->rows == nullptr) return with_sum(*sources, contributors, offset, length, isa, update);
  for_row_pieces(*sources->rows, sources->count, contributors, offset, length, [&](size_t at, size_t n, uint64_t present, const RowTable* table) {
    const bool stateless = present == RowBits::nothing;
    if (!stateless && (present != 0 || table == nullptr)) return with_sum(*sources, present, at, n, isa, update);
    for (size_t done = 0; done < n; done += sum_block) update(at + done, std::min(sum_block, n - done), const_cast<float*>(stateless ? no_state : no_gradient));
  });
}

}  // namespace accelerate_ts
