// See gelu.h.
#include "gelu.h"

#include <algorithm>
#include <type_traits>

#include "row_blocks.h"

namespace accelerate_ts {

#define ACCELERATE_LOOPS "gelu_loops.h"
#include "each_isa.h"

namespace {

constexpr size_t segment = 8192;     // elements that are one piece of work
constexpr size_t grain = 8 * 1024;   // elements below which another thread costs more than it saves

/// body(first element of a row's piece, its place in the row, its length) for pieces of at most `segment`.
template <typename Body> void pieces(size_t rows, size_t columns, const Parallel& parallel, const Body& body) {
  if (rows == 0 || columns == 0) return;
  const size_t segments = (columns + segment - 1) / segment, length = std::min(columns, segment);
  parallel.ranges(rows * segments, std::max<size_t>(1, grain / length), 1, [&](size_t begin, size_t end) {
    for (size_t item = begin; item < end; item++) {
      const size_t row = item / segments, from = item % segments * segment;
      body(row * columns + from, from, std::min(columns - from, segment));
    }
  });
}

}  // namespace

void bias_gelu(const float* x, const float* bias, size_t rows, size_t columns, bool tanh, float* y, const Parallel& parallel, Isa isa) {
  if (bias == nullptr) columns *= rows, rows = columns > 0 ? 1 : 0;
  pieces(rows, columns, parallel, [&](size_t at, size_t column, size_t n) { ACCELERATE_BY_ISA(isa, geluRow(tanh, x + at, bias ? bias + column : nullptr, n, y + at)); });
}

void bias_gelu_grad(const float* dy, const float* x, const float* bias, size_t rows, size_t columns, bool tanh, float* dx, float* dbias, const Parallel& parallel, Isa isa) {
  if (dbias == nullptr) {
    if (bias == nullptr) columns *= rows, rows = columns > 0 ? 1 : 0;
    pieces(rows, columns, parallel, [&](size_t at, size_t column, size_t n) {
      ACCELERATE_BY_ISA(isa, geluGradRow(tanh, dy + at, x + at, bias ? bias + column : nullptr, n, dx + at, nullptr));
    });
    return;
  }
  RowBlocks blocks(rows, columns, 1);
  blocks.each(parallel, [&](size_t begin, size_t end, float* const* sums) {
    for (size_t row = begin; row < end; row++) {
      const size_t at = row * columns;
      ACCELERATE_BY_ISA(isa, geluGradRow(tanh, dy + at, x + at, bias, columns, dx ? dx + at : nullptr, sums[0]));
    }
  });
  blocks.total(0, dbias);
}

}  // namespace accelerate_ts
