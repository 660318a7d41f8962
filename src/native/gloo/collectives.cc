// gloo's ring, gather and tree where they fit; parts sent straight to their owners where gloo has nothing, or would round at every hop.
#include "collectives.h"

#include <gloo/allgather.h>
#include <gloo/allreduce.h>
#include <gloo/broadcast.h>
#include <gloo/context.h>
#include <gloo/transport/unbound_buffer.h>

#include <algorithm>
#include <cstring>

namespace accelerate_ts {
namespace {

constexpr uint64_t kPartSlot = (uint64_t{0xa5} << 56) + 2;
// Memory for what is received before it is reduced.
constexpr size_t kScratchBytes = size_t{8} << 20;

// Messages under way to and from the peers: waits for all of them.
class Parts {
 public:
  explicit Parts(gloo::Context& context) : context_(context) {}

  void receive(int from, void* data, size_t bytes) {
    if (bytes == 0) return;
    incoming_.push_back(context_.createUnboundBuffer(data, bytes));
    incoming_.back()->recv(from, kPartSlot);
  }
  // gloo only reads it.
  void send(int to, const void* data, size_t bytes) {
    if (bytes == 0) return;
    outgoing_.push_back(context_.createUnboundBuffer(const_cast<void*>(data), bytes));
    outgoing_.back()->send(to, kPartSlot);
  }
  void wait() {
    for (const auto& buffer : incoming_) buffer->waitRecv();
    for (const auto& buffer : outgoing_) buffer->waitSend();
    incoming_.clear();
    outgoing_.clear();
  }

 private:
  gloo::Context& context_;
  std::vector<std::unique_ptr<gloo::transport::UnboundBuffer>> incoming_, outgoing_;
};

template <class T>
void setOutput(gloo::AllreduceOptions& options, char* data, size_t count) {
  options.setOutput<T>(reinterpret_cast<T*>(data), count);
}

}  // namespace

void Collectives::allReduce(char* data, size_t count, const Arithmetic& type, Reduce reduce, double divisor) {
  if (type.pairwise) {
    ring(data, count, type, reduce);
    // The same sum everywhere, so the same quotient.
    if (divisor != 0) type.divide(data, count, divisor);
    return;
  }
  const size_t step = std::max<size_t>(size_, kScratchBytes / type.itemBytes);
  for (size_t begin = 0; begin < count; begin += step) window(data + begin * type.itemBytes, std::min(step, count - begin), type, reduce, divisor);
}

void Collectives::ring(char* data, size_t count, const Arithmetic& type, Reduce reduce) {
  gloo::AllreduceOptions options(context_);
  constexpr void (*kSetters[])(gloo::AllreduceOptions&, char*, size_t) = {setOutput<uint8_t>, setOutput<uint16_t>, nullptr, setOutput<uint32_t>, nullptr, nullptr, nullptr,
                                                                          setOutput<uint64_t>};
  kSetters[type.itemBytes - 1](options, data, count);
  options.setReduceFunction(reduce == Reduce::kMax ? type.max : type.sum);
  gloo::allreduce(options);
}

// Each rank reduces one part, in the order of ranks, and sends it to all.
void Collectives::window(char* data, size_t count, const Arithmetic& type, Reduce reduce, double divisor) {
  const auto from = [&](int rank) { return count * rank / size_ * type.itemBytes; };
  const auto bytes = [&](int rank) { return from(rank + 1) - from(rank); };
  const size_t mine = bytes(rank_);
  scratch_.resize(std::max(scratch_.size(), mine * size_));
  Parts parts(*context_);
  std::vector<const void*> inputs(size_);
  for (int peer = 0; peer < size_; peer++) {
    inputs[peer] = peer == rank_ ? data + from(rank_) : scratch_.data() + peer * mine;
    if (peer != rank_) parts.receive(peer, scratch_.data() + peer * mine, mine);
  }
  for (int step = 1; step < size_; step++) {
    const int peer = (rank_ + step) % size_;
    parts.send(peer, data + from(peer), bytes(peer));
  }
  parts.wait();
  type.inOrder(data + from(rank_), inputs, mine / type.itemBytes, reduce, divisor);
  for (int peer = 0; peer < size_; peer++) {
    if (peer != rank_) parts.receive(peer, data + from(peer), bytes(peer));
  }
  for (int step = 1; step < size_; step++) parts.send((rank_ + step) % size_, data + from(rank_), mine);
  parts.wait();
}

void Collectives::reduceScatter(const char* input, char* output, size_t count, const Arithmetic& type, Reduce reduce, double divisor) {
  const size_t step = std::max<size_t>(1, kScratchBytes / type.itemBytes / size_);
  scratch_.resize(std::max(scratch_.size(), std::min(step, count) * type.itemBytes * size_));
  Parts parts(*context_);
  std::vector<const void*> inputs(size_);
  for (size_t begin = 0; begin < count; begin += step) {
    const size_t items = std::min(step, count - begin), bytes = items * type.itemBytes;
    const auto part = [&](int rank) { return input + (count * rank + begin) * type.itemBytes; };
    for (int peer = 0; peer < size_; peer++) {
      char* received = scratch_.data() + peer * bytes;
      inputs[peer] = peer == rank_ ? part(rank_) : received;
      if (peer != rank_) parts.receive(peer, received, bytes);
    }
    for (int step = 1; step < size_; step++) {
      const int peer = (rank_ + step) % size_;
      parts.send(peer, part(peer), bytes);
    }
    parts.wait();
    type.inOrder(output + begin * type.itemBytes, inputs, items, reduce, divisor);
  }
}

void Collectives::allGather(const char* input, char* output, size_t bytes) {
  std::memmove(output + bytes * rank_, input, bytes);
  gloo::AllgatherOptions options(context_);
  options.setOutput<uint8_t>(reinterpret_cast<uint8_t*>(output), bytes * size_);
  gloo::allgather(options);
}

void Collectives::broadcast(char* data, size_t bytes, int root) {
  gloo::BroadcastOptions options(context_);
  options.setOutput<uint8_t>(reinterpret_cast<uint8_t*>(data), bytes);
  options.setRoot(root);
  gloo::broadcast(options);
}

}  // namespace accelerate_ts
