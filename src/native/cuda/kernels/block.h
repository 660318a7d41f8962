// A block of threads as CUDA has it, for kernels that are compiled twice: by nvcc for GPUs, and by any C++ compiler for the host, where fibers take the threads' places (host_block.h).
//
// A kernel is a struct with `Args`, `threads` (a multiple of 32) and `static void run(Block&, const Args&)`. All threads of a block reach every sync(), and all of a warp every shuffle.
#pragma once

#include <cstddef>
#include <cstdint>

#ifdef __CUDACC__
#include <cuda_runtime.h>
#define ACCELERATE_DEVICE __device__ __forceinline__
#define ACCELERATE_BOTH __host__ __device__ inline
#define ACCELERATE_UNROLL _Pragma("unroll")
#else
#include <cmath>
#define ACCELERATE_DEVICE inline
#define ACCELERATE_BOTH inline
#define ACCELERATE_UNROLL
#endif

namespace accelerate_ts {
namespace cuda {

#ifdef __CUDACC__

class Block {
 public:
  __device__ uint32_t thread() const { return threadIdx.x; }
  __device__ uint64_t index() const { return blockIdx.x; }
  __device__ void sync() const { __syncthreads(); }
  /// The value of the lane whose number differs from this one's by the bits of `mask`.
  __device__ float shuffle(float value, uint32_t mask) const { return __shfl_xor_sync(0xffffffffu, value, static_cast<int>(mask)); }
  __device__ double shuffle(double value, uint32_t mask) const { return __shfl_xor_sync(0xffffffffu, value, static_cast<int>(mask)); }
  /// The block's shared memory, of the size that the launch gave, at a multiple of 16 bytes.
  __device__ void* memory() const {
    extern __shared__ __align__(16) unsigned char accelerate_ts_shared[];
    return accelerate_ts_shared;
  }
};

template <typename Kernel>
__global__ void __launch_bounds__(Kernel::threads) entry(const typename Kernel::Args args) {
  Block block;
  Kernel::run(block, args);
}

/// Queues a kernel on a stream; an error as cudaError_t, 0: none. Nothing is launched for no blocks.
template <typename Kernel>
int launch(const typename Kernel::Args& args, uint64_t blocks, size_t memory, void* stream) {
  if (blocks == 0) return 0;
  if (blocks > 0x7fffffffu) return cudaErrorInvalidConfiguration;
  const void* const function = reinterpret_cast<const void*>(&entry<Kernel>);
  // More than this must be asked for; sm_80 and later have at least 99 KiB.
  if (memory > 48 * 1024) {
    const cudaError_t status = cudaFuncSetAttribute(function, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(memory));
    if (status != cudaSuccess) return status;
  }
  void* arguments[] = {const_cast<typename Kernel::Args*>(&args)};
  return cudaLaunchKernel(function, dim3(static_cast<unsigned>(blocks)), dim3(Kernel::threads), arguments, memory, static_cast<cudaStream_t>(stream));
}

#endif

}  // namespace cuda
}  // namespace accelerate_ts

#ifndef __CUDACC__
#include "host_block.h"
#endif

namespace accelerate_ts {
namespace cuda {

constexpr uint32_t warp = 32;
/// Bytes at the front of shared memory that reductions over a block use.
constexpr size_t reduction_bytes = 512;

/// Threads that work on one row together: a warp, or a whole block of 256.
template <uint32_t width> struct Team {
  static_assert(width == 32 || width == 256, "a warp or a block");
  static constexpr uint32_t size = width;
  static ACCELERATE_DEVICE uint32_t lane(const Block& b) { return b.thread() % width; }

  /// The same bits in every thread, whatever the order in which threads run.
  template <typename T> static ACCELERATE_DEVICE T sum(Block& b, T value) {
    for (uint32_t mask = 16; mask > 0; mask /= 2) value += b.shuffle(value, mask);
    if (width == warp) return value;
    T* const shared = static_cast<T*>(b.memory());
    if (b.thread() % warp == 0) shared[b.thread() / warp] = value;
    b.sync();
    T total = shared[0];
    for (uint32_t i = 1; i < width / warp; i++) total += shared[i];
    b.sync();
    return total;
  }
  /// NaN where any is NaN.
  template <typename T> static ACCELERATE_DEVICE T max(Block& b, T value) {
    for (uint32_t mask = 16; mask > 0; mask /= 2) value = greater(value, b.shuffle(value, mask));
    if (width == warp) return value;
    T* const shared = static_cast<T*>(b.memory());
    if (b.thread() % warp == 0) shared[b.thread() / warp] = value;
    b.sync();
    T most = shared[0];
    for (uint32_t i = 1; i < width / warp; i++) most = greater(most, shared[i]);
    b.sync();
    return most;
  }
  template <typename T> static ACCELERATE_DEVICE T greater(T a, T b) { return a > b || a != a ? a : b; }
};

ACCELERATE_BOTH uint64_t pieces_of(uint64_t count, uint64_t size) { return (count + size - 1) / size; }

}  // namespace cuda
}  // namespace accelerate_ts
