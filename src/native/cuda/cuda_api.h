// Our own minimal declarations of CUDA's runtime: opaque types, constants, and the functions of cuda_slots.h as one struct of pointers into the library that dlopen gave.
#pragma once
#include <dlfcn.h>

#include <cstddef>
#include <string>

#include "cuda_slots.h"

namespace accelerate_ts::cuda {

// Enumerations of CUDA are ints; their values never change.
using cudaError_t = int;
using cudaDeviceAttr = int;
using cudaMemcpyKind = int;
using cudaStream_t = struct CUstream_st*;
using cudaEvent_t = struct CUevent_st*;

#define ACCELERATE_TS_CUDA_CONSTANT(name, value) constexpr int name = value;
ACCELERATE_TS_CUDA_CONSTANTS(ACCELERATE_TS_CUDA_CONSTANT)
#undef ACCELERATE_TS_CUDA_CONSTANT

struct CudaFunctions {
#define ACCELERATE_TS_CUDA_POINTER(name, result, arguments) result(*name) arguments = nullptr;
  ACCELERATE_TS_CUDA_SLOTS(ACCELERATE_TS_CUDA_POINTER)
#undef ACCELERATE_TS_CUDA_POINTER

  // The name of a function that the library lacks; empty when all are there.
  std::string load(void* library) {
#define ACCELERATE_TS_CUDA_LOAD(name, result, arguments)                                 \
  this->name = reinterpret_cast<result(*) arguments>(dlsym(library, #name)); \
  if (this->name == nullptr) return #name;
    ACCELERATE_TS_CUDA_SLOTS(ACCELERATE_TS_CUDA_LOAD)
#undef ACCELERATE_TS_CUDA_LOAD
    return {};
  }
};

}  // namespace accelerate_ts::cuda
