// Memory that programs ask for and give back, and pools of it.
#include <cstring>

#include "double.h"

using namespace doubled;

namespace {

cudaError_t take(const Call& call, void** address, size_t bytes, Kind kind) {
  if (address == nullptr) return result(cudaErrorInvalidValue);
  *address = nullptr;
  if (bytes == 0) return cudaSuccess;
  Guard guard(lock);
  if (kind == Kind::device)
    if (const cudaError_t error = forbidCapture(call.function)) return result(error);
  Allocation* made = allocate(kind, currentDevice(), bytes, call.caller);
  log("\"allocate\":%zu,\"pinned\":%s,\"device\":%d,\"from\":\"%s\",\"got\":%s", bytes, kind == Kind::device ? "false" : "true", currentDevice(), call.caller, made ? "true" : "false");
  if (made == nullptr) return result(cudaErrorMemoryAllocation);
  (kind == Kind::device ? totals.allocations : totals.pinnedAllocations)++;
  *address = made->address;
  return cudaSuccess;
}

cudaError_t giveBack(const Call& call, void* address, Kind kind) {
  if (address == nullptr) return cudaSuccess;
  Guard guard(lock);
  if (const cudaError_t error = forbidCapture(call.function)) return result(error);
  const Allocation* held = find(address);
  if (held == nullptr || held->address != address || held->kind != kind) {
    violation("%s of what is not the begin of such memory: %s", call.function, describe(address).c_str());
    return result(cudaErrorInvalidValue);
  }
  const size_t bytes = held->bytes;
  const int device = held->device;
  // ONNX Runtime's provider does so (its pinned buffers end with the last run that used them): waiting for the stream here would be waiting for oneself.
  if (insideHostFunction) log("\"note\":\"%s inside of a function that cudaLaunchHostFunc runs\",\"from\":\"%s\"", call.function, call.caller);
  if (insideHostFunction && strcmp(call.caller, "addon") == 0) violation("%s inside of a function that cudaLaunchHostFunc runs", call.function);
  const cudaError_t error = insideHostFunction ? cudaSuccess : waitDevice(guard, device);
  if (!release(address, kind)) return result(cudaErrorInvalidValue);
  if (kind != Kind::registered) forget(address, bytes);
  log("\"free\":%zu,\"from\":\"%s\"", bytes, call.caller);
  return result(error);
}

struct Pool {
  int device;
};
cudaError_t takeAsync(const Call& call, void** address, size_t bytes, int device, cudaStream_t handle) {
  if (address == nullptr) return result(cudaErrorInvalidValue);
  Guard guard(lock);
  const auto stream = streamOf(handle);
  if (!stream) return result(cudaErrorInvalidResourceHandle);
  Allocation* made = allocate(Kind::device, device, bytes, call.caller);
  log("\"allocate\":%zu,\"pinned\":false,\"device\":%d,\"from\":\"%s\",\"got\":%s", bytes, device, call.caller, made ? "true" : "false");
  if (made == nullptr) return result(cudaErrorMemoryAllocation);
  totals.allocations++;
  *address = made->address;
  Operation operation;
  operation.what = call.function;
  enqueue(stream, std::move(operation), {{*address, bytes, true}});
  return cudaSuccess;
}

}  // namespace

extern "C" {

cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  DOUBLED(cudaMemGetInfo);
  Guard guard(lock);
  *total = settings().memory;
  *free = *total - std::min(*total, used(currentDevice()));
  return cudaSuccess;
}

// --- memory

