// NCCL and what it needs of the CUDA runtime, declared by hand: neither their headers nor the libraries are needed to build the addon. Both are opened when the first communicator is made.
#pragma once
#include <cstddef>
#include <string>
#include <vector>

#include "nccl_slots.h"

namespace accelerate_ts::nccl {

// Names as in the real headers. Results have no bound: later releases add some.
enum ncclResult_t : int { ncclSuccess = 0, ncclUnhandledCudaError = 1, ncclSystemError = 2, ncclInternalError = 3, ncclInvalidArgument = 4, ncclInvalidUsage = 5, ncclRemoteError = 6, ncclInProgress = 7 };
enum ncclDataType_t : int { ncclInt8 = 0, ncclUint8 = 1, ncclInt32 = 2, ncclUint32 = 3, ncclInt64 = 4, ncclUint64 = 5, ncclFloat16 = 6, ncclFloat32 = 7, ncclFloat64 = 8, ncclBfloat16 = 9 };
enum ncclRedOp_t : int { ncclSum = 0, ncclProd = 1, ncclMax = 2, ncclMin = 3, ncclAvg = 4 };
enum ncclScalarResidence_t : int { ncclScalarDevice = 0, ncclScalarHostImmediate = 1 };
struct ncclComm;
using ncclComm_t = ncclComm*;
struct ncclUniqueId {
  char internal[128];
};
// As of 2.14: later libraries read the size and fill what came after with defaults.
struct ncclConfig_t {
  size_t size;
  unsigned int magic;
  unsigned int version;
  int blocking;
};
constexpr ncclConfig_t kNonBlocking = {sizeof(ncclConfig_t), 0xcafebeef, 21400, 0};

enum cudaError_t : int { cudaSuccess = 0, cudaErrorNotReady = 600 };
enum cudaMemcpyKind : int { cudaMemcpyHostToDevice = 1, cudaMemcpyDeviceToHost = 2, cudaMemcpyDeviceToDevice = 3 };
struct CUstream_st;
struct CUevent_st;
using cudaStream_t = CUstream_st*;
using cudaEvent_t = CUevent_st*;
constexpr unsigned kStreamNonBlocking = 1, kEventDisableTiming = 2;
constexpr unsigned kPortable = 1;

struct Api {
#define ACCELERATE_TS_SLOT(name, result, arguments) result(*name) arguments = nullptr;
  ACCELERATE_TS_NCCL_SLOTS(ACCELERATE_TS_SLOT)
  ACCELERATE_TS_NCCL_CUDA_SLOTS(ACCELERATE_TS_SLOT)
#undef ACCELERATE_TS_SLOT
  // 23007 for 2.30.7.
  int ncclVersion = 0;
  // 13000 for 13.0.
  int cudaVersion = 0;
  // The names that were found; "the process" for what it has loaded already.
  std::string ncclLibrary, cudaLibrary;
};

// JS thread. The first of the names that can be opened; the libraries stay. Nullptr: `error` says what is missing.
const Api* openApi(const std::vector<std::string>& nccl, const std::vector<std::string>& cuda, std::string& error);

// "2.30.7"
std::string versionText(int version);

}  // namespace accelerate_ts::nccl
