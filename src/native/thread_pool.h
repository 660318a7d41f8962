// The addon's own threads, for work outside ONNX Runtime (optimizer, accumulation): parked on a condition variable, the caller takes part.
#pragma once
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#include "parallel.h"

namespace accelerate_ts {

class ThreadPool {
 public:
  explicit ThreadPool(size_t threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  size_t threads() const noexcept { return workers_.size() + 1; }
  Parallel parallel() noexcept;

 private:
  struct Work {
    size_t chunks = 0;
    Parallel::Task task = nullptr;
    void* arg = nullptr;
  };

  void run(size_t chunks, Parallel::Task task, void* arg);
  // Static: thread t takes the chunks t, t + threads, ... so which thread touches which memory never changes.
  void share(const Work& work, size_t thread) const;
  void loop(size_t thread);

  std::mutex callers_;
  std::mutex mutex_;
  std::condition_variable start_;
  std::condition_variable done_;
  Work work_;
  uint64_t round_ = 0;
  size_t running_ = 0;
  bool quit_ = false;
  std::vector<std::thread> workers_;
};

// Denormals are flushed on every thread that computes, as on ONNX Runtime's: they cost up to 100 times a normal operation late in training.
void flushDenormals() noexcept;

}  // namespace accelerate_ts
