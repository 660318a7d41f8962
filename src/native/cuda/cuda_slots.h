// The functions of libcudart that the addon calls: name, result, arguments; and the constants that it passes or compares with. In the names of cuda_runtime_api.h, so that the same
// lists can be held against the real header (cuda_api_check.cpp). Those marked OPTIONAL may be missing in a library.
#pragma once

// clang-format off
#define ACCELERATE_TS_CUDA_SLOTS(SLOT) \
  SLOT(cudaRuntimeGetVersion, cudaError_t, (int*)) \
  SLOT(cudaDriverGetVersion, cudaError_t, (int*)) \
  SLOT(cudaGetDeviceCount, cudaError_t, (int*)) \
  SLOT(cudaDeviceGetAttribute, cudaError_t, (int*, cudaDeviceAttr, int)) \
  SLOT(cudaSetDevice, cudaError_t, (int)) \
  SLOT(cudaGetErrorName, const char*, (cudaError_t)) \
  SLOT(cudaGetErrorString, const char*, (cudaError_t)) \
  SLOT(cudaGetLastError, cudaError_t, ()) \
  SLOT(cudaMalloc, cudaError_t, (void**, size_t)) \
  SLOT(cudaFree, cudaError_t, (void*)) \
  SLOT(cudaMemGetInfo, cudaError_t, (size_t*, size_t*)) \
  SLOT(cudaMallocHost, cudaError_t, (void**, size_t)) \
  SLOT(cudaFreeHost, cudaError_t, (void*)) \
  SLOT(cudaMemcpyAsync, cudaError_t, (void*, const void*, size_t, cudaMemcpyKind, cudaStream_t)) \
  SLOT(cudaMemsetAsync, cudaError_t, (void*, int, size_t, cudaStream_t)) \
  SLOT(cudaStreamCreateWithFlags, cudaError_t, (cudaStream_t*, unsigned int)) \
  SLOT(cudaStreamDestroy, cudaError_t, (cudaStream_t)) \
  SLOT(cudaStreamSynchronize, cudaError_t, (cudaStream_t)) \
  SLOT(cudaStreamWaitEvent, cudaError_t, (cudaStream_t, cudaEvent_t, unsigned int)) \
  SLOT(cudaEventCreateWithFlags, cudaError_t, (cudaEvent_t*, unsigned int)) \
  SLOT(cudaEventDestroy, cudaError_t, (cudaEvent_t)) \
  SLOT(cudaEventRecord, cudaError_t, (cudaEvent_t, cudaStream_t)) \
  SLOT(cudaEventSynchronize, cudaError_t, (cudaEvent_t))

#define ACCELERATE_TS_CUDA_CONSTANTS(CONSTANT) \
  CONSTANT(cudaSuccess, 0) \
  CONSTANT(cudaDevAttrComputeCapabilityMajor, 75) \
  CONSTANT(cudaDevAttrComputeCapabilityMinor, 76) \
  CONSTANT(cudaErrorMemoryAllocation, 2) \
  CONSTANT(cudaErrorInsufficientDriver, 35) \
  CONSTANT(cudaErrorNoDevice, 100) \
  CONSTANT(cudaErrorNotReady, 600) \
  CONSTANT(cudaMemcpyHostToDevice, 1) \
  CONSTANT(cudaMemcpyDeviceToHost, 2) \
  CONSTANT(cudaMemcpyDeviceToDevice, 3) \
  CONSTANT(cudaStreamNonBlocking, 1) \
  CONSTANT(cudaEventDisableTiming, 2)
// clang-format on
