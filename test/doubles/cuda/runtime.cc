// libcudart without a GPU: devices' properties, memory, copies. Prototypes are those of the real header: the compiler compares them.
#include <cstring>

#include "double.h"

using namespace doubled;

namespace {

uint64_t hash(const char* bytes, size_t count) {
  uint64_t value = 1469598103934665603ull;
  size_t i = 0;
  for (; i + 8 <= count; i += 8) {
    uint64_t word;
    memcpy(&word, bytes + i, 8);
    value = (value ^ word) * 1099511628211ull;
  }
  for (; i < count; i++) value = (value ^ uint64_t(static_cast<unsigned char>(bytes[i]))) * 1099511628211ull;
  return value;
}

/** One side of a copy: where it lies, and whether all of it is there. */
struct Side {
  bool device = false;
  bool pinned = false;
  bool whole = true;
  int on = 0;
};
Side sideOf(const void* address, size_t bytes) {
  Side side;
  side.device = inDeviceRange(address);
  const Allocation* held = find(address);
  if (held != nullptr) {
    side.on = held->device;
    side.pinned = !side.device;
    side.whole = static_cast<const char*>(address) + bytes <= held->address + held->bytes;
  } else {
    side.whole = !side.device;
  }
  return side;
}

struct Rows {
  size_t toPitch, fromPitch, width, height;
};

cudaError_t copy(const Call& call, void* to, const void* from, Rows rows, cudaMemcpyKind kind, cudaStream_t handle, bool synchronous) {
  const size_t bytes = rows.width * rows.height;
  if (bytes == 0) return cudaSuccess;
  const size_t toSpan = rows.toPitch * (rows.height - 1) + rows.width, fromSpan = rows.fromPitch * (rows.height - 1) + rows.width;
  Guard guard(lock);
  if (synchronous)
    if (const cudaError_t error = forbidCapture(call.function)) return result(error);
  const auto stream = streamOf(handle);
  if (!stream) return result(cudaErrorInvalidResourceHandle);
  const Side target = sideOf(to, toSpan), source = sideOf(from, fromSpan);
  for (const auto& [side, address, role] : {std::tuple<const Side&, const void*, const char*>(target, to, "into"), std::tuple<const Side&, const void*, const char*>(source, from, "out of")}) {
    if (side.whole) continue;
    violation("%s of %zu bytes %s %s goes beyond it", call.function, bytes, role, describe(address).c_str());
    return result(cudaErrorInvalidValue);
  }
  const cudaMemcpyKind is = target.device ? (source.device ? cudaMemcpyDeviceToDevice : cudaMemcpyHostToDevice) : source.device ? cudaMemcpyDeviceToHost : cudaMemcpyHostToHost;
  if (kind != cudaMemcpyDefault && kind != is) {
    violation("%s says it copies as kind %d, but it is %d: from %s into %s", call.function, int(kind), int(is), describe(from).c_str(), describe(to).c_str());
    return result(cudaErrorInvalidValue);
  }
  const char* what = interned(std::string(is == cudaMemcpyHostToDevice ? "the copy up" : is == cudaMemcpyDeviceToHost ? "the copy down" : "the copy") + " by " + call.caller);
  log("\"copy\":\"%s\",\"bytes\":%zu,\"stream\":%zu,\"pinned\":%s,\"from\":\"%s\"", is == cudaMemcpyHostToDevice ? "up" : is == cudaMemcpyDeviceToHost ? "down" : is == cudaMemcpyDeviceToDevice ? "device" : "host",
      bytes, stream->index, (target.device || target.pinned) && (source.device || source.pinned) ? "true" : "false", call.caller);
  if (is == cudaMemcpyHostToDevice) totals.hostToDevice++, totals.bytesUp += bytes;
  else if (is == cudaMemcpyDeviceToHost) totals.deviceToHost++, totals.bytesDown += bytes;
  else if (is == cudaMemcpyDeviceToDevice) totals.deviceToDevice++;

  Operation operation;
  operation.what = what;
  if (is != cudaMemcpyHostToHost) operation.duration = is == cudaMemcpyDeviceToDevice ? settings().times.launch : settings().times.ofCopy(bytes);
  char *into = real(to), *outOf = real(from);
  const auto move = [rows](char* a, const char* b, size_t bPitch) {
    for (size_t row = 0; row < rows.height; row++) memmove(a + row * rows.toPitch, b + row * bPitch, rows.width);
  };
  const bool pageableSource = !source.device && !source.pinned, pageableTarget = !target.device && !target.pinned;
  if (pageableSource) {
    // The driver has staged the bytes when the call returns.
    auto staged = std::make_shared<std::string>(bytes, '\0');
    for (size_t row = 0; row < rows.height; row++) memcpy(staged->data() + row * rows.width, outOf + row * rows.fromPitch, rows.width);
    operation.run = [into, staged, move, rows] { move(into, staged->data(), rows.width); };
  } else if (!source.device && rows.height == 1) {
    const uint64_t before = hash(outOf, bytes);
    operation.run = [into, outOf, move, rows, before, bytes, what] {
      if (hash(outOf, bytes) != before) violation("the host has changed pinned memory that %s had yet to read (%zu bytes)", what, bytes);
      move(into, outOf, rows.fromPitch);
    };
  } else {
    operation.run = [into, outOf, move, rows] { move(into, outOf, rows.fromPitch); };
  }
  // Who reads before the copy is done reads rubbish.
  if (target.pinned && source.device && rows.height == 1 && !stream->capture && quiet(to, bytes)) memset(to, 0xA5, bytes);
  const std::vector<Touch> touches = {{from, fromSpan, false}, {to, toSpan, true}};
  const uint64_t sequence = enqueue(stream, std::move(operation), touches);
  const bool wait = pageableTarget || (synchronous && is != cudaMemcpyDeviceToDevice);
  if (wait && stream->capture) return result(forbidCapture(call.function));
  if (wait) waitFor(guard, stream, sequence);
  return result(wait ? stickyError() : cudaSuccess);
}

cudaError_t fill(const Call& call, void* to, int value, size_t bytes, cudaStream_t handle) {
  if (bytes == 0) return cudaSuccess;
  Guard guard(lock);
  const auto stream = streamOf(handle);
  if (!stream) return result(cudaErrorInvalidResourceHandle);
  const Side target = sideOf(to, bytes);
  if (!target.whole || !(target.device || target.pinned)) {
    violation("%s of %zu bytes goes beyond %s", call.function, bytes, describe(to).c_str());
    return result(cudaErrorInvalidValue);
  }
  totals.memsets++;
  log("\"memset\":%zu,\"stream\":%zu,\"from\":\"%s\"", bytes, stream->index, call.caller);
  Operation operation;
  operation.what = interned(std::string("the memset by ") + call.caller);
  operation.duration = settings().times.launch;
  char* at = real(to);
  operation.run = [at, value, bytes] { memset(at, value, bytes); };
  enqueue(stream, std::move(operation), {{to, bytes, true}});
  return cudaSuccess;
}

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

// --- properties

cudaError_t cudaDriverGetVersion(int* version) {
  DOUBLED(cudaDriverGetVersion);
  *version = settings().driver;
  return cudaSuccess;
}
cudaError_t cudaRuntimeGetVersion(int* version) {
  DOUBLED(cudaRuntimeGetVersion);
  *version = CUDART_VERSION;
  return cudaSuccess;
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* to, int device) {
  DOUBLED(cudaGetDeviceProperties);
  if (device < 0 || device >= deviceCount()) return result(cudaErrorInvalidDevice);
  const Settings set = settings();
  *to = cudaDeviceProp();
  strcpy(to->name, "Double of a GPU");
  to->major = set.computeMajor;
  to->minor = set.computeMinor;
  to->totalGlobalMem = set.memory;
  to->multiProcessorCount = 108;
  to->warpSize = 32;
  to->maxThreadsPerBlock = 1024;
  to->maxThreadsPerMultiProcessor = 2048;
  to->sharedMemPerBlock = 49152;
  to->sharedMemPerBlockOptin = 166912;
  to->sharedMemPerMultiprocessor = 167936;
  to->regsPerBlock = to->regsPerMultiprocessor = 65536;
  to->maxGridSize[0] = 2147483647;
  to->maxGridSize[1] = to->maxGridSize[2] = 65535;
  to->maxThreadsDim[0] = to->maxThreadsDim[1] = 1024;
  to->maxThreadsDim[2] = 64;
  to->l2CacheSize = 40 << 20;
  to->concurrentKernels = to->unifiedAddressing = to->asyncEngineCount = 1;
  to->memoryBusWidth = 5120;
  to->pciBusID = physicalDevice(device) + 1;
  return cudaSuccess;
}
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  DOUBLED(cudaDeviceGetAttribute);
  if (device < 0 || device >= deviceCount()) return result(cudaErrorInvalidDevice);
  const Settings set = settings();
  switch (attribute) {
    case cudaDevAttrComputeCapabilityMajor: *value = set.computeMajor; break;
    case cudaDevAttrComputeCapabilityMinor: *value = set.computeMinor; break;
    case cudaDevAttrMultiProcessorCount: *value = 108; break;
    case cudaDevAttrMaxThreadsPerBlock: case cudaDevAttrMaxBlockDimX: case cudaDevAttrMaxBlockDimY: *value = 1024; break;
    case cudaDevAttrMaxBlockDimZ: *value = 64; break;
    case cudaDevAttrMaxGridDimX: *value = 2147483647; break;
    case cudaDevAttrMaxGridDimY: case cudaDevAttrMaxGridDimZ: *value = 65535; break;
    case cudaDevAttrMaxSharedMemoryPerBlock: *value = 49152; break;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin: *value = 166912; break;
    case cudaDevAttrMaxSharedMemoryPerMultiprocessor: *value = 167936; break;
    case cudaDevAttrMaxThreadsPerMultiProcessor: *value = 2048; break;
    case cudaDevAttrMaxRegistersPerBlock: *value = 65536; break;
    case cudaDevAttrWarpSize: *value = 32; break;
    case cudaDevAttrL2CacheSize: *value = 40 << 20; break;
    case cudaDevAttrPciBusId: *value = physicalDevice(device) + 1; break;
    case cudaDevAttrUnifiedAddressing: case cudaDevAttrConcurrentKernels: case cudaDevAttrAsyncEngineCount: case cudaDevAttrStreamPrioritiesSupported: case cudaDevAttrHostRegisterSupported:
    case cudaDevAttrMemoryPoolsSupported: case cudaDevAttrCooperativeLaunch: case cudaDevAttrCanMapHostMemory: *value = 1; break;
    default: *value = 0;
  }
  return cudaSuccess;
}
cudaError_t cudaDeviceGetPCIBusId(char* text, int bytes, int device) {
  DOUBLED(cudaDeviceGetPCIBusId);
  if (device < 0 || device >= deviceCount()) return result(cudaErrorInvalidDevice);
  snprintf(text, size_t(bytes), "0000:%02x:00.0", physicalDevice(device) + 1);
  return cudaSuccess;
}
cudaError_t cudaDeviceCanAccessPeer(int* can, int device, int peer) {
  DOUBLED(cudaDeviceCanAccessPeer);
  *can = device != peer;
  return cudaSuccess;
}
cudaError_t cudaDeviceEnablePeerAccess(int, unsigned int) {
  DOUBLED(cudaDeviceEnablePeerAccess);
  return cudaSuccess;
}
cudaError_t cudaDeviceReset(void) {
  DOUBLED(cudaDeviceReset);
  violation("cudaDeviceReset takes everybody's memory away, ONNX Runtime's, too");
  return cudaSuccess;
}
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

