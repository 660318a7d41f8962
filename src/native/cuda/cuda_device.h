// A CUDA device: its stream is where everything of ours runs, ONNX Runtime's provider, copies, kernels and collectives.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "../device.h"
#include "cuda_api.h"

namespace accelerate_ts::cuda {

// The first opening of a GPU decides about its memory.
struct CudaOptions {
  int index = 0;
  uint64_t memoryLimit = 0;            // bytes of the provider's arena; 0: what the GPU has
  bool sameAsRequested = false;        // how the arena grows; else to powers of two
  std::string convolutions = "HEURISTIC";
  bool tf32 = false;
  std::vector<std::string> libraries;  // folders
  bool kernels = true;                 // ours, where they are
  std::string kernelLibrary;           // empty: beside the addon
};

// Empty: `failure` says why.
std::shared_ptr<Device> openCuda(CudaOptions options, Failure& failure);

}  // namespace accelerate_ts::cuda
