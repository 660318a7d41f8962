// Sums over rows that do not depend on the number of threads: rows are cut into blocks whose number only their count decides, and the blocks' sums are added in order.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "../parallel.h"

namespace accelerate_ts {

/// Column sums of up to `sums` kinds, made by blocks of rows in parallel.
class RowBlocks {
 public:
  RowBlocks(size_t rows, size_t columns, size_t sums)
      : rows_(rows), columns_(columns), sums_(sums), count_(std::max<size_t>(1, std::min(most, rows / least))), partial_(count_ * sums * columns, 0.0f) {}

  /// body(first row, row behind the last, sums): sums[k] points at the block's own column sums of kind k, which begin at 0.
  template <typename Body> void each(const Parallel& parallel, const Body& body) {
    parallel.each(count_, [&](size_t block) {
      float* sums[4] = {};
      for (size_t k = 0; k < sums_; k++) sums[k] = partial_.data() + (block * sums_ + k) * columns_;
      body(rows_ * block / count_, rows_ * (block + 1) / count_, static_cast<float* const*>(sums));
    });
  }

  /// The sums of kind k over all rows; null is left alone.
  void total(size_t k, float* out) const {
    if (out == nullptr) return;
    std::copy_n(partial_.data() + k * columns_, columns_, out);
    for (size_t block = 1; block < count_; block++) {
      const float* const add = partial_.data() + (block * sums_ + k) * columns_;
      for (size_t c = 0; c < columns_; c++) out[c] += add[c];
    }
  }

 private:
  static constexpr size_t least = 32;  // rows of a block
  static constexpr size_t most = 32;   // blocks
  const size_t rows_, columns_, sums_, count_;
  std::vector<float> partial_;
};

}  // namespace accelerate_ts
