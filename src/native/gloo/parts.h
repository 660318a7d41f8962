// Pieces of arrays under way to and from the peers, and waits for them that can be ended.
#pragma once
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

namespace gloo {
class Context;
namespace transport {
class UnboundBuffer;
}
}  // namespace gloo

namespace accelerate_ts {

class Parts {
 public:
  // slot: pieces of one slot arrive in the order in which they were sent.
  Parts(std::shared_ptr<gloo::Context> context, int slot);
  ~Parts();

  void receive(int from, void* data, size_t bytes);
  void send(int to, const void* data, size_t bytes);
  // What was begun since the last mark belongs together.
  void mark();
  // Waits for the oldest such batch. Throws gloo's exceptions, or that it was interrupted.
  void wait();
  void waitAll();

  // Any thread, once.
  void interrupt() noexcept;

 private:
  struct Piece {
    std::unique_ptr<gloo::transport::UnboundBuffer> buffer;
    bool incoming;
  };
  gloo::transport::UnboundBuffer& add(void* data, size_t bytes, bool incoming);

  const std::shared_ptr<gloo::Context> context_;
  const int slot_;
  // Of the batches and interrupted_.
  std::mutex mutex_;
  std::deque<std::vector<Piece>> batches_;
  bool interrupted_ = false;
};

}  // namespace accelerate_ts
