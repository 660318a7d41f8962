// Stages are counters that others wait for: first spinning, then asleep on a futex, and never without looking whether the wait can still end.
#include "group.h"

#if defined(__linux__)
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>

#include "shared_text.h"

namespace accelerate_ts::comm {
namespace {

constexpr int crowdedYields = 2;
// Between two looks at the processes of the peers: a death is seen within 100 ms.
constexpr long napNs = 20 * kMillisecond;
// A process that was stopped, or a machine that slept, has not waited meanwhile: more than this between two looks does not count.
constexpr int64_t mostBetweenLooks = 1000 * kMillisecond;

void pauseCpu() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

long futex(std::atomic<uint32_t>& word, int operation, uint32_t value, const timespec* timeout) {
  return syscall(SYS_futex, reinterpret_cast<uint32_t*>(&word), operation, value, timeout, nullptr, 0);
}

}  // namespace

int64_t monotonic() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1000000000 + now.tv_nsec;
}

bool Group::enter(const Call& call, int64_t timeoutNs, const std::atomic<bool>& interrupted) {
  call_ = call;
  timeout_ = timeoutNs;
  interrupted_ = &interrupted;
  first_ = stage_ + 1;
  if (departed() || faulted()) return false;
  Slot& own = slot(rank_);
  own.version.fetch_add(1, std::memory_order_acq_rel);
  std::memcpy(&own.calls[first_ & 1], &call_, sizeof call_);
  own.newest.store(first_ & 1, std::memory_order_relaxed);
  own.since.store(monotonic(), std::memory_order_relaxed);
  own.waiting.store(1, std::memory_order_relaxed);
  own.version.fetch_add(1, std::memory_order_release);
  return true;
}

void Group::leave() {
  Slot& own = slot(rank_);
  own.version.fetch_add(1, std::memory_order_acq_rel);
  own.since.store(monotonic(), std::memory_order_relaxed);
  own.waiting.store(0, std::memory_order_relaxed);
  own.version.fetch_add(1, std::memory_order_release);
}

void Group::post() {
  Slot& own = slot(rank_);
  // Sequentially consistent with sleepOn: either the sleeper sees the stage, or it is seen here.
  own.stage.store(++stage_, std::memory_order_seq_cst);
  if (own.sleepers.load(std::memory_order_seq_cst) != 0) futex(own.stage, FUTEX_WAKE, INT_MAX, nullptr);
}

bool Group::allReached(uint32_t stage) const {
  for (int r = 0; r < size_; r++)
    if (!reached(r, stage)) return false;
  return true;
}

bool Group::sleepOn(int rank, uint32_t stage) const {
  Slot& peer = slot(rank);
  peer.sleepers.fetch_add(1, std::memory_order_seq_cst);
  const uint32_t seen = peer.stage.load(std::memory_order_seq_cst);
  long slept = 0;
  if (static_cast<int32_t>(seen - stage) < 0) {
    const timespec nap = {0, napNs};
    slept = futex(peer.stage, FUTEX_WAIT, seen, &nap);
  }
  const bool timedOut = slept != 0 && errno == ETIMEDOUT;
  peer.sleepers.fetch_sub(1, std::memory_order_seq_cst);
  return timedOut;
}

bool Group::await() {
  const uint32_t stage = stage_;
  if (allReached(stage)) return !faulted();
  const int64_t began = monotonic();
  if (spin_ > 0) {
    for (int round = 1; !allReached(stage); round++) {
      if (faulted()) return false;
      pauseCpu();
      if (round % 32 == 0 && monotonic() - began > spin_) break;
    }
  } else {
    for (int i = 0; i < crowdedYields && !allReached(stage); i++) sched_yield();
  }
  int64_t looked = 0, waited = 0, last = began;
  for (;;) {
    int missing = 0;
    while (missing < size_ && reached(missing, stage)) missing++;
    if (missing == size_) return !faulted();
    if (faulted() || departed() || interrupted_->load(std::memory_order_relaxed)) return false;
    const bool quiet = sleepOn(missing, stage);
    // A rank that posts often wakes often; the processes are looked at in their own time.
    const int64_t now = monotonic();
    waited += std::min(now - last, mostBetweenLooks);
    last = now;
    if (!quiet && now - looked < napNs && slot(missing).state.load(std::memory_order_acquire) == static_cast<uint32_t>(RankState::here)) continue;
    looked = now;
    Fault fault = trouble(stage);
    if (fault.code.empty() && waited >= timeout_ && !allReached(stage)) fault = timedOut(stage);
    if (fault.code.empty()) continue;
    // Ranks that differ are the reason why the missing one left or failed, if they do.
    const Fault differing = stage == first_ ? mismatch() : Fault{};
    raise(differing.code.empty() ? fault : differing);
    return false;
  }
}

