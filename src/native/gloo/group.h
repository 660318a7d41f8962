// A group of ranks over gloo: a thread that communicates, one that watches over it, and the one fault that ends them.
#pragma once
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "arithmetic.h"
#include "collectives.h"
#include "lines.h"
#include "mesh.h"
#include "wire.h"

namespace accelerate_ts {

using Clock = std::chrono::steady_clock;

// One collective call: how it is checked, and where its numbers lie.
struct Call {
  Header header = {};
  const Arithmetic* type = nullptr;
  char* input = nullptr;
  char* output = nullptr;
  std::chrono::milliseconds timeout{0};
};

// What the communication thread does for JS. The owner settles it on the JS thread.
struct Work {
  virtual ~Work() = default;
  std::function<void()> run;
  std::optional<Fault> fault;
};

struct GroupStatus {
  // Of the last collective that began here.
  Header own;
  bool busy;
  double forMs;
  // Per rank; the header of the collective that a peer waits in, if it has come.
  std::vector<Header> peers;
  std::vector<bool> gone;
  // While busy: the ranks of the group whose header has not come.
  std::vector<int> missing;
};

class Group {
 public:
  using Done = std::function<void(std::unique_ptr<Work>)>;
  // names: the job's ranks. Throws where the address cannot be listened at.
  Group(int rank, Names names, const std::string& address, std::chrono::milliseconds connectTimeout, Done done);
  ~Group();

  const std::vector<Mesh::Address>& addresses() const { return mesh_.addresses(); }

  // JS thread: carried out in this order, each reported to `done` on another thread.
  void connect(std::unique_ptr<Work> work, std::vector<Mesh::Address> theirs, std::string key);
  void collective(std::unique_ptr<Work> work, Call call);
  // Done when the others know, as far as they can be told.
  void leave(std::unique_ptr<Work> work);
  // Any thread: the same without waiting; reason: for the others' messages.
  void depart(std::string reason);

  // Any thread: the first fault counts.
  void abort(Fault fault);
  GroupStatus status();
  std::optional<Fault> fault();
  // While this is on, faults are noticed also between collectives.
  void attend(bool on);
  // JS thread: interrupts everything and joins the threads. What was not carried out is dropped.
  void halt();

 private:
  enum class Phase { kIdle, kHeaders, kNumbers };
  struct Peer {
    bool dead = false;
    bool silent = false;
    // Since when it owes an answer, and what it had answered to by then.
    std::optional<Clock::time_point> silentSince;
    uint64_t answered = 0;
    // The number of the last collective that it has finished, once it has said that it goes.
    std::optional<uint64_t> left;
    std::string leftReason;
    bool late = false;
  };

  void push(std::unique_ptr<Work> work);
  void communicate();
  // With the mutex held: why calls end that are under way when this rank leaves.
  Fault departure() const;
  void perform(Call& call, Work& work);
  void exchangeAndReduce(const Call& call);
  void finishSmall(const Call& call);
  void fail(std::unique_lock<std::mutex>& lock, Work& work, const std::string& reason);
  void setFault(Fault fault);
  // What gloo does not wake itself.
  void interrupt() noexcept;

  void watch();
  void listen();
  void decide(Clock::time_point now);
  void decideDeadline(Clock::time_point now);
  std::string where() const;

  const int rank_;
  const int size_;
  const Names names_;
  const Done done_;
  const std::chrono::milliseconds connectTimeout_;
  Mesh mesh_;
  Lines lines_;
  Collectives collectives_;

  std::mutex mutex_;
  std::condition_variable wakeCommunicator_, wakeWatcher_, faulty_;
  std::deque<std::unique_ptr<Work>> queue_;
  std::unique_ptr<Work> current_;
  bool quit_ = false;

  bool connected_ = false;
  bool leaving_ = false;
  std::string leavingReason_;
  bool attending_ = false;
  // The others know, and the connections are cut.
  bool told_ = false;
  std::optional<Fault> fault_;
  // Why gloo threw, while the cause is looked for.
  std::string broken_;
  Clock::time_point brokenSince_;
  std::vector<Peer> peers_;
  std::optional<Clock::time_point> lostSince_;
  bool watcherSleeps_ = false;
  Clock::time_point idleSince_;
  Clock::time_point nextSilence_;

  Header header_ = {};
  Phase phase_ = Phase::kIdle;
  Clock::time_point began_, ended_, deadline_;
  std::chrono::milliseconds timeout_{0};
  bool saidLate_ = false;
  uint64_t sequence_ = 0;

  std::thread communicator_, watcher_;
  std::mutex joining_;
};

}  // namespace accelerate_ts
