// Blocks of CUDA's threads on the host, for tests: each thread is a fiber that runs until it waits. The order in which threads run is the caller's choice, so a barrier that is missing shows as other results.
#pragma once

#include <csetjmp>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <ucontext.h>
#include <vector>

// Sanitizers follow swapcontext, not jumps between stacks.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define ACCELERATE_FIBER_JUMPS 0
#else
#define ACCELERATE_FIBER_JUMPS 1
#endif

namespace accelerate_ts {
namespace cuda {

/// In which order the threads of a block run between barriers.
struct HostOrder {
  uint64_t seed = 0;  // 0: ascending
  static HostOrder& current() {
    static HostOrder order;
    return order;
  }
};

/// Launches since the process began.
inline uint64_t& host_launches() {
  static uint64_t count = 0;
  return count;
}

class HostBlock;

class Block {
 public:
  Block(HostBlock& host, uint32_t thread) : host_(host), thread_(thread) {}
  uint32_t thread() const { return thread_; }
  uint64_t index() const;
  void sync();
  template <typename T> T shuffle(T value, uint32_t mask);
  void* memory() const;

 private:
  HostBlock& host_;
  const uint32_t thread_;
  uint32_t shuffles_ = 0;
};

/// Runs the threads of one block after another's.
class HostBlock {
 public:
  HostBlock(uint32_t threads, size_t memory) : threads_(threads), slots_(2 * threads), fibers_(threads) {
    // Exactly as much as was asked for, so that a sanitizer sees what lies beyond.
    memory_.reset(static_cast<unsigned char*>(std::aligned_alloc(16, (memory + 15) / 16 * 16 + 16)));
    bytes_ = memory;
    for (Fiber& fiber : fibers_) fiber.stack.reset(new unsigned char[stack_bytes]);
  }

  void run(uint64_t index, const std::function<void(Block&)>& body) {
    index_ = index;
    body_ = &body;
    // Shared memory holds nothing in particular when a block begins.
    for (size_t i = 0; i < bytes_; i++) memory_.get()[i] = 0xff;
    for (Fiber& fiber : fibers_) fiber.state = State::fresh;
    std::vector<uint32_t> order(threads_);
    for (uint32_t i = 0; i < threads_; i++) order[i] = i;
    uint64_t random = HostOrder::current().seed * 0x9E3779B97F4A7C15u + index + 1;
    for (;;) {
      if (HostOrder::current().seed != 0) {
        for (uint32_t i = threads_; i > 1; i--) {
          random = random * 6364136223846793005u + 1442695040888963407u;
          std::swap(order[i - 1], order[(random >> 33) % i]);
        }
      }
      bool moved = false;
      for (const uint32_t i : order) {
        if (fibers_[i].state != State::fresh && fibers_[i].state != State::ready) continue;
        resume(i);
        moved = true;
      }
      if (release()) continue;
      if (moved) continue;
      for (const Fiber& fiber : fibers_) if (fiber.state != State::done) die("threads wait for others that have ended, or wait elsewhere");
      return;
    }
  }

  uint64_t index() const { return index_; }
  void* memory() const { return memory_.get(); }

  void wait(uint32_t thread, bool block) {
    fibers_[thread].state = block ? State::block : State::warp;
    leave(thread);
  }
  double* slot(uint32_t parity, uint32_t thread) { return &slots_[parity * threads_ + thread]; }

 private:
  enum class State { fresh, ready, warp, block, done };
  struct Free { void operator()(unsigned char* p) const { std::free(p); } };
  struct Fiber {
    State state = State::fresh;
    std::unique_ptr<unsigned char[]> stack;
    ucontext_t context;
    jmp_buf place;
  };
  static constexpr size_t stack_bytes = 128 * 1024;

  [[noreturn]] static void die(const char* message) {
    std::fprintf(stderr, "a block of threads on the host: %s\n", message);
    std::abort();
  }

