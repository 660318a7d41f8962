// Moments in the work of a CUDA device, by number: what its stream had been given when the moment was noted. Other streams wait for them.
#pragma once
#include <cstddef>
#include <mutex>
#include <string>
#include <vector>

#include "cuda/cuda_runtime.h"

namespace accelerate_ts {

class Moments {
 public:
  /// On a thread that works on the stream's GPU. A moment may be noted anew at any time: who comes to wait for it then waits for more.
  std::string note(size_t number, void* stream) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (number >= events_.size()) events_.resize(number + 1);
    cuda::Event& event = events_[number];
    std::string error = event ? std::string() : cuda::makeEvent(event);
    if (error.empty()) error = cuda::errorOf("cudaEventRecord", cuda::runtime()->cudaEventRecord(event.get(), static_cast<cuda::cudaStream_t>(stream)));
    return error;
  }
  /// A cudaEvent_t; null: it was never noted.
  void* of(size_t number) {
    const std::lock_guard<std::mutex> lock(mutex_);
    return number < events_.size() ? events_[number].get() : nullptr;
  }
  void clear() {
    const std::lock_guard<std::mutex> lock(mutex_);
    events_.clear();
  }

 private:
  std::mutex mutex_;
  std::vector<cuda::Event> events_;
};

}  // namespace accelerate_ts
