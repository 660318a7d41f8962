// What all openings of a GPU in a process share: the stream, pinned memory for copies, the provider's arena.
#pragma once
#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include "../ort.h"
#include "cuda_device.h"
#include "cuda_runtime.h"
#include "staging.h"

namespace accelerate_ts::cuda {

// Runs and copies only queue work; a run waits for the end of the one so many before it.
constexpr size_t kMaxBacklog = 8;

// What all openings of a GPU share: with one stream, what the provider's arena gave back after one run is free for the next, whoever runs it.
class Gpu {
 public:
  explicit Gpu(const CudaOptions& options) : options(options) {}
  ~Gpu() {
    runtime()->cudaSetDevice(options.index);
    if (stream) runtime()->cudaStreamSynchronize(stream.get());
    if (memory) takeStatus(ort()->api.UnregisterAllocator(ort()->env, memory.get()));
  }
  Gpu(const Gpu&) = delete;
  Gpu& operator=(const Gpu&) = delete;

  std::string open() {
    std::string error = errorOf("cudaSetDevice", runtime()->cudaSetDevice(options.index));
    cudaStream_t made = nullptr;
    if (error.empty()) error = errorOf("cudaStreamCreateWithFlags", runtime()->cudaStreamCreateWithFlags(&made, cudaStreamNonBlocking));
    stream.reset(made);
    if (error.empty()) error = staging.open(made);
    for (Event& event : ends_) if (error.empty()) error = makeEvent(event);
    return error.empty() ? takeStatus(shareArena()) : error;
  }

  std::string noteRun() {
    const std::lock_guard<std::mutex> lock(mutex);
    const Event& end = ends_[runs_++ % kMaxBacklog];
    if (runs_ > kMaxBacklog) {
      const std::string error = errorOf("cudaEventSynchronize", runtime()->cudaEventSynchronize(end.get()));
      if (!error.empty()) return error;
    }
    return errorOf("cudaEventRecord", runtime()->cudaEventRecord(end.get(), stream.get()));
  }

  std::string synchronize() { return errorOf("cudaStreamSynchronize", runtime()->cudaStreamSynchronize(stream.get())); }

  const CudaOptions options;
  Stream stream;
  // What tensors are declared as.
  OrtPtr<OrtMemoryInfo> memory;
  // What the provider copies from.
  OrtPtr<OrtMemoryInfo> pinned;
  // Guards what follows: the threads of several Node environments may have opened the GPU.
  std::mutex mutex;
  Staging staging;
  // While launches are recorded, what another thread asks of the GPU would be recorded, too, or refused: where there are sessions that record, one thread at a time.
  std::atomic<bool> records{false};
  std::mutex recording;

 private:
  // One arena for all sessions of a GPU, as on the host.
  OrtStatus* shareArena() {
    const OrtFunctions& api = ort()->api;
    OrtMemoryInfo* made = nullptr;
    OrtStatus* status = api.CreateMemoryInfo("Cuda", kOrtDeviceAllocator, options.index, kOrtMemTypeDefault, &made);
    OrtPtr<OrtMemoryInfo> info(made);
    const char* keys[] = {"max_mem", "arena_extend_strategy", "initial_chunk_size_bytes", "max_dead_bytes_per_chunk", "initial_growth_chunk_size_bytes"};
    const size_t unset = static_cast<size_t>(-1);
    const size_t values[] = {static_cast<size_t>(options.memoryLimit), options.sameAsRequested ? size_t{1} : size_t{0}, unset, unset, unset};
    const std::string index = std::to_string(options.index);
    const char* providerKeys[] = {"device_id"};
    const char* providerValues[] = {index.c_str()};
    OrtArenaCfg* config = nullptr;
    if (status == nullptr) status = api.CreateArenaCfgV2(keys, values, sizeof keys / sizeof *keys, &config);
    if (status == nullptr) status = api.CreateAndRegisterAllocatorV2(ort()->env, "CUDAExecutionProvider", made, config, providerKeys, providerValues, 1);
    if (config != nullptr) api.ReleaseArenaCfg(config);
    OrtMemoryInfo* host = nullptr;
    if (status == nullptr) status = api.CreateMemoryInfo("CudaPinned", kOrtDeviceAllocator, options.index, kOrtMemTypeCpu, &host);
    pinned.reset(host);
    if (status == nullptr) memory = std::move(info);
    return status;
  }

  std::array<Event, kMaxBacklog> ends_;
  size_t runs_ = 0;
};

// The GPU that the options name: open already, or opened now. Null: `error` says why.
std::shared_ptr<Gpu> openGpu(const CudaOptions& options, std::string& error);

}  // namespace accelerate_ts::cuda
