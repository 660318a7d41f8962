// Development-time check of cuda_slots.h against the real header; not part of the addon (its name ends in .cpp, the build takes .cc):
//   c++ -std=c++17 -fsyntax-only -I <folder of cuda_runtime_api.h> src/native/cuda/cuda_api_check.cpp
#include <cuda_runtime_api.h>

#include <type_traits>

#include "cuda_slots.h"

#define CHECK(name, result, arguments) static_assert(std::is_convertible<decltype(&::name), result(*) arguments>::value, #name " has another signature");
ACCELERATE_TS_CUDA_SLOTS(CHECK)

#define EQUAL(name, value) static_assert(static_cast<int>(name) == (value), #name " has another value");
ACCELERATE_TS_CUDA_CONSTANTS(EQUAL)

static_assert(sizeof(cudaError_t) == sizeof(int) && sizeof(cudaDeviceAttr) == sizeof(int) && sizeof(cudaMemcpyKind) == sizeof(int) && sizeof(cudaStream_t) == sizeof(void*), "a type has another size");
