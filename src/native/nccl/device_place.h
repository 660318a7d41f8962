// Where a device's numbers lie, and the stream on which it computes, as NCCL takes them.
#pragma once
#include <napi.h>

#include "nccl_api.h"

namespace accelerate_ts::nccl {

// JS thread. False: the value is none.
inline bool placeOf(const Napi::Value& value, void*& data, size_t& bytes) { return false; }
inline bool streamOf(const Napi::Value& value, cudaStream_t& stream) { return false; }

}  // namespace accelerate_ts::nccl
