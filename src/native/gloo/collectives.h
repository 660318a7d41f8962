// The collectives of large arrays, on a group's communication thread. All throw gloo's exceptions.
#pragma once
#include <cstddef>
#include <memory>
#include <vector>

#include "arithmetic.h"

namespace gloo {
class Context;
}

namespace accelerate_ts {

class Collectives {
 public:
  Collectives(std::shared_ptr<gloo::Context> context, int rank, int size) : context_(std::move(context)), rank_(rank), size_(size) {}

  // In place. divisor 0: none.
  void allReduce(char* data, size_t count, const Arithmetic& type, Reduce reduce, double divisor);
  // input: size parts of count.
  void reduceScatter(const char* input, char* output, size_t count, const Arithmetic& type, Reduce reduce, double divisor);
  void allGather(const char* input, char* output, size_t bytes);
  void broadcast(char* data, size_t bytes, int root);

 private:
  void ring(char* data, size_t count, const Arithmetic& type, Reduce reduce);
  void window(char* data, size_t count, const Arithmetic& type, Reduce reduce, double divisor);

  const std::shared_ptr<gloo::Context> context_;
  const int rank_;
  const int size_;
  std::vector<char> scratch_;
};

}  // namespace accelerate_ts
