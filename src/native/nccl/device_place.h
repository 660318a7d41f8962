// Where a device's numbers lie, and the stream on which it computes, as NCCL takes them.
#pragma once
#include <napi.h>

#include <memory>
#include <vector>

#include "../device.h"
#include "../session.h"
#include "nccl_api.h"

namespace accelerate_ts::nccl {

// JS thread. False: the value is none. The array is kept.
inline bool placeOf(const Napi::Value& value, void*& data, size_t& bytes, std::vector<std::shared_ptr<DeviceArray>>& kept) {
  if (!value.IsExternal()) return false;
  const std::shared_ptr<DeviceArray>& array = fromHandle<DeviceArray>(value);
  if (!array || array->buffer->memory == nullptr) return false;
  data = array->data;
  bytes = array->bytes;
  kept.push_back(array);
  return true;
}

// False: a device without streams.
inline bool streamOf(const Napi::Value& value, cudaStream_t& stream, std::shared_ptr<Device>& kept) {
  if (!value.IsExternal()) return false;
  kept = fromHandle<Device>(value);
  stream = kept ? static_cast<cudaStream_t>(kept->stream()) : nullptr;
  return stream != nullptr;
}

}  // namespace accelerate_ts::nccl
