// The collectives of large arrays, on a group's communication thread, over gloo's buffers.
#pragma once
#include <atomic>
#include <cstddef>
#include <memory>
#include <vector>

#include "arithmetic.h"
#include "parts.h"

namespace accelerate_ts {

/**
 * Every rank owns a part of the numbers: the others send it theirs, it reduces them in the order of ranks and sends the result to all. Each number crosses the network as often as in a
 * ring (2 (P - 1) / P times per rank), in two steps instead of 2 (P - 1), 16-bit floats are rounded once, and the sums are those of the shared memory groups, bit for bit.
 * gloo's own allreduce is not used: where a connection breaks in the middle of a message, gloo 2022 wakes neither its sender nor its receiver, and only waits of our own can be ended.
 */
class Collectives {
 public:
  Collectives(std::shared_ptr<gloo::Context> context, int rank, int size) : rank_(rank), size_(size), first_(context, 2), second_(context, 3) {}

  // In place. divisor 0: none.
  void allReduce(char* data, size_t count, const Arithmetic& type, Reduce reduce, double divisor);
  // input: size parts of count.
  void reduceScatter(const char* input, char* output, size_t count, const Arithmetic& type, Reduce reduce, double divisor);
  void allGather(const char* input, char* output, size_t bytes);
  void broadcast(char* data, size_t bytes, int root);

  // Any thread, once: what waits, throws, and everything later.
  void interrupt() noexcept {
    first_.interrupt();
    second_.interrupt();
  }

 private:
  // The peers beginning with the next one, so that not all send to the same one at once.
  int peer(int step) const { return (rank_ + step) % size_; }

  const int rank_;
  const int size_;
  // What goes to the owners, and what comes from them.
  Parts first_, second_;
  std::vector<char> scratch_[2];
};

}  // namespace accelerate_ts
