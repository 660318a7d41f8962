// The inputs key and places of an op that drops, checked.
#pragma once

#include <optional>
#include <string>

#include "../custom_op.h"
#include "../kernels/dropout.h"

namespace accelerate_ts {

/// The masks for rows of a tensor; none where the key is not given, or where something is wrong, which `call` has been told.
inline std::optional<DropoutRows> row_masks(KernelCall& call, const char* op, const std::vector<int64_t>& dims, const TensorView& key, const TensorView& places, uint32_t site, float ratio) {
  if (!call.ok() || !key.given) return std::nullopt;
  const auto fail = [&](const std::string& message) {
    call.fail(op + (" " + message));
    return std::nullopt;
  };
  if (key.count() != 4) return fail("takes a key of 4 numbers (seed, rank, step, call), got " + std::to_string(key.count()));
  if (!(ratio >= 0 && ratio <= 1)) return fail("takes a ratio of 0 to 1");
  if (!places.given) {
    if (dims.empty() || dims.size() > 4) return fail("takes tensors of rank 1 to 4, x has rank " + std::to_string(dims.size()));
    return std::optional<DropoutRows>(std::in_place, key.as<int64_t>(), site, ratio, dims.data(), dims.size());
  }
  int64_t rows = 1;
  for (size_t d = 0; d + 1 < dims.size(); d++) rows *= dims[d];
  if (places.dims.size() != 2 || places.dims[0] != rows || places.dims[1] < 1 || places.dims[1] > 3) return fail("takes 1 to 3 coordinates for each of the " + std::to_string(rows) + " rows");
  return std::optional<DropoutRows>(std::in_place, key.as<int64_t>(), site, ratio, dims.data(), dims.size(), places.as<int64_t>(), static_cast<size_t>(places.dims[1]));
}

}  // namespace accelerate_ts
