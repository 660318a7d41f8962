// How kernels use threads, without knowing whose: ORT's pool inside a custom op, the addon's own pool inside a job, none in a test.
#pragma once
#include <atomic>
#include <cstddef>

namespace accelerate_ts {

// Tests set it, so that kernels cut their work as for another number of threads; 0: as many as there are.
inline std::atomic<size_t>& thread_limit() {
  static std::atomic<size_t> limit{0};
  return limit;
}

struct Parallel {
  using Task = void (*)(void* arg, size_t chunk);
  using Dispatch = void (*)(void* context, size_t chunks, Task task, void* arg);

  // How many chunks are worth making; a kernel's result must not depend on it.
  size_t threads = 1;
  void* context = nullptr;
  Dispatch dispatch = nullptr;

  // Calls task(arg, 0 .. chunks-1), each once, in any order and on any thread; returns when all have returned. A task neither throws nor calls run.
  void run(size_t chunks, Task task, void* arg) const {
    if (chunks > 1 && dispatch != nullptr) return dispatch(context, chunks, task, arg);
    for (size_t chunk = 0; chunk < chunks; chunk++) task(arg, chunk);
  }

  // The same for a lambda that takes the chunk's number.
  template <typename Body>
  void each(size_t chunks, const Body& body) const {
    run(chunks, [](void* arg, size_t chunk) { (*static_cast<const Body*>(arg))(chunk); }, const_cast<Body*>(&body));
  }

  // body(begin, end) over [0, length) in one contiguous range per thread, each at least `grain` long and beginning at a multiple of `align`.
  template <typename Body>
  void ranges(size_t length, size_t grain, size_t align, const Body& body) const {
    size_t chunks = grain == 0 ? threads : length / grain;
    if (chunks > threads) chunks = threads;
    if (chunks <= 1) {
      if (length > 0) body(size_t{0}, length);
      return;
    }
    const size_t step = ((length + chunks - 1) / chunks + align - 1) / align * align;
    each(chunks, [&](size_t chunk) {
      const size_t begin = chunk * step;
      const size_t end = begin + step < length ? begin + step : length;
      if (begin < end) body(begin, end);
    });
  }
};

}  // namespace accelerate_ts
