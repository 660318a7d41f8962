// The optional object build/accelerate_ts_cuda.so: all kernels and their launches, behind one symbol.
#include "launches.h"

extern "C" __attribute__((visibility("default"))) const accelerate_ts::cuda::Kernels* accelerate_ts_cuda_kernels(uint32_t version) {
  return version == accelerate_ts::cuda::kernels_version ? &accelerate_ts::cuda::kernels_table() : nullptr;
}

// What it was compiled for, "sm_80 compute_80": for people who ask what is there.
#ifndef ACCELERATE_TS_ARCHITECTURES
#define ACCELERATE_TS_ARCHITECTURES ""
#endif
extern "C" __attribute__((visibility("default"))) const char* accelerate_ts_cuda_architectures() { return ACCELERATE_TS_ARCHITECTURES; }
