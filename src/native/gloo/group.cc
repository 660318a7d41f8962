// The communication thread: connecting, collectives, leaving.
#include "group.h"

#include <cstring>
#include <exception>
#include <system_error>

namespace accelerate_ts {
namespace {

// The ranks' first exchange has no number; 0 would be none.
constexpr uint64_t kMeeting = ~uint64_t{0};
constexpr std::chrono::milliseconds kLastWords{200};

}  // namespace

Group::Group(int rank, Names names, const std::string& address, std::chrono::milliseconds connectTimeout, Done done)
    : rank_(rank),
      size_(static_cast<int>(names.size())),
      names_(std::move(names)),
      done_(std::move(done)),
      connectTimeout_(connectTimeout),
      mesh_(rank, size_, address, connectTimeout),
      lines_(mesh_.context(), rank, size_),
      collectives_(mesh_.context(), rank, size_),
      peers_(size_) {}

Group::~Group() { halt(); }

void Group::push(std::unique_ptr<Work> work) {
  std::unique_ptr<Work> refused;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    queue_.push_back(std::move(work));
    try {
      if (!quit_ && !communicator_.joinable()) communicator_ = std::thread([this] { communicate(); });
      if (!quit_ && !watcher_.joinable()) watcher_ = std::thread([this] { watch(); });
    } catch (const std::system_error& error) {
      refused = std::move(queue_.back());
      queue_.pop_back();
      refused->fault = Fault{"ERR_NATIVE", std::string("the system starts no more threads: ") + error.what(), {}};
    }
  }
  if (refused) return done_(std::move(refused));
  wakeCommunicator_.notify_one();
}

void Group::communicate() {
  for (;;) {
    {
      std::unique_lock<std::mutex> lock(mutex_);
      wakeCommunicator_.wait(lock, [this] { return quit_ || !queue_.empty(); });
      if (quit_) return;
      current_ = std::move(queue_.front());
      queue_.pop_front();
    }
    current_->run();
    std::unique_ptr<Work> finished;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      // On quit the work stays: it holds references into JS, which only the JS thread may drop.
      if (quit_) return;
      finished = std::move(current_);
    }
    done_(std::move(finished));
  }
}

void Group::connect(std::unique_ptr<Work> work, std::vector<Mesh::Address> theirs, std::string key) {
  Work* of = work.get();
  work->run = [this, of, theirs = std::move(theirs), key = std::move(key)] {
    try {
      mesh_.connect(theirs);
      lines_.open();
      {
        const std::lock_guard<std::mutex> lock(mutex_);
        connected_ = true;
      }
      Call meeting;
      meeting.header.collective = Collective::kMeet;
      copyText(meeting.header.site, sizeof(meeting.header.site), key);
      meeting.timeout = connectTimeout_;
      perform(meeting, *of);
    } catch (const Unreachable& error) {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (!fault_) {
        const int name = names_[error.rank];
        fault_ = Fault{"ERR_PEER_LOST", "rank " + std::to_string(names_[rank_]) + " and rank " + std::to_string(name) + " cannot connect: " + error.what(), {name}};
      }
      of->fault = fault_;
    } catch (const std::exception& error) {
      setFault({"ERR_PEER_LOST", std::string("the connections between ranks failed: ") + error.what(), {}});
      const std::lock_guard<std::mutex> lock(mutex_);
      of->fault = fault_;
    }
  };
  push(std::move(work));
}

void Group::collective(std::unique_ptr<Work> work, Call call) {
  Work* of = work.get();
  work->run = [this, of, call]() mutable { perform(call, *of); };
  push(std::move(work));
}

void Group::leave(std::unique_ptr<Work> work) {
  work->run = [this] {
    depart("it closed the group");
    std::unique_lock<std::mutex> lock(mutex_);
    faulty_.wait(lock, [this] { return told_ || !connected_ || quit_; });
  };
  push(std::move(work));
}

void Group::depart(std::string reason) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (leaving_) return;
  leaving_ = true;
  leavingReason_ = std::move(reason);
  wakeWatcher_.notify_all();
}

Fault Group::departure() const {
  const int name = names_[rank_];
  return Fault{"ERR_PEER_LOST", "rank " + std::to_string(name) + " has left the group (" + leavingReason_ + ")", {name}};
}

void Group::perform(Call& call, Work& work) {
  std::unique_lock<std::mutex> lock(mutex_);
  // The watcher may have said goodbye while this call was in the queue: nobody would find out what broke it.
  if (leaving_ && !fault_) fault_ = departure();
  if (fault_) {
    work.fault = fault_;
    return;
  }
  call.header.sequence = call.header.collective == Collective::kMeet ? kMeeting : ++sequence_;
  header_ = call.header;
  phase_ = Phase::kHeaders;
  began_ = Clock::now();
  timeout_ = call.timeout;
  deadline_ = began_ + call.timeout;
  saidLate_ = false;
  for (Peer& peer : peers_) peer.late = false;
  if (watcherSleeps_) wakeWatcher_.notify_all();
  lock.unlock();
  std::string reason;
  try {
    exchangeAndReduce(call);
  } catch (const Fault& fault) {
    setFault(fault);
    reason = fault.message;
  } catch (const std::exception& error) {
    reason = error.what();
  }
  lock.lock();
  if (!reason.empty()) fail(lock, work, reason);
  phase_ = Phase::kIdle;
  ended_ = idleSince_ = Clock::now();
}

