// The connections of a group: one TCP connection per pair of ranks, made and owned by gloo, with a second handle on each socket for what gloo cannot do.
#pragma once
#include <sys/socket.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

namespace gloo {
class Context;
}

namespace accelerate_ts {

// A peer that cannot be connected.
struct Unreachable : std::runtime_error {
  Unreachable(int rank, const std::string& reason) : std::runtime_error(reason), rank(rank) {}
  const int rank;
};

class Mesh {
 public:
  using Address = std::vector<char>;

  // Listens at `address` of this host, on a port per peer. Throws where that is not possible.
  Mesh(int rank, int size, const std::string& address, std::chrono::milliseconds connectTimeout);
  ~Mesh();

  // Where each peer reaches this rank, as bytes to be handed to it; nothing for this rank itself.
  const std::vector<Address>& addresses() const { return mine_; }
  // theirs: what each peer's addresses() holds for this rank. Throws Unreachable.
  void connect(const std::vector<Address>& theirs);
  // Any thread: a connect() that waits, throws.
  void giveUp() noexcept;

  const std::shared_ptr<gloo::Context>& context() const { return context_; }

  // Any thread: ends all connections; what waits in gloo for any of them, throws. What was written is still delivered.
  void cut() noexcept;
  // Tells the peers that nothing more comes, and waits until their systems have all that was written, or the deadline.
  void drain(std::chrono::steady_clock::time_point deadline) noexcept;
  // What the peer's system has answered to so far, and whether an answer is owed. A stopped process owes none: its system answers.
  struct Answers {
    bool owed = false;
    uint64_t bytes = 0;
  };
  Answers answers(int peer) const noexcept;

 private:
  void adoptSockets(const std::vector<Address>& theirs);

  const int rank_;
  const int size_;
  std::shared_ptr<gloo::Context> context_;
  std::vector<Address> mine_;
  mutable std::mutex mutex_;
  std::vector<int> sockets_;
};

}  // namespace accelerate_ts