// --- copies

cudaError_t cudaMemcpy(void* to, const void* from, size_t bytes, cudaMemcpyKind kind) {
  DOUBLED(cudaMemcpy);
  return copy(call, to, from, {bytes, bytes, bytes, 1}, kind, nullptr, true);
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind, cudaStream_t stream) {
  DOUBLED(cudaMemcpyAsync);
  return copy(call, to, from, {bytes, bytes, bytes, 1}, kind, stream, false);
}
cudaError_t cudaMemcpyPeerAsync(void* to, int, const void* from, int, size_t bytes, cudaStream_t stream) {
  DOUBLED(cudaMemcpyPeerAsync);
  return copy(call, to, from, {bytes, bytes, bytes, 1}, cudaMemcpyDeviceToDevice, stream, false);
}
cudaError_t cudaMemcpy2DAsync(void* to, size_t toPitch, const void* from, size_t fromPitch, size_t width, size_t height, cudaMemcpyKind kind, cudaStream_t stream) {
  DOUBLED(cudaMemcpy2DAsync);
  return copy(call, to, from, {toPitch, fromPitch, width, height}, kind, stream, false);
}
cudaError_t cudaMemset(void* to, int value, size_t bytes) {
  DOUBLED(cudaMemset);
  return fill(call, to, value, bytes, nullptr);
}
cudaError_t cudaMemsetAsync(void* to, int value, size_t bytes, cudaStream_t stream) {
  DOUBLED(cudaMemsetAsync);
  return fill(call, to, value, bytes, stream);
}
cudaError_t cudaMemcpyFromSymbol(void* to, const void*, size_t bytes, size_t, cudaMemcpyKind) {
  DOUBLED(cudaMemcpyFromSymbol);
  memset(to, 0, bytes);
  return cudaSuccess;
}

