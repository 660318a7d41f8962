// libcudart without a GPU: devices and their properties, names of errors. Prototypes are those of the real header: the compiler compares them.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "streams.h"

using namespace doubled;

namespace {

thread_local int current = 0;

/** What CUDA_VISIBLE_DEVICES leaves of the machine's devices: up to the first entry that is none. */
const std::vector<int>& visible() {
  static const std::vector<int> found = [] {
    std::vector<int> list;
    const int count = settings().devices;
    const char* text = getenv("CUDA_VISIBLE_DEVICES");
    if (text == nullptr) {
      for (int i = 0; i < count; i++) list.push_back(i);
      return list;
    }
    for (const char* at = text; *at != '\0';) {
      char* end;
      const long index = strtol(at, &end, 10);
      if (end == at || index < 0 || index >= count) break;
      list.push_back(int(index));
      at = *end == ',' ? end + 1 : end;
      if (*end != ',' && *end != '\0') break;
    }
    return list;
  }();
  return found;
}

}  // namespace

namespace doubled {

int currentDevice() { return current; }
int deviceCount() { return int(visible().size()); }
int physicalDevice(int device) { return visible().at(size_t(device)); }

}  // namespace doubled

extern "C" {

// --- devices

cudaError_t cudaGetDeviceCount(int* count) {
  DOUBLED(cudaGetDeviceCount);
  *count = deviceCount();
  return result(*count == 0 ? cudaErrorNoDevice : cudaSuccess);
}
cudaError_t cudaSetDevice(int device) {
  DOUBLED(cudaSetDevice);
  if (device < 0 || device >= deviceCount()) return result(deviceCount() == 0 ? cudaErrorNoDevice : cudaErrorInvalidDevice);
  current = device;
  return cudaSuccess;
}
cudaError_t cudaGetDevice(int* device) {
  DOUBLED(cudaGetDevice);
  *device = current;
  return cudaSuccess;
}
cudaError_t cudaDeviceSynchronize(void) {
  DOUBLED(cudaDeviceSynchronize);
  Guard guard(lock);
  if (const cudaError_t error = forbidCapture("cudaDeviceSynchronize")) return result(error);
  return result(waitDevice(guard, current));
}

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
