// The small messages of a group, each way on each connection: headers of collectives (with the numbers, where they are few), and notices outside of collectives.
#pragma once
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <vector>

#include "wire.h"

namespace gloo {
class Context;
namespace transport {
class UnboundBuffer;
}
}  // namespace gloo

namespace accelerate_ts {

// Payloads up to this size travel with the header.
constexpr size_t kSmallBytes = 16 * 1024;

/**
 * Every rank waits for the next message of every other one at all times (the receive is posted before the message is sent), so a message costs one way, without gloo's question
 * whether the receiver is ready; and a rank cannot be two collectives ahead.
 */
class Lines {
 public:
  Lines(std::shared_ptr<gloo::Context> context, int rank, int size);
  ~Lines();

  // Once, after the connections stand.
  void open();

  // Sends this rank's message to all, waits for theirs. Throws gloo's exceptions.
  void exchange(const Header& header, const void* payload);
  // Of the exchange before; valid until release().
  const Header& header(int rank) const;
  const void* payload(int rank) const;
  std::vector<const Header*> headers() const;
  // Ready for the next exchange.
  void release();
  // Any thread, once the connections are cut: the exchange that waits, throws.
  void interrupt() noexcept;

  // Any thread: the number of the collective whose header has come from this peer and is not released; 0: none.
  uint64_t arrived(int peer) const;
  // Any thread: that header, for reports.
  Header glimpse(int peer) const;

  enum class News { kNone, kNotice, kDead };
  // Watching thread: what the peer has said, or that its connection has ended. After kDead it is not asked again.
  News hear(int peer, Notice& notice);
  // Watching thread: begins to send it to all that are not dead.
  void tell(const Notice& notice);
  // Watching thread: waits until what was told is written. At the deadline gloo ends all connections, so this comes last.
  void flush(std::chrono::steady_clock::time_point deadline);

 private:
  struct Message {
    Header header;
    char payload[kSmallBytes];
  };
  struct Line {
    Message inbox;
    Notice heard;
    std::unique_ptr<gloo::transport::UnboundBuffer> in, out, notices;
    bool dead = false;
    // The receive of the next message could not be posted.
    bool broken = false;
  };
  const std::shared_ptr<gloo::Context> context_;
  const int rank_;
  const int size_;
  Message outbox_;
  std::atomic<bool> interrupted_{false};
  std::mutex opening_;
  std::vector<std::unique_ptr<Line>> lines_;
  struct Telling {
    Notice notice;
    std::vector<std::unique_ptr<gloo::transport::UnboundBuffer>> buffers;
  };
  std::vector<std::unique_ptr<Telling>> tellings_;
};

}  // namespace accelerate_ts
