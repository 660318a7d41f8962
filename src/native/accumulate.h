// into += from over flat float ranges, each element once, so the result is the same on any number of threads.
#pragma once
#include <cstddef>

#include "parallel.h"

namespace accelerate_ts {

inline void accumulate(float* into, const float* from, size_t length, const Parallel& parallel) {
  constexpr size_t grain = 1 << 15;  // below that, waking a thread costs more than the sum
  parallel.ranges(length, grain, 16, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; i++) into[i] += from[i];
  });
}

}  // namespace accelerate_ts