  void start(uint32_t thread) {
    Fiber& fiber = fibers_[thread];
    getcontext(&fiber.context);
    fiber.context.uc_stack.ss_sp = fiber.stack.get();
    fiber.context.uc_stack.ss_size = stack_bytes;
    fiber.context.uc_link = nullptr;
    const auto self = reinterpret_cast<uintptr_t>(this);
    makecontext(&fiber.context, reinterpret_cast<void (*)()>(main), 3, static_cast<uint32_t>(self), static_cast<uint32_t>(static_cast<uint64_t>(self) >> 32), thread);
  }
  static void main(uint32_t low, uint32_t high, uint32_t thread) {
    auto* const self = reinterpret_cast<HostBlock*>(static_cast<uintptr_t>(static_cast<uint64_t>(high) << 32 | low));
    {
      Block block(*self, thread);
      (*self->body_)(block);
    }
    self->fibers_[thread].state = State::done;
    self->leave(thread);
    die("a thread that has ended was resumed");
  }

  void resume(uint32_t thread) {
    Fiber& fiber = fibers_[thread];
    const bool fresh = fiber.state == State::fresh;
    if (fresh) start(thread);
    fiber.state = State::ready;
#if ACCELERATE_FIBER_JUMPS
    if (_setjmp(scheduler_) != 0) return;
    if (fresh) setcontext(&fiber.context);
    else _longjmp(fiber.place, 1);
#else
    swapcontext(&own_, &fiber.context);
#endif
  }
  void leave(uint32_t thread) {
#if ACCELERATE_FIBER_JUMPS
    if (_setjmp(fibers_[thread].place) == 0) _longjmp(scheduler_, 1);
#else
    swapcontext(&fibers_[thread].context, &own_);
#endif
  }

  /// Lets those go on who have all arrived; whether there were any.
  bool release() {
    bool any = false;
    for (uint32_t first = 0; first < threads_; first += 32) {
      bool all = true;
      for (uint32_t i = first; i < first + 32; i++) all = all && fibers_[i].state == State::warp;
      for (uint32_t i = first; all && i < first + 32; i++) fibers_[i].state = State::ready;
      any = any || all;
    }
    bool all = true;
    for (const Fiber& fiber : fibers_) all = all && fiber.state == State::block;
    if (all) for (Fiber& fiber : fibers_) fiber.state = State::ready;
    return any || all;
  }

  const uint32_t threads_;
  std::vector<double> slots_;
  std::vector<Fiber> fibers_;
  std::unique_ptr<unsigned char, Free> memory_;
  size_t bytes_ = 0;
  uint64_t index_ = 0;
  const std::function<void(Block&)>* body_ = nullptr;
#if ACCELERATE_FIBER_JUMPS
  jmp_buf scheduler_;
#else
  ucontext_t own_;
#endif
};

inline uint64_t Block::index() const { return host_.index(); }
inline void Block::sync() { host_.wait(thread_, true); }
inline void* Block::memory() const { return host_.memory(); }
template <typename T> T Block::shuffle(T value, uint32_t mask) {
  // Two sets of slots that change places: nobody writes a slot that a slower thread has not read yet.
  const uint32_t parity = shuffles_++ % 2;
  *host_.slot(parity, thread_) = static_cast<double>(value);
  host_.wait(thread_, false);
  return static_cast<T>(*host_.slot(parity, thread_ ^ mask));
}

/// As the launch on a GPU: an error, 0: none.
template <typename Kernel>
int launch(const typename Kernel::Args& args, uint64_t blocks, size_t memory, void*) {
  if (blocks == 0) return 0;
  host_launches()++;
  HostBlock block(Kernel::threads, memory);
  const std::function<void(Block&)> body = [&args](Block& b) { Kernel::run(b, args); };
  for (uint64_t i = 0; i < blocks; i++) block.run(i, body);
  return 0;
}

}  // namespace cuda
}  // namespace accelerate_ts
