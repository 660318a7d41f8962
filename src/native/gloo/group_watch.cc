// The watching thread: who is gone, who is late, and which of the signs of one failure is its cause.
#include <algorithm>

#include "group.h"

namespace accelerate_ts {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kTick{10};
// Of a group that is attended at rest.
constexpr milliseconds kSlowTick{50};
// Between collectives the watcher goes on for a while, so that each need not wake it.
constexpr milliseconds kLinger{500};
// From the first sign of a lost rank to the verdict: time for a better account, a peer's or the launcher's.
constexpr milliseconds kGrace{40};
// An exception of gloo without any sign of a lost rank.
constexpr milliseconds kUnexplained{500};
// A host that answers nothing for so long is cut off.
constexpr milliseconds kSilence{4000};
constexpr milliseconds kSilenceTick{500};
// From a deadline in the middle of a transfer: time for the others to say that they wait too.
constexpr milliseconds kLateness{200};
constexpr milliseconds kFarewell{100};
constexpr milliseconds kDrain{1000};

}  // namespace

void Group::watch() {
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    const auto wanted = [this] {
      if (!connected_ || told_) return false;
      return leaving_ || fault_ || attending_ || phase_ != Phase::kIdle || Clock::now() - idleSince_ < kLinger;
    };
    watcherSleeps_ = true;
    wakeWatcher_.wait(lock, [&] { return quit_ || wanted(); });
    watcherSleeps_ = false;
    if (quit_) return;
    lock.unlock();
    listen();
    lock.lock();
    decide(Clock::now());
    if (quit_) return;
    if (fault_ || leaving_) {
      Notice notice = {};
      if (fault_) {
        notice = noticeOf(*fault_);
      } else {
        notice.kind = Notice::Kind::kLeave;
        notice.sequence = phase_ == Phase::kIdle ? sequence_ : sequence_ - 1;
        copyText(notice.message, sizeof(notice.message), leavingReason_);
      }
      const bool orderly = !fault_;
      // Own calls that are still under way end too.
      if (orderly && phase_ != Phase::kIdle) fault_ = departure();
      lock.unlock();
      lines_.tell(notice);
      lines_.flush(Clock::now() + kFarewell);
      if (orderly) mesh_.drain(Clock::now() + kDrain);
      mesh_.cut();
      interrupt();
      lock.lock();
      told_ = true;
      faulty_.notify_all();
      continue;
    }
    const bool rests = phase_ == Phase::kIdle && Clock::now() - idleSince_ >= kLinger;
    watcherSleeps_ = rests;
    wakeWatcher_.wait_for(lock, rests ? kSlowTick : kTick, [&] { return quit_ || fault_ || leaving_ || (rests && phase_ != Phase::kIdle); });
  }
}

void Group::listen() {
  const Clock::time_point now = Clock::now();
  const bool asksForSilence = now >= nextSilence_;
  if (asksForSilence) nextSilence_ = now + kSilenceTick;
  for (int rank = 0; rank < size_; rank++) {
    if (rank == rank_) continue;
    Notice notice;
    const Lines::News news = lines_.hear(rank, notice);
    if (news == Lines::News::kNone && !asksForSilence) continue;
    const Mesh::Answers answers = asksForSilence ? mesh_.answers(rank) : Mesh::Answers{};
    const std::lock_guard<std::mutex> lock(mutex_);
    Peer& peer = peers_[rank];
    if (asksForSilence && (!answers.owed || answers.bytes != peer.answered)) peer.silentSince.reset();
    if (asksForSilence && answers.owed && !peer.silentSince) peer.silentSince = now;
    if (asksForSilence) peer.answered = answers.bytes;
    const bool silent = peer.silentSince && now - *peer.silentSince >= kSilence;
    if (news == Lines::News::kNotice && notice.kind == Notice::Kind::kFault && !fault_) fault_ = faultOf(notice);
    if (news == Lines::News::kNotice && notice.kind == Notice::Kind::kLeave) {
      peer.left = notice.sequence;
      peer.leftReason = faultOf(notice).message;
    }
    if (news == Lines::News::kNotice && notice.kind == Notice::Kind::kLate) peer.late = true;
    if ((news == Lines::News::kDead || silent) && !peer.left && !peer.dead) {
      peer.dead = true;
      peer.silent = silent;
      if (!lostSince_) lostSince_ = now;
    }
  }
}

std::string Group::where() const { return phase_ == Phase::kIdle ? "" : " while rank " + std::to_string(names_[rank_]) + " was in " + describe(header_); }

// With the mutex held. Sets fault_ once the cause is clear.
void Group::decide(Clock::time_point now) {
  if (fault_) return faulty_.notify_all();
  const bool busy = phase_ != Phase::kIdle;
  if (lostSince_ && now - *lostSince_ >= kGrace) {
    std::vector<int> lost;
    bool silent = true;
    for (int rank = 0; rank < size_; rank++) {
      if (!peers_[rank].dead) continue;
      lost.push_back(names_[rank]);
      silent = silent && peers_[rank].silent;
    }
    const std::string is = lost.size() == 1 ? " is" : " are", does = lost.size() == 1 ? " does" : " do";
    const std::string what = silent ? does + " not answer: the host is cut off or down" : is + " gone: the connection has ended";
    fault_ = Fault{"ERR_PEER_LOST", listed(lost) + what + where(), lost};
  }
  for (int rank = 0; busy && !fault_ && rank < size_; rank++) {
    if (!peers_[rank].left || *peers_[rank].left >= header_.sequence) continue;
    const std::string why = peers_[rank].leftReason.empty() ? "" : " (" + peers_[rank].leftReason + ")";
    fault_ = Fault{"ERR_PEER_LOST",
                   "rank " + std::to_string(names_[rank]) + " has left the group" + why + ": " + describe(header_) + " cannot be finished without it",
                   {names_[rank]}};
  }
  if (busy && !fault_ && now >= deadline_) decideDeadline(now);
  if (!fault_ && !broken_.empty() && now - brokenSince_ >= kUnexplained)
    fault_ = Fault{"ERR_PEER_LOST", "a connection between hosts failed" + where() + " (" + broken_ + ")", {}};
  if (fault_) faulty_.notify_all();
}

void Group::decideDeadline(Clock::time_point now) {
  const std::string after = " within " + std::to_string(timeout_.count()) + " ms";
  std::vector<int> missing;
  if (phase_ == Phase::kHeaders) {
    for (int rank = 0; rank < size_; rank++) {
      if (rank != rank_ && lines_.arrived(rank) == 0) missing.push_back(names_[rank]);
    }
    if (missing.empty()) return;
    const std::string have = missing.size() == 1 ? " has" : " have";
    fault_ = Fault{"ERR_COLLECTIVE_TIMEOUT", describe(header_) + ": " + listed(missing) + have + " not come" + after, missing};
    return;
  }
  if (!saidLate_) {
    saidLate_ = true;
    Notice notice = {};
    notice.kind = Notice::Kind::kLate;
    lines_.tell(notice);
    return;
  }
  if (now < deadline_ + kLateness) return;
  for (int rank = 0; rank < size_; rank++) {
    if (rank != rank_ && !peers_[rank].late) missing.push_back(names_[rank]);
  }
  const std::string who = missing.empty() ? "the network has not carried the numbers" : listed(missing) + (missing.size() == 1 ? " has" : " have") + " not answered";
  fault_ = Fault{"ERR_COLLECTIVE_TIMEOUT", describe(header_) + ": " + who + after, missing};
}

}  // namespace accelerate_ts
