// Gradients of several workers, added up block by block on their way into an update.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "simd.h"

namespace accelerate_ts {

constexpr size_t max_sources = 53;  // contributors come as numbers of JavaScript

/// Gradients of several workers, each laid out as the values are: the gradient is factor * (their sum in this order).
struct GradientSources { const float* arrays[max_sources]; size_t count; float factor; };

constexpr size_t sum_block = 2048;  // elements that are added up before they are used: 8 KiB, in the first cache

/// out[i] = factor * (sources[0][i] + ...), in optimizer.cc.
void add_up(Isa isa, float* out, const float* const* sources, size_t count, size_t n, float factor);

/// The arrays that contribute to a range, from `offset` on; how many there are.
inline size_t contributing(const GradientSources& sources, uint64_t contributors, size_t offset, const float** out) {
  size_t count = 0;
  for (size_t k = 0; k < sources.count; k++) if ((contributors >> k & 1) != 0) out[count++] = sources.arrays[k] + offset;
  return count;
}

/// Calls update(offset, length, gradient) over a piece of a range: the gradient lies in memory, or is added up into a block first.
template <typename Update>
void with_gradient(const float* gradients, const GradientSources* sources, uint64_t contributors, size_t offset, size_t length, Isa isa, const Update& update) {
  if (sources == nullptr) return update(offset, length, const_cast<float*>(gradients) + offset);
  alignas(64) float block[sum_block];
  const float* arrays[max_sources];
  for (size_t done = 0; done < length; done += sum_block) {
    const size_t n = std::min(sum_block, length - done);
    add_up(isa, block, arrays, contributing(*sources, contributors, offset + done, arrays), n, sources->factor);
    update(offset + done, n, block);
  }
}

}  // namespace accelerate_ts
