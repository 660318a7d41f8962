// Numbers of one type to another, many arrays in one launch: the weights of a step that computes in a narrow type, and their gradients.
#pragma once

#include "api.h"
#include "numbers.h"

namespace accelerate_ts {
namespace cuda {

/// Arrays of one launch: as many as its arguments hold.
constexpr uint32_t most_casts = 64;

template <typename From, typename To> struct CastsKernel {
  static constexpr uint32_t threads = 256;
  static constexpr uint64_t each = 4, piece = 4 * threads * each;  // groups of four numbers per thread; numbers per block
  /// Array p has the blocks from first[p] on.
  struct Args { uint32_t count; const From* from[most_casts]; To* into[most_casts]; uint64_t counts[most_casts], first[most_casts + 1]; };

  static ACCELERATE_DEVICE void run(Block& b, const Args& a) {
    uint32_t low = 0, high = a.count - 1;
    while (low < high) {
      const uint32_t middle = (low + high + 1) / 2;
      if (a.first[middle] <= b.index()) low = middle;
      else high = middle - 1;
    }
    const From* const from = a.from[low];
    To* const into = a.into[low];
    const uint64_t count = a.counts[low], begin = (b.index() - a.first[low]) * piece;
    const bool aligned = (reinterpret_cast<uintptr_t>(from) | reinterpret_cast<uintptr_t>(into)) % 16 == 0;
    for (uint64_t k = 0; k < each; k++) {
      const uint64_t i = begin + 4 * (k * threads + b.thread());
      if (i >= count) return;
      float x[4];
      const bool wide = aligned && i + 4 <= count;
      load_four(from, i, count, wide, x);
      store_four(into, i, count, wide, x);
    }
  }
};

}  // namespace cuda
}  // namespace accelerate_ts
