// Operations with numbers of the host: through memory of the device, and memory of the host that the device reads and writes by itself.
#include "communicator.h"

#if defined(__linux__)
#include <cstring>

namespace accelerate_ts::nccl {
namespace {

using std::chrono::milliseconds;

// Larger ones are given back after the call.
constexpr size_t kKeptBytes = size_t{64} << 20;

constexpr size_t kLine = 256;
size_t lined(size_t bytes) { return (bytes + kLine - 1) / kLine * kLine; }

}  // namespace

bool Communicator::room(size_t bytes) {
  if (bytes <= staged_) return true;
  freeRoom();
  void* device = nullptr;
  void* host = nullptr;
  if (!check(api_.cudaMalloc(&device, bytes), "cudaMalloc")) return false;
  staging_ = static_cast<char*>(device);
  if (!check(api_.cudaHostAlloc(&host, bytes, kPortable), "cudaHostAlloc")) return false;
  pinned_ = static_cast<char*>(host);
  staged_ = bytes;
  return true;
}

void Communicator::freeRoom() {
  if (staging_ != nullptr) api_.cudaFree(staging_);
  if (pinned_ != nullptr) api_.cudaFreeHost(pinned_);
  staging_ = pinned_ = nullptr;
  staged_ = 0;
}

bool Communicator::carryOut(Operation op, milliseconds timeout, const std::atomic<bool>& interrupted) {
  if (stopped() || !select()) return false;
  if (op.count == 0) return true;
  const size_t in = op.count * bytesOf(op.dtype), size = static_cast<size_t>(size_);
  const size_t out = op.kind == Kind::reduceScatter ? in / size : op.kind == Kind::allGather ? in * size : in;
  const bool inPlace = op.kind == Kind::allReduce || op.kind == Kind::broadcast;
  const size_t place = inPlace ? 0 : lined(in);
  if (!room(place + out)) return false;
  const bool sends = op.kind != Kind::receive && !(op.kind == Kind::broadcast && op.peer != rank_), receives = op.kind != Kind::send;
  if (sends) std::memcpy(pinned_, op.input, in);
  if (sends && !check(api_.cudaMemcpyAsync(staging_, pinned_, in, cudaMemcpyHostToDevice, stream_), "cudaMemcpyAsync")) return false;
  void* const result = op.output;
  op.input = staging_;
  op.output = staging_ + place;
  if (!issue({op}, interrupted)) return false;
  if (receives && !check(api_.cudaMemcpyAsync(pinned_ + place, staging_ + place, out, cudaMemcpyDeviceToHost, stream_), "cudaMemcpyAsync")) return false;
  const cudaEvent_t done = marked(stream_);
  if (done == nullptr) return false;
  uint64_t ticket;
  {
    const std::lock_guard<std::mutex> lock(state_);
    ticket = ++tickets_;
    pending_.push_back({ticket, nullptr, done});
  }
  if (!await(ticket, timeout, interrupted)) return false;
  if (receives) std::memcpy(result, pinned_ + place, out);
  if (staged_ > kKeptBytes) freeRoom();
  return true;
}

}  // namespace accelerate_ts::nccl
#endif