Fault Group::trouble(uint32_t stage) {
  for (int r = 0; r < size_; r++) {
    if (r == rank_) continue;
    // The state first: a rank that has left or failed had posted its last stage before. What it has brought to this stage counts, even if it was gone before this rank came to look:
    // workers that are stopped after the same step end at their own pace.
    const auto state = static_cast<RankState>(slot(r).state.load(std::memory_order_acquire));
    if (state == RankState::failed) {
      if (!reached(r, stage)) return lost(r, "was lost", boundedText(slot(r).reason, kReasonChars));
    } else if (state == RankState::left) {
      if (!reached(r, stage)) return lost(r, "has left the group", boundedText(slot(r).reason, kReasonChars));
    } else if (dead(r) && !reached(r, stage)) {
      // Between the first look and its death it may have said good-bye.
      const auto last = static_cast<RankState>(slot(r).state.load(std::memory_order_acquire));
      if (last == RankState::left || last == RankState::failed) return trouble(stage);
      return lost(r, "was lost", "its process " + std::to_string(slot(r).pid.load(std::memory_order_relaxed)) + " has ended");
    }
  }
  return {};
}

void Group::attend() {
  for (int r = 0; r < size_ && !faulted() && !departed(); r++) {
    if (r == rank_) continue;
    const auto stateOf = [&] { return static_cast<RankState>(slot(r).state.load(std::memory_order_acquire)); };
    const std::string name = "rank " + std::to_string(nameOf(r));
    if (stateOf() == RankState::failed) raise({"ERR_PEER_LOST", name + " was lost (" + boundedText(slot(r).reason, kReasonChars) + ")", {nameOf(r)}});
    else if (stateOf() == RankState::here && dead(r) && stateOf() == RankState::here)
      raise({"ERR_PEER_LOST", name + " was lost (its process " + std::to_string(slot(r).pid.load(std::memory_order_relaxed)) + " has ended)", {nameOf(r)}});
  }
}

bool Group::agreed() {
  const Fault fault = mismatch();
  if (fault.code.empty()) return true;
  raise(fault);
  return false;
}

void Group::raise(const Fault& fault) {
  uint32_t none = static_cast<uint32_t>(FaultState::none);
  if (page_->fault.compare_exchange_strong(none, static_cast<uint32_t>(FaultState::written), std::memory_order_acq_rel)) {
    copyText(page_->faultCode, kCodeChars, fault.code);
    copyText(page_->faultMessage, kMessageChars, fault.message);
    page_->faultRanks = static_cast<uint32_t>(std::min(fault.ranks.size(), kMaxRanks));
    for (uint32_t i = 0; i < page_->faultRanks; i++) page_->faultRank[i] = static_cast<uint16_t>(fault.ranks[i]);
    page_->fault.store(static_cast<uint32_t>(FaultState::set), std::memory_order_release);
  }
  wakeAll();
}

Fault Group::fault() const {
  uint32_t state = page_->fault.load(std::memory_order_acquire);
  // Another rank is writing it: a matter of microseconds, unless it dies doing so.
  for (const int64_t end = monotonic() + 100 * kMillisecond; state == static_cast<uint32_t>(FaultState::written) && monotonic() < end;) {
    sched_yield();
    state = page_->fault.load(std::memory_order_acquire);
  }
  if (state == static_cast<uint32_t>(FaultState::none)) return {};
  if (state != static_cast<uint32_t>(FaultState::set)) return {"ERR_PEER_LOST", "a rank died while it reported a failure of the group", {}};
  Fault fault = {boundedText(page_->faultCode, kCodeChars), boundedText(page_->faultMessage, kMessageChars), {}};
  for (uint32_t i = 0; i < page_->faultRanks && i < kMaxRanks; i++) fault.ranks.push_back(page_->faultRank[i]);
  return fault;
}

void Group::wakeAll() const {
  for (int r = 0; r < size_; r++) futex(slot(r).stage, FUTEX_WAKE, INT_MAX, nullptr);
}

}  // namespace accelerate_ts::comm
#endif
