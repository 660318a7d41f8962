// The GPUs that are open in this process.
#include "gpu.h"

#include <map>

namespace accelerate_ts::cuda {
namespace {

std::mutex gpusMutex;
std::map<int, std::weak_ptr<Gpu>>& gpus() {
  static auto* gpus = new std::map<int, std::weak_ptr<Gpu>>();  // outlives static destructors
  return *gpus;
}

}  // namespace

std::shared_ptr<Gpu> openGpu(const CudaOptions& options, std::string& error) {
  const std::lock_guard<std::mutex> lock(gpusMutex);
  std::weak_ptr<Gpu>& known = gpus()[options.index];
  std::shared_ptr<Gpu> gpu = known.lock();
  if (gpu) return gpu;
  gpu = std::make_shared<Gpu>(options);
  error = gpu->open();
  if (!error.empty()) return nullptr;
  known = gpu;
  return gpu;
}

}  // namespace accelerate_ts::cuda
