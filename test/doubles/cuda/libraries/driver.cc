// libcuda without a GPU: versions and devices; ONNX Runtime's provider asks for one function more.
#include <cuda.h>

#include <cstring>

#include "../double.h"

using namespace doubled;

extern "C" {
CUresult cuInit(unsigned int) { return settings().devices > 0 ? CUDA_SUCCESS : CUDA_ERROR_NO_DEVICE; }
CUresult cuDriverGetVersion(int* version) {
  *version = settings().driver;
  return CUDA_SUCCESS;
}
CUresult cuDeviceGetCount(int* count) {
  *count = deviceCount();
  return CUDA_SUCCESS;
}
CUresult cuDeviceGet(CUdevice* device, int index) {
  if (index < 0 || index >= deviceCount()) return CUDA_ERROR_INVALID_DEVICE;
  *device = index;
  return CUDA_SUCCESS;
}
CUresult cuDeviceGetName(char* text, int bytes, CUdevice device) {
  if (device < 0 || device >= deviceCount()) return CUDA_ERROR_INVALID_DEVICE;
  snprintf(text, size_t(bytes), "Double of a GPU");
  return CUDA_SUCCESS;
}
CUresult cuDeviceTotalMem(size_t* bytes, CUdevice) {
  *bytes = settings().memory;
  return CUDA_SUCCESS;
}
CUresult cuDeviceGetAttribute(int* value, CUdevice_attribute attribute, CUdevice device) {
  return cudaDeviceGetAttribute(value, cudaDeviceAttr(attribute), device) == cudaSuccess ? CUDA_SUCCESS : CUDA_ERROR_INVALID_DEVICE;
}
CUresult cuDeviceGetPCIBusId(char* text, int bytes, CUdevice device) { return cudaDeviceGetPCIBusId(text, bytes, device) == cudaSuccess ? CUDA_SUCCESS : CUDA_ERROR_INVALID_DEVICE; }
CUresult cuDeviceGetUuid(CUuuid* to, CUdevice device) {
  memset(to->bytes, 0x11 * (physicalDevice(device) + 1), sizeof to->bytes);
  return CUDA_SUCCESS;
}
CUresult cuGetErrorString(CUresult error, const char** text) {
  *text = error == CUDA_SUCCESS ? "no error" : "an error of the double";
  return CUDA_SUCCESS;
}
CUresult cuTensorMapEncodeTiled(CUtensorMap*, CUtensorMapDataType, cuuint32_t, void*, const cuuint64_t*, const cuuint64_t*, const cuuint32_t*, const cuuint32_t*, CUtensorMapInterleave, CUtensorMapSwizzle,
                                CUtensorMapL2promotion, CUtensorMapFloatOOBfill) {
  return CUDA_ERROR_NOT_SUPPORTED;
}
}
