// Windows of an array, two under way at a time: while one is reduced, the next one is on the network.
#include "collectives.h"

#include <algorithm>
#include <cstring>

namespace accelerate_ts {
namespace {

constexpr size_t kWindowBytes = size_t{4} << 20;

// The bounds of the ranks' parts of a window, in bytes.
struct Split {
  size_t count;
  int size;
  size_t itemBytes;
  size_t begin(int rank) const { return count * static_cast<size_t>(rank) / static_cast<size_t>(size) * itemBytes; }
  size_t bytes(int rank) const { return begin(rank + 1) - begin(rank); }
};

}  // namespace

void Collectives::allReduce(char* data, size_t count, const Arithmetic& type, Reduce reduce, double divisor) {
  const size_t step = std::max<size_t>(size_, kWindowBytes / type.itemBytes);
  const size_t windows = (count + step - 1) / step;
  const auto split = [&](size_t window) { return Split{std::min(step, count - window * step), size_, type.itemBytes}; };
  const auto start = [&](size_t window) { return data + window * step * type.itemBytes; };
  const auto begin = [&](size_t window) {
    const Split parts = split(window);
    const size_t mine = parts.bytes(rank_);
    std::vector<char>& scratch = scratch_[window % 2];
    scratch.resize(std::max(scratch.size(), mine * size_));
    for (int i = 1; i < size_; i++) first_.receive(peer(i), scratch.data() + peer(i) * mine, mine);
    for (int i = 1; i < size_; i++) first_.send(peer(i), start(window) + parts.begin(peer(i)), parts.bytes(peer(i)));
    first_.mark();
  };
  begin(0);
  std::vector<const void*> inputs(size_);
  for (size_t window = 0; window < windows; window++) {
    if (window + 1 < windows) begin(window + 1);
    first_.wait();
    const Split parts = split(window);
    const size_t mine = parts.bytes(rank_);
    char* own = start(window) + parts.begin(rank_);
    for (int rank = 0; rank < size_; rank++) inputs[rank] = rank == rank_ ? own : scratch_[window % 2].data() + rank * mine;
    type.inOrder(own, inputs, mine / type.itemBytes, reduce, divisor);
    for (int i = 1; i < size_; i++) second_.receive(peer(i), start(window) + parts.begin(peer(i)), parts.bytes(peer(i)));
    for (int i = 1; i < size_; i++) second_.send(peer(i), own, mine);
    second_.mark();
    if (window > 0) second_.wait();
  }
  first_.waitAll();
  second_.waitAll();
}

void Collectives::reduceScatter(const char* input, char* output, size_t count, const Arithmetic& type, Reduce reduce, double divisor) {
  const size_t step = std::max<size_t>(1, kWindowBytes / type.itemBytes / size_);
  const size_t windows = (count + step - 1) / step;
  const auto items = [&](size_t window) { return std::min(step, count - window * step); };
  const auto part = [&](size_t window, int rank) { return input + (count * static_cast<size_t>(rank) + window * step) * type.itemBytes; };
  const auto begin = [&](size_t window) {
    const size_t bytes = items(window) * type.itemBytes;
    std::vector<char>& scratch = scratch_[window % 2];
    scratch.resize(std::max(scratch.size(), bytes * size_));
    for (int i = 1; i < size_; i++) first_.receive(peer(i), scratch.data() + peer(i) * bytes, bytes);
    for (int i = 1; i < size_; i++) first_.send(peer(i), part(window, peer(i)), bytes);
    first_.mark();
  };
  begin(0);
  std::vector<const void*> inputs(size_);
  for (size_t window = 0; window < windows; window++) {
    if (window + 1 < windows) begin(window + 1);
    first_.wait();
    for (int rank = 0; rank < size_; rank++)
      inputs[rank] = rank == rank_ ? static_cast<const void*>(part(window, rank)) : scratch_[window % 2].data() + rank * items(window) * type.itemBytes;
    type.inOrder(output + window * step * type.itemBytes, inputs, items(window), reduce, divisor);
  }
  first_.waitAll();
}

void Collectives::allGather(const char* input, char* output, size_t bytes) {
  for (int i = 1; i < size_; i++) second_.receive(peer(i), output + bytes * peer(i), bytes);
  for (int i = 1; i < size_; i++) second_.send(peer(i), input, bytes);
  second_.mark();
  std::memmove(output + bytes * rank_, input, bytes);
  second_.waitAll();
}

// The root sends each rank a part, which that one passes on: nobody sends more than twice the whole.
void Collectives::broadcast(char* data, size_t bytes, int root) {
  const Split parts{bytes, size_, 1};
  for (int i = 1; i < size_; i++) {
    // The root has all.
    if (rank_ != root) second_.receive(peer(i), data + parts.begin(peer(i)), parts.bytes(peer(i)));
  }
  second_.mark();
  if (rank_ == root) {
    for (int i = 1; i < size_; i++) first_.send(peer(i), data + parts.begin(peer(i)), parts.bytes(peer(i)));
  } else {
    first_.receive(root, data + parts.begin(rank_), parts.bytes(rank_));
  }
  first_.mark();
  first_.waitAll();
  for (int i = 1; i < size_; i++) {
    if (peer(i) != root) second_.send(peer(i), data + parts.begin(rank_), parts.bytes(rank_));
  }
  second_.mark();
  second_.waitAll();
}

}  // namespace accelerate_ts
