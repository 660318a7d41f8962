// Dropout of the rows of a tensor; what is computed stands in ../../kernels/dropout.h.
#pragma once

#include "masks.h"

namespace accelerate_ts {
namespace cuda {

template <typename T> struct DropoutKernel {
  struct Args { const T* x; T* y; uint64_t rows, columns, groups; bool wide; MaskPlan plan; };
  static constexpr uint32_t threads = 256;
  static constexpr uint64_t each = 4;  // groups of four numbers per thread

  static ACCELERATE_DEVICE void run(Block& b, const Args& a) {
    const PhiloxKey key = key_of(b, a.plan, b.memory());
    for (uint64_t k = 0; k < each; k++) {
      const uint64_t at = (b.index() * each + k) * threads + b.thread();
      if (at >= a.rows * a.groups) return;
      const uint64_t row = at / a.groups, i = at % a.groups * 4;
      float x[4];
      load_four(a.x + row * a.columns, i, a.columns, a.wide, x);
      drop_four(a.plan, key, mask_row(a.plan, row), i, x);
      store_four(a.y + row * a.columns, i, a.columns, a.wide, x);
    }
  }
};

}  // namespace cuda
}  // namespace accelerate_ts
