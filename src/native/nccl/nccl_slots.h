// The functions of NCCL that the addon calls: name, result, arguments. All are there since 2.14; a double or the real header can be compared with this list.
#pragma once

// clang-format off
#define ACCELERATE_TS_NCCL_SLOTS(SLOT) \
  SLOT(ncclGetVersion, ncclResult_t, (int*)) \
  SLOT(ncclGetUniqueId, ncclResult_t, (ncclUniqueId*)) \
  SLOT(ncclCommInitRankConfig, ncclResult_t, (ncclComm_t*, int, ncclUniqueId, int, ncclConfig_t*)) \
  SLOT(ncclCommFinalize, ncclResult_t, (ncclComm_t)) \
  SLOT(ncclCommDestroy, ncclResult_t, (ncclComm_t)) \
  SLOT(ncclCommAbort, ncclResult_t, (ncclComm_t)) \
  SLOT(ncclGetErrorString, const char*, (ncclResult_t)) \
  SLOT(ncclGetLastError, const char*, (ncclComm_t)) \
  SLOT(ncclCommGetAsyncError, ncclResult_t, (ncclComm_t, ncclResult_t*)) \
  SLOT(ncclRedOpCreatePreMulSum, ncclResult_t, (ncclRedOp_t*, void*, ncclDataType_t, ncclScalarResidence_t, ncclComm_t)) \
  SLOT(ncclRedOpDestroy, ncclResult_t, (ncclRedOp_t, ncclComm_t)) \
  SLOT(ncclAllReduce, ncclResult_t, (const void*, void*, size_t, ncclDataType_t, ncclRedOp_t, ncclComm_t, cudaStream_t)) \
  SLOT(ncclReduceScatter, ncclResult_t, (const void*, void*, size_t, ncclDataType_t, ncclRedOp_t, ncclComm_t, cudaStream_t)) \
  SLOT(ncclAllGather, ncclResult_t, (const void*, void*, size_t, ncclDataType_t, ncclComm_t, cudaStream_t)) \
  SLOT(ncclBroadcast, ncclResult_t, (const void*, void*, size_t, ncclDataType_t, int, ncclComm_t, cudaStream_t)) \
  SLOT(ncclSend, ncclResult_t, (const void*, size_t, ncclDataType_t, int, ncclComm_t, cudaStream_t)) \
  SLOT(ncclRecv, ncclResult_t, (void*, size_t, ncclDataType_t, int, ncclComm_t, cudaStream_t)) \
  SLOT(ncclGroupStart, ncclResult_t, ()) \
  SLOT(ncclGroupEnd, ncclResult_t, ())
// clang-format on

// The functions of the CUDA runtime that communicators need beside them.
// clang-format off
#define ACCELERATE_TS_NCCL_CUDA_SLOTS(SLOT) \
  SLOT(cudaRuntimeGetVersion, cudaError_t, (int*)) \
  SLOT(cudaGetErrorString, const char*, (cudaError_t)) \
  SLOT(cudaGetLastError, cudaError_t, ()) \
  SLOT(cudaGetDeviceCount, cudaError_t, (int*)) \
  SLOT(cudaSetDevice, cudaError_t, (int)) \
  SLOT(cudaDeviceGetPCIBusId, cudaError_t, (char*, int, int)) \
  SLOT(cudaMalloc, cudaError_t, (void**, size_t)) \
  SLOT(cudaFree, cudaError_t, (void*)) \
  SLOT(cudaHostAlloc, cudaError_t, (void**, size_t, unsigned int)) \
  SLOT(cudaFreeHost, cudaError_t, (void*)) \
  SLOT(cudaMemcpyAsync, cudaError_t, (void*, const void*, size_t, cudaMemcpyKind, cudaStream_t)) \
  SLOT(cudaMemsetAsync, cudaError_t, (void*, int, size_t, cudaStream_t)) \
  SLOT(cudaStreamCreateWithFlags, cudaError_t, (cudaStream_t*, unsigned int)) \
  SLOT(cudaStreamDestroy, cudaError_t, (cudaStream_t)) \
  SLOT(cudaStreamWaitEvent, cudaError_t, (cudaStream_t, cudaEvent_t, unsigned int)) \
  SLOT(cudaEventCreateWithFlags, cudaError_t, (cudaEvent_t*, unsigned int)) \
  SLOT(cudaEventRecord, cudaError_t, (cudaEvent_t, cudaStream_t)) \
  SLOT(cudaEventQuery, cudaError_t, (cudaEvent_t)) \
  SLOT(cudaEventDestroy, cudaError_t, (cudaEvent_t))
// clang-format on
