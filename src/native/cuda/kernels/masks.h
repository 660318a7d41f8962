// The random masks of dropout on a device: the bits of ../../kernels/dropout.h.
#pragma once

#include "../../kernels/philox.h"
#include "api.h"
#include "numbers.h"

namespace accelerate_ts {
namespace cuda {

/// What is the same for all rows of a tensor, as a kernel's arguments hold it.
struct MaskPlan {
  Masks masks;
  uint32_t threshold;  // words below it are dropped
  float scale;         // of what is kept
  int32_t mode;        // 0: all is kept as it is, 1: drawn, 2: all is dropped
};

inline MaskPlan plan_of(const Masks& masks) {
  MaskPlan plan = {masks, 0, 1, 0};
  if (masks.key == nullptr || masks.ratio == 0) return plan;
  // As std::llround does.
  const double scaled = static_cast<double>(masks.ratio) * 4294967296.0;
  const auto whole = static_cast<uint64_t>(scaled);
  const uint64_t threshold = whole + (scaled - static_cast<double>(whole) >= 0.5 ? 1 : 0);
  plan.mode = threshold > 0xffffffffu ? 2 : 1;
  plan.threshold = static_cast<uint32_t>(threshold);
  if (plan.mode == 1) plan.scale = static_cast<float>(1.0 / (1.0 - static_cast<double>(masks.ratio)));
  return plan;
}

/// Bytes of shared memory that keys take.
constexpr size_t key_bytes = 16;

/// The key of the masks, made by one thread for all of the block. `at`: 8 bytes of shared memory.
ACCELERATE_DEVICE PhiloxKey key_of(Block& b, const MaskPlan& plan, void* at) {
  if (plan.mode != 1) return {0, 0};
  auto* const shared = static_cast<uint32_t*>(at);
  if (b.thread() == 0) {
    const PhiloxKey key = dropout_key(plan.masks.key, plan.masks.site);
    shared[0] = key.k0, shared[1] = key.k1;
  }
  b.sync();
  return {shared[0], shared[1]};
}

/// Where a row lies among the masks.
struct MaskRow { uint32_t p0, p1, p2; };
ACCELERATE_DEVICE MaskRow mask_row(const MaskPlan& plan, uint64_t row) {
  const Masks& m = plan.masks;
  if (plan.mode != 1) return {0, 0, 0};
  if (m.places != nullptr) {
    const int64_t* const at = m.places + row * m.coordinates;
    return {static_cast<uint32_t>(at[0]), m.coordinates > 1 ? static_cast<uint32_t>(at[1]) : 0, m.coordinates > 2 ? static_cast<uint32_t>(at[2]) : 0};
  }
  return {static_cast<uint32_t>(row / m.size2 / m.size1), static_cast<uint32_t>(row / m.size2 % m.size1), static_cast<uint32_t>(row % m.size2)};
}

ACCELERATE_DEVICE PhiloxWords words_at(PhiloxKey key, MaskRow row, uint64_t i) { return philox4x32_10({{row.p0, row.p1, row.p2, static_cast<uint32_t>(i >> 2)}}, key); }

/// Drops from elements i .. i+3 of a row, i a multiple of 4.
ACCELERATE_DEVICE void drop_four(const MaskPlan& plan, PhiloxKey key, MaskRow row, uint64_t i, float* x) {
  if (plan.mode == 0) return;
  if (plan.mode == 2) {
    ACCELERATE_UNROLL
    for (int j = 0; j < 4; j++) x[j] = 0;
    return;
  }
  const PhiloxWords words = words_at(key, row, i);
  ACCELERATE_UNROLL
  for (int j = 0; j < 4; j++) x[j] = words.w[j] >= plan.threshold ? x[j] * plan.scale : 0.0f;
}

}  // namespace cuda
}  // namespace accelerate_ts
