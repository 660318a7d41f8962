// Pieces over gloo's unbound buffers.
#include "parts.h"

#include <gloo/common/error.h>
#include <gloo/context.h>
#include <gloo/transport/unbound_buffer.h>

namespace accelerate_ts {
namespace {

// gloo's own collectives use small numbers in the highest byte.
constexpr uint64_t kSlots = uint64_t{0xa5} << 56;

}  // namespace

Parts::Parts(std::shared_ptr<gloo::Context> context, int slot) : context_(std::move(context)), slot_(slot), batches_(1) {}

Parts::~Parts() = default;

gloo::transport::UnboundBuffer& Parts::add(void* data, size_t bytes, bool incoming) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (interrupted_) throw gloo::IoException("interrupted");
  batches_.back().push_back({context_->createUnboundBuffer(data, bytes), incoming});
  return *batches_.back().back().buffer;
}

void Parts::receive(int from, void* data, size_t bytes) {
  if (bytes > 0) add(data, bytes, true).recv(from, kSlots + slot_);
}

void Parts::send(int to, const void* data, size_t bytes) {
  // gloo only reads it.
  if (bytes > 0) add(const_cast<void*>(data), bytes, false).send(to, kSlots + slot_);
}

void Parts::mark() {
  const std::lock_guard<std::mutex> lock(mutex_);
  batches_.emplace_back();
}

void Parts::wait() {
  // Only this thread adds and removes; the other one only interrupts.
  for (const Piece& piece : batches_.front()) {
    const bool done = piece.incoming ? piece.buffer->waitRecv() : piece.buffer->waitSend();
    if (!done) throw gloo::IoException("interrupted");
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  batches_.pop_front();
  if (batches_.empty()) batches_.emplace_back();
}

void Parts::waitAll() {
  for (size_t left = batches_.size(); left > 0; left--) wait();
}

void Parts::interrupt() noexcept {
  const std::lock_guard<std::mutex> lock(mutex_);
  interrupted_ = true;
  for (const std::vector<Piece>& batch : batches_) {
    for (const Piece& piece : batch) {
      if (piece.incoming) {
        piece.buffer->abortWaitRecv();
      } else {
        piece.buffer->abortWaitSend();
      }
    }
  }
}

}  // namespace accelerate_ts
