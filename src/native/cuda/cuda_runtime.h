// CUDA's runtime library, once per process, and its objects with owners.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "../job.h"
#include "cuda_api.h"

namespace accelerate_ts::cuda {

// Libraries that the provider needs, from folders that the loader does not search: opened before the provider, it finds them by their names.
void preloadLibraries(const std::vector<std::string>& folders);

// The runtime that the provider was linked with, else the newest that is known and there. Null: `failure` is filled.
const CudaFunctions* openRuntime(Failure& failure);
// Null before openRuntime.
const CudaFunctions* runtime() noexcept;

// Empty for cudaSuccess, else "cudaMalloc: out of memory (cudaErrorMemoryAllocation, 2)". Takes the error from the runtime, so that the next call does not find it again.
std::string errorOf(const char* call, cudaError_t code);

struct StreamEnd {
  void operator()(cudaStream_t stream) const { runtime()->cudaStreamDestroy(stream); }
};
struct EventEnd {
  void operator()(cudaEvent_t event) const { runtime()->cudaEventDestroy(event); }
};
struct PinnedEnd {
  void operator()(char* memory) const { runtime()->cudaFreeHost(memory); }
};
using Stream = std::unique_ptr<struct CUstream_st, StreamEnd>;
using Event = std::unique_ptr<struct CUevent_st, EventEnd>;
using Pinned = std::unique_ptr<char, PinnedEnd>;

std::string makeEvent(Event& event);

}  // namespace accelerate_ts::cuda