// gloo tells that something broke, the watcher finds out what: several connections may break because of one rank.
void Group::fail(std::unique_lock<std::mutex>& lock, Work& work, const std::string& reason) {
  if (!fault_) {
    broken_ = reason;
    brokenSince_ = Clock::now();
    wakeWatcher_.notify_all();
    faulty_.wait(lock, [this] { return fault_ || quit_; });
  }
  work.fault = fault_;
}

void Group::exchangeAndReduce(const Call& call) {
  Header header = call.header;
  const size_t bytes = call.type == nullptr ? 0 : header.count * call.type->itemBytes;
  const bool small = bytes <= kSmallBytes;
  const bool speaks = header.collective != Collective::kBroadcast || header.root == rank_;
  header.payloadBytes = small && speaks ? bytes : 0;
  lines_.exchange(header, call.input);
  const std::vector<const Header*> headers = lines_.headers();
  for (int rank = 0; rank < size_; rank++) {
    if (header.collective == Collective::kMeet && std::memcmp(headers[rank]->site, header.site, sizeof(header.site)) != 0)
      throw Fault{"ERR_PEER_LOST", "a stranger has connected in the place of rank " + std::to_string(names_[rank]), {names_[rank]}};
    if (!headers[rank]->agrees(header)) throw mismatch(headers, names_);
  }
  if (small) {
    if (bytes > 0) finishSmall(call);
    lines_.release();
    return;
  }
  lines_.release();
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    phase_ = Phase::kNumbers;
  }
  // Alone, every collective is a copy, and a mean is the number itself.
  if (size_ == 1 && call.output != call.input) std::memmove(call.output, call.input, bytes);
  if (size_ == 1) return;
  switch (header.collective) {
    case Collective::kAllReduce:
      return collectives_.allReduce(call.output, header.count, *call.type, header.reduce, header.divisor);
    case Collective::kReduceScatter:
      return collectives_.reduceScatter(call.input, call.output, header.count / size_, *call.type, header.reduce, header.divisor);
    case Collective::kAllGather:
      return collectives_.allGather(call.input, call.output, bytes);
    case Collective::kBroadcast:
      return collectives_.broadcast(call.output, bytes, header.root);
    case Collective::kMeet:
    case Collective::kBarrier:
      return;
  }
}

void Group::finishSmall(const Call& call) {
  const Header& header = call.header;
  const size_t bytes = header.count * call.type->itemBytes;
  if (header.collective == Collective::kBroadcast) {
    std::memcpy(call.output, lines_.payload(header.root), bytes);
    return;
  }
  if (header.collective == Collective::kAllGather) {
    for (int rank = 0; rank < size_; rank++) std::memcpy(call.output + rank * bytes, lines_.payload(rank), bytes);
    return;
  }
  const bool scatters = header.collective == Collective::kReduceScatter;
  const size_t count = scatters ? header.count / size_ : header.count;
  const size_t offset = scatters ? rank_ * count * call.type->itemBytes : 0;
  std::vector<const void*> parts(size_);
  for (int rank = 0; rank < size_; rank++) parts[rank] = static_cast<const char*>(lines_.payload(rank)) + offset;
  call.type->inOrder(call.output, parts, count, header.reduce, header.divisor);
}

void Group::setFault(Fault fault) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!fault_) fault_ = std::move(fault);
  wakeWatcher_.notify_all();
  faulty_.notify_all();
}

void Group::interrupt() noexcept {
  lines_.interrupt();
  collectives_.interrupt();
}

void Group::abort(Fault fault) {
  setFault(std::move(fault));
  bool connecting;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    connecting = !connected_;
  }
  if (connecting) mesh_.giveUp();
}

GroupStatus Group::status() {
  const std::lock_guard<std::mutex> lock(mutex_);
  GroupStatus status = {};
  status.own = header_;
  status.busy = phase_ != Phase::kIdle;
  status.forMs = std::chrono::duration<double, std::milli>(Clock::now() - (status.busy ? began_ : ended_)).count();
  for (int rank = 0; rank < size_; rank++) {
    const bool known = rank != rank_ && connected_ && !told_ && lines_.arrived(rank) != 0;
    status.peers.push_back(rank == rank_ ? header_ : known ? lines_.glimpse(rank) : Header{});
    status.gone.push_back(peers_[rank].dead || peers_[rank].left.has_value());
    if (status.busy && phase_ == Phase::kHeaders && rank != rank_ && !known) status.missing.push_back(rank);
  }
  return status;
}

std::optional<Fault> Group::fault() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return fault_;
}

void Group::attend(bool on) {
  const std::lock_guard<std::mutex> lock(mutex_);
  attending_ = on;
  if (on && watcherSleeps_) wakeWatcher_.notify_all();
}

void Group::halt() {
  bool connecting;
  {
    std::unique_lock<std::mutex> lock(mutex_);
    connecting = !connected_;
    // What the others have not heard yet.
    if ((fault_ || leaving_) && connected_ && watcher_.joinable()) faulty_.wait_for(lock, kLastWords, [this] { return told_ || quit_; });
    quit_ = true;
  }
  wakeCommunicator_.notify_all();
  wakeWatcher_.notify_all();
  faulty_.notify_all();
  mesh_.cut();
  if (connecting) mesh_.giveUp();
  interrupt();
  const std::lock_guard<std::mutex> lock(joining_);
  if (communicator_.joinable()) communicator_.join();
  if (watcher_.joinable()) watcher_.join();
}

}  // namespace accelerate_ts