cudaError_t cudaMalloc(void** address, size_t bytes) {
  DOUBLED(cudaMalloc);
  return take(call, address, bytes, Kind::device);
}
cudaError_t cudaMallocHost(void** address, size_t bytes) {
  DOUBLED(cudaMallocHost);
  return take(call, address, bytes, Kind::pinned);
}
cudaError_t cudaHostAlloc(void** address, size_t bytes, unsigned int) {
  DOUBLED(cudaHostAlloc);
  return take(call, address, bytes, Kind::pinned);
}
cudaError_t cudaFree(void* address) {
  DOUBLED(cudaFree);
  return giveBack(call, address, Kind::device);
}
cudaError_t cudaFreeHost(void* address) {
  DOUBLED(cudaFreeHost);
  return giveBack(call, address, Kind::pinned);
}
cudaError_t cudaHostRegister(void* address, size_t bytes, unsigned int) {
  DOUBLED(cudaHostRegister);
  Guard guard(lock);
  if (find(address) != nullptr) return result(cudaErrorHostMemoryAlreadyRegistered);
  allocate(Kind::registered, currentDevice(), bytes, call.caller, address);
  return cudaSuccess;
}
cudaError_t cudaHostUnregister(void* address) {
  DOUBLED(cudaHostUnregister);
  return giveBack(call, address, Kind::registered);
}
cudaError_t cudaMallocAsync(void** address, size_t bytes, cudaStream_t stream) {
  DOUBLED(cudaMallocAsync);
  return takeAsync(call, address, bytes, currentDevice(), stream);
}
cudaError_t cudaMallocFromPoolAsync(void** address, size_t bytes, cudaMemPool_t pool, cudaStream_t stream) {
  DOUBLED(cudaMallocFromPoolAsync);
  if (!alive("memory pool", pool)) return result(cudaErrorInvalidValue);
  return takeAsync(call, address, bytes, reinterpret_cast<Pool*>(pool)->device, stream);
}
cudaError_t cudaFreeAsync(void* address, cudaStream_t handle) {
  DOUBLED(cudaFreeAsync);
  if (address == nullptr) return cudaSuccess;
  Guard guard(lock);
  const auto stream = streamOf(handle);
  if (!stream) return result(cudaErrorInvalidResourceHandle);
  const Allocation* held = find(address);
  if (held == nullptr || held->address != address || held->kind != Kind::device) {
    violation("cudaFreeAsync of what is not the begin of device memory: %s", describe(address).c_str());
    return result(cudaErrorInvalidValue);
  }
  const size_t bytes = held->bytes;
  Operation operation;
  operation.what = "cudaFreeAsync";
  operation.run = [address, bytes] { forget(address, bytes); };
  enqueue(stream, std::move(operation), {{address, bytes, true}});
  release(address, Kind::device);
  return cudaSuccess;
}
cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* to, const void* address) {
  DOUBLED(cudaPointerGetAttributes);
  Guard guard(lock);
  *to = cudaPointerAttributes();
  const Allocation* held = find(address);
  to->type = held == nullptr ? cudaMemoryTypeUnregistered : held->kind == Kind::device ? cudaMemoryTypeDevice : cudaMemoryTypeHost;
  to->device = held == nullptr ? -2 : held->device;
  to->devicePointer = held == nullptr ? nullptr : const_cast<void*>(address);
  to->hostPointer = to->type == cudaMemoryTypeHost ? const_cast<void*>(address) : nullptr;
  return cudaSuccess;
}

// --- pools

cudaError_t cudaMemPoolCreate(cudaMemPool_t* pool, const cudaMemPoolProps* properties) {
  DOUBLED(cudaMemPoolCreate);
  auto* made = new Pool{properties->location.id};
  born("memory pool", made, call.caller);
  *pool = reinterpret_cast<cudaMemPool_t>(made);
  return cudaSuccess;
}
cudaError_t cudaMemPoolDestroy(cudaMemPool_t pool) {
  DOUBLED(cudaMemPoolDestroy);
  if (!died("memory pool", pool)) return result(cudaErrorInvalidValue);
  delete reinterpret_cast<Pool*>(pool);
  return cudaSuccess;
}
cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t, cudaMemPoolAttr, void*) {
  DOUBLED(cudaMemPoolSetAttribute);
  return cudaSuccess;
}
cudaError_t cudaMemPoolGetAttribute(cudaMemPool_t, cudaMemPoolAttr, void* value) {
  DOUBLED(cudaMemPoolGetAttribute);
  *static_cast<unsigned long long*>(value) = 0;
  return cudaSuccess;
}
cudaError_t cudaMemPoolTrimTo(cudaMemPool_t, size_t) {
  DOUBLED(cudaMemPoolTrimTo);
  return cudaSuccess;
}
}
