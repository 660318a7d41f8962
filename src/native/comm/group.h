// One rank's hold of a shared-memory group: stages, waits, faults, and what is known of the peers.
#pragma once
#if defined(__linux__)
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "memory_file.h"
#include "page.h"

namespace accelerate_ts::comm {

constexpr int64_t kMillisecond = 1000000;

int64_t monotonic();

struct Fault {
  std::string code;
  std::string message;
  std::vector<int> ranks;  // of the whole job
};

/// A copy of what a rank shows of itself, whole.
struct Glimpse {
  RankState state = RankState::absent;
  bool waiting = false;
  int64_t since = 0;
  Call call;  // sequence 0: nothing yet
  std::string reason;
};

class Group {
 public:
  /// Rank 0; `names` are the numbers of the ranks in messages.
  static std::shared_ptr<Group> create(std::vector<int> names, size_t window, std::string& error);
  static std::shared_ptr<Group> attach(const FileName& file, const std::string& nonce, int rank, std::vector<int> names, std::string& error);
  // JS thread, as the making.
  ~Group();

  int rank() const { return rank_; }
  int size() const { return size_; }
  size_t window() const { return window_; }
  const FileName& file() const { return shared_.name; }
  std::string nonce() const;
  /// Rank 0, once all have opened it: from now on nobody else can.
  void closeFile() { shared_.descriptor.reset(); }
  int nameOf(int rank) const { return names_[static_cast<size_t>(rank)]; }
  Slot& slot(int rank) const { return page_->slots[rank]; }
  /// The material of `rank` for a stage.
  char* material(int rank, uint32_t stage) const { return windows_ + (static_cast<size_t>(rank) * 2 + (stage & 1)) * window_; }

  // The comm thread, one collective after the other: enter, write material of first stage, then { post, await, read and write }..., leave.

  /// Shows the call to all. False: the group has ended (fault()) or is closed.
  bool enter(const Call& call, int64_t timeoutNs, const std::atomic<bool>& interrupted);
  uint32_t next() const { return stage_ + 1; }
  /// This rank's material of stage next() is written, and its reading of the one before is done.
  void post();
  /// Until all ranks have posted the stage that this one has posted last. False: it will not happen.
  bool await();
  /// After the first stage: all have made the same call. False: they have not, and the group has ended.
  bool agreed();
  void leave();

  // Any thread.

  /// Raises the fault of a rank that is gone without a good-bye, between calls too.
  void attend();
  /// The first fault of any rank counts; wakes all who wait.
  void raise(const Fault& fault);
  /// Empty code: none.
  Fault fault() const;
  bool faulted() const { return page_->fault.load(std::memory_order_acquire) != static_cast<uint32_t>(FaultState::none); }
  Glimpse look(int rank) const;
  /// It has not reached the stage that this rank has posted.
  bool behind(int rank) const { return !reached(rank, slot(rank_).stage.load(std::memory_order_relaxed)); }
  /// This rank will make no more calls. Once; `reason` completes "(...)".
  void depart(RankState state, const std::string& reason);
  bool departed() const { return departed_.load(std::memory_order_relaxed); }
  void wakeAll() const;
  /// Whether the process of a rank that has come is gone.
  bool dead(int rank);
  /// Join is done: the peers' processes are known, and whether there is a core for each rank.
  void settleIn();

  // messages.cc
  std::string describe(const Call& call) const;
  Fault mismatch() const;

 private:
  Group(std::vector<int> names, int rank) : names_(std::move(names)), rank_(rank), size_(static_cast<int>(names_.size())) {}
  void lay(char* memory);
  bool introduce(std::string& error);
  /// Why the wait for `stage` cannot end well; empty: it still can.
  Fault trouble(uint32_t stage);
  bool reached(int rank, uint32_t stage) const { return static_cast<int32_t>(slot(rank).stage.load(std::memory_order_acquire) - stage) >= 0; }
  bool allReached(uint32_t stage) const;
  bool sleepOn(int rank, uint32_t stage) const;
  std::vector<int> waiters() const;
  std::string lastSeen(int rank) const;
  std::string list(const std::vector<int>& ranks) const;
  Fault lost(int rank, const std::string& what, const std::string& why) const;
  Fault timedOut(uint32_t stage) const;

  const std::vector<int> names_;
  const int rank_;
  const int size_;
  size_t window_ = 0;
  SharedFile shared_;
  Page* page_ = nullptr;
  char* windows_ = nullptr;
  uint32_t stage_ = 0;
  uint32_t first_ = 0;  // stage of the call
  Call call_;
  int64_t timeout_ = 0;
  const std::atomic<bool>* interrupted_ = nullptr;
  int64_t spin_ = 0;
  std::vector<Descriptor> processes_;  // pidfds
  std::mutex looking_;  // guards them
  bool alive_ = false;  // holds its slot's `life`
  std::atomic<bool> departed_{true};  // until introduce(): nothing may be written before the memory is known to be this group's
};

}  // namespace accelerate_ts::comm
#endif