// --- errors

const char* cudaGetErrorName(cudaError_t error) {
  switch (error) {
#define NAMED(name) \
  case name: return #name;
    NAMED(cudaSuccess) NAMED(cudaErrorInvalidValue) NAMED(cudaErrorMemoryAllocation) NAMED(cudaErrorInitializationError) NAMED(cudaErrorInvalidConfiguration) NAMED(cudaErrorInvalidDevice)
    NAMED(cudaErrorNoDevice) NAMED(cudaErrorInsufficientDriver) NAMED(cudaErrorInvalidResourceHandle) NAMED(cudaErrorIllegalState) NAMED(cudaErrorNotReady) NAMED(cudaErrorIllegalAddress)
    NAMED(cudaErrorLaunchOutOfResources) NAMED(cudaErrorLaunchTimeout) NAMED(cudaErrorLaunchFailure) NAMED(cudaErrorStreamCaptureUnsupported) NAMED(cudaErrorStreamCaptureInvalidated)
    NAMED(cudaErrorHostMemoryAlreadyRegistered) NAMED(cudaErrorECCUncorrectable) NAMED(cudaErrorUnknown) NAMED(cudaErrorDevicesUnavailable) NAMED(cudaErrorNoKernelImageForDevice)
    default: return "cudaErrorUnnamedByTheDouble";
  }
}
const char* cudaGetErrorString(cudaError_t error) {
  switch (error) {
    case cudaSuccess: return "no error";
    case cudaErrorInvalidValue: return "invalid argument";
    case cudaErrorMemoryAllocation: return "out of memory";
    case cudaErrorInvalidDevice: return "invalid device ordinal";
    case cudaErrorNoDevice: return "no CUDA-capable device is detected";
    case cudaErrorInvalidResourceHandle: return "invalid resource handle";
    case cudaErrorNotReady: return "device not ready";
    case cudaErrorIllegalAddress: return "an illegal memory access was encountered";
    case cudaErrorLaunchTimeout: return "the launch timed out and was terminated";
    case cudaErrorLaunchFailure: return "unspecified launch failure";
    case cudaErrorECCUncorrectable: return "uncorrectable ECC error encountered";
    default: return cudaGetErrorName(error);
  }
}
}
