// Messages over gloo's unbound buffers.
#include "lines.h"

#include <gloo/common/error.h>
#include <gloo/context.h>
#include <gloo/transport/unbound_buffer.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace accelerate_ts {
namespace {

// gloo's own collectives use small numbers in the highest byte.
constexpr uint64_t kHeaderSlot = uint64_t{0xa5} << 56;
constexpr uint64_t kNoticeSlot = kHeaderSlot + 1;

// Memory that gloo's thread writes: only a first look, what follows it waits for the buffer, which orders the rest.
template <class T>
T peek(const T& value) {
  return *const_cast<const volatile T*>(&value);
}

}  // namespace

Lines::Lines(std::shared_ptr<gloo::Context> context, int rank, int size) : context_(std::move(context)), rank_(rank), size_(size), outbox_(), lines_(size) {
  for (int peer = 0; peer < size; peer++) {
    if (peer != rank) lines_[peer] = std::make_unique<Line>();
  }
}

Lines::~Lines() = default;

void Lines::open() {
  const std::lock_guard<std::mutex> lock(opening_);
  for (int peer = 0; peer < size_; peer++) {
    if (peer == rank_) continue;
    Line& line = *lines_[peer];
    line.inbox.header.sequence = 0;
    line.heard.kind = Notice::Kind::kNone;
    line.in = context_->createUnboundBuffer(&line.inbox, sizeof(line.inbox));
    line.out = context_->createUnboundBuffer(&outbox_, sizeof(outbox_));
    line.notices = context_->createUnboundBuffer(&line.heard, sizeof(line.heard));
    line.in->recv(peer, kHeaderSlot);
    line.notices->recv(peer, kNoticeSlot);
  }
}

void Lines::exchange(const Header& header, const void* payload) {
  outbox_.header = header;
  if (header.payloadBytes > 0) std::memcpy(outbox_.payload, payload, header.payloadBytes);
  const size_t bytes = sizeof(Header) + header.payloadBytes;
  // Beginning with the next rank, so that not all write to the same one at once.
  for (int step = 1; step < size_; step++) {
    const int peer = (rank_ + step) % size_;
    lines_[peer]->out->send(peer, kHeaderSlot, 0, bytes);
  }
  for (int peer = 0; peer < size_; peer++) {
    if (peer == rank_) continue;
    if (lines_[peer]->broken) throw gloo::IoException("the connection has ended");
    if (interrupted_ || !lines_[peer]->in->waitRecv()) throw gloo::IoException("interrupted");
  }
  for (int peer = 0; peer < size_; peer++) {
    if (peer != rank_ && (interrupted_ || !lines_[peer]->out->waitSend())) throw gloo::IoException("interrupted");
  }
}

const Header& Lines::header(int rank) const { return rank == rank_ ? outbox_.header : lines_[rank]->inbox.header; }

const void* Lines::payload(int rank) const { return rank == rank_ ? outbox_.payload : lines_[rank]->inbox.payload; }

std::vector<const Header*> Lines::headers() const {
  std::vector<const Header*> all(size_);
  for (int rank = 0; rank < size_; rank++) all[rank] = &header(rank);
  return all;
}

void Lines::release() {
  for (int peer = 0; peer < size_; peer++) {
    if (peer == rank_) continue;
    Line& line = *lines_[peer];
    line.inbox.header.sequence = 0;
    try {
      line.in->recv(peer, kHeaderSlot);
    } catch (const std::exception&) {
      // What is done is done: the peer may go after the last collective. The next one fails.
      line.broken = true;
    }
  }
}

void Lines::interrupt() noexcept {
  const std::lock_guard<std::mutex> lock(opening_);
  interrupted_ = true;
  for (const std::unique_ptr<Line>& line : lines_) {
    if (!line || !line->in) continue;
    line->in->abortWaitRecv();
    line->out->abortWaitSend();
  }
}

uint64_t Lines::arrived(int peer) const { return peek(lines_[peer]->inbox.header.sequence); }

Header Lines::glimpse(int peer) const {
  Header header;
  std::memcpy(&header, &lines_[peer]->inbox.header, sizeof(header));
  return header;
}

Lines::News Lines::hear(int peer, Notice& notice) {
  Line& line = *lines_[peer];
  if (line.dead) return News::kNone;
  try {
    // A wait that is aborted beforehand returns at once, and throws where the connection has ended.
    line.notices->abortWaitRecv();
    line.notices->waitRecv();
    // Whole once both ends of it are there.
    if (peek(line.heard.kind) == Notice::Kind::kNone || peek(line.heard.end) != kNoticeEnd) return News::kNone;
    line.notices->waitRecv();
  } catch (const std::exception&) {
    line.dead = true;
    return News::kDead;
  }
  notice = line.heard;
  line.heard.kind = Notice::Kind::kNone;
  line.heard.end = 0;
  try {
    line.notices->recv(peer, kNoticeSlot);
  } catch (const std::exception&) {
    line.dead = true;
  }
  return News::kNotice;
}

void Lines::tell(const Notice& notice) {
  Telling& telling = *tellings_.emplace_back(std::make_unique<Telling>());
  telling.notice = notice;
  telling.notice.end = kNoticeEnd;
  for (int peer = 0; peer < size_; peer++) {
    if (peer == rank_ || lines_[peer]->dead) continue;
    try {
      auto buffer = context_->createUnboundBuffer(&telling.notice, sizeof(telling.notice));
      buffer->send(peer, kNoticeSlot);
      telling.buffers.push_back(std::move(buffer));
    } catch (const std::exception&) {
      // it cannot be told: it sees the connection end
    }
  }
}

void Lines::flush(std::chrono::steady_clock::time_point deadline) {
  for (const auto& telling : tellings_) {
    for (const auto& buffer : telling->buffers) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
      try {
        buffer->waitSend(std::max(left, std::chrono::milliseconds(1)));
      } catch (const std::exception&) {
        // not in time: as above
      }
    }
  }
  tellings_.clear();
}

}  // namespace accelerate_ts
