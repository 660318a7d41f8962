// Implementation of the addon's own thread pool.
#include "thread_pool.h"

#include <system_error>

#if defined(__x86_64__) || defined(__i386__)
#include <xmmintrin.h>
#endif

namespace accelerate_ts {

void flushDenormals() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  _mm_setcsr(_mm_getcsr() | 0x8040);  // FTZ | DAZ
#elif defined(__aarch64__)
  uint64_t control;
  __asm__ volatile("mrs %0, fpcr" : "=r"(control));
  __asm__ volatile("msr fpcr, %0" : : "r"(control | (1ull << 24)));  // FZ
#endif
}

ThreadPool::ThreadPool(size_t threads) {
  workers_.reserve(threads);
  // Where the system has no more threads, the pool is smaller: no result depends on its size.
  try {
    for (size_t thread = 1; thread < threads; thread++) workers_.emplace_back([this, thread] { loop(thread); });
  } catch (const std::system_error&) {
  }
}

ThreadPool::~ThreadPool() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    quit_ = true;
  }
  start_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

Parallel ThreadPool::parallel() noexcept {
  Parallel parallel;
  parallel.threads = threads();
  parallel.context = this;
  parallel.dispatch = [](void* pool, size_t chunks, Parallel::Task task, void* arg) { static_cast<ThreadPool*>(pool)->run(chunks, task, arg); };
  return parallel;
}

void ThreadPool::share(const Work& work, size_t thread) const {
  for (size_t chunk = thread; chunk < work.chunks; chunk += threads()) work.task(work.arg, chunk);
}

void ThreadPool::run(size_t chunks, Parallel::Task task, void* arg) {
  const Work work{chunks, task, arg};
  // Another environment's run thread (a worker_thread) has the pool: do without rather than wait.
  std::unique_lock<std::mutex> turn(callers_, std::try_to_lock);
  if (!turn.owns_lock() || workers_.empty()) {
    for (size_t chunk = 0; chunk < chunks; chunk++) task(arg, chunk);
    return;
  }
  {
    std::lock_guard<std::mutex> lock(mutex_);
    work_ = work;
    running_ = workers_.size();
    round_++;
  }
  start_.notify_all();
  share(work, 0);
  std::unique_lock<std::mutex> lock(mutex_);
  done_.wait(lock, [this] { return running_ == 0; });
}

void ThreadPool::loop(size_t thread) {
  flushDenormals();
  uint64_t seen = 0;
  for (;;) {
    Work work;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      start_.wait(lock, [&] { return quit_ || round_ != seen; });
      if (quit_) return;
      seen = round_;
      work = work_;
    }
    share(work, thread);
    std::lock_guard<std::mutex> lock(mutex_);
    if (--running_ == 0) done_.notify_one();
  }
}

}  // namespace accelerate_ts
