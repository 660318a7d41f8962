// Sums over rows for each column, without atomic additions: the same bits each time.
#pragma once

#include "numbers.h"

namespace accelerate_ts {
namespace cuda {

/// Sums over rows for tiles of eight columns, whose numbers fill the smallest piece that memory gives: 32 threads share a column, then add up in order.
struct ColumnTile {
  static constexpr uint32_t columns = 8, lanes = 32, threads = columns * lanes;

  static ACCELERATE_DEVICE uint64_t column(const Block& b) { return b.index() * columns + b.thread() % columns; }
  static ACCELERATE_DEVICE uint32_t lane(const Block& b) { return b.thread() / columns; }
  /// The column's sum, in the threads of lane 0.
  static ACCELERATE_DEVICE float total(Block& b, float value) {
    float* const shared = static_cast<float*>(b.memory());
    shared[b.thread()] = value;
    b.sync();
    for (uint32_t half = lanes / 2; half > 0; half /= 2) {
      if (lane(b) < half) shared[b.thread()] += shared[b.thread() + half * columns];
      b.sync();
    }
    value = shared[b.thread() % columns];
    b.sync();
    return value;
  }
};

/// The sums over rows of up to three matrices, in float32.
template <typename T> struct ColumnSumsKernel {
  static constexpr uint32_t most = 3, threads = ColumnTile::threads;
  /// Matrix m has the blocks from first[m] on.
  struct Args { const T* from[most]; float* into[most]; uint64_t rows[most], columns[most], first[most + 1]; };

  static ACCELERATE_DEVICE void run(Block& b, const Args& a) {
    uint32_t m = 0;
    while (m + 1 < most && b.index() >= a.first[m + 1]) m++;
    const uint64_t column = (b.index() - a.first[m]) * ColumnTile::columns + b.thread() % ColumnTile::columns, columns = a.columns[m], rows = a.rows[m];
    const bool inside = column < columns;
    const T* const from = a.from[m];
    float total = 0;
    if (inside) for (uint64_t row = ColumnTile::lane(b); row < rows; row += ColumnTile::lanes) total += widened(from[row * columns + column]);
    total = ColumnTile::total(b, total);
    if (inside && ColumnTile::lane(b) == 0) a.into[m][column] = total;
  }
};

}  // namespace cuda
}  // namespace accelerate_ts
