// Calls are made without blocking: every wait looks at the clock, at NCCL's own errors and at whether somebody has ended the group.
#include "communicator.h"

#if defined(__linux__)

namespace accelerate_ts::nccl {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

// Below it a wait costs a core less than what waking up would take.
constexpr microseconds kSpin{50};
constexpr microseconds kShortNap{50}, kLongNap{500};
constexpr milliseconds kLongAfter{5};
// NCCL is asked for errors that often while the device works.
constexpr microseconds kBetweenChecks{1000};
// Calls do not block; one that does all the same is not waited for when the communicator is aborted.
constexpr milliseconds kCallEnds{1000};

bool ok(ncclResult_t result) { return result == ncclSuccess || result == ncclInProgress; }

}  // namespace

size_t bytesOf(ncclDataType_t dtype) {
  switch (dtype) {
    case ncclInt8:
    case ncclUint8:
      return 1;
    case ncclFloat16:
    case ncclBfloat16:
      return 2;
    case ncclInt32:
    case ncclUint32:
    case ncclFloat32:
      return 4;
    default:
      return 8;
  }
}

void Communicator::stop(Failure failure) {
  {
    const std::lock_guard<std::mutex> lock(state_);
    if (failure_.code.empty()) failure_ = std::move(failure);
    stopped_.store(true, std::memory_order_release);
  }
  wake_.notify_all();
}

Failure Communicator::failure() const {
  const std::lock_guard<std::mutex> lock(state_);
  return failure_;
}

void Communicator::nap(microseconds time) {
  std::unique_lock<std::mutex> lock(state_);
  if (!stopped()) wake_.wait_for(lock, time);
}

bool Communicator::check(ncclResult_t result, const char* what) {
  if (ok(result)) return true;
  std::string message = std::string(what) + ": " + api_.ncclGetErrorString(result) + " (" + std::to_string(result) + ")";
  const char* last = comm_ == nullptr ? nullptr : api_.ncclGetLastError(comm_);
  if (last != nullptr && last[0] != 0) message += std::string(": ") + last;
  stop({result == ncclRemoteError ? "ERR_PEER_LOST" : "ERR_NCCL", std::move(message)});
  return false;
}

bool Communicator::check(cudaError_t result, const char* what) {
  if (result == cudaSuccess) return true;
  // Else the next call of somebody else on this thread would report it once more.
  api_.cudaGetLastError();
  stop({"ERR_NCCL", std::string(what) + ": " + api_.cudaGetErrorString(result) + " (CUDA error " + std::to_string(result) + ")"});
  return false;
}

ncclResult_t Communicator::asyncError() {
  const std::lock_guard<std::timed_mutex> lock(calling_);
  ncclResult_t error = ncclSuccess;
  if (comm_ == nullptr) return error;
  const ncclResult_t asked = api_.ncclCommGetAsyncError(comm_, &error);
  return ok(asked) ? error : asked;
}

bool Communicator::settle(const char* what, Clock::time_point deadline, const std::atomic<bool>& interrupted) {
  for (;;) {
    if (stopped() || interrupted.load(std::memory_order_relaxed)) return false;
    const ncclResult_t state = asyncError();
    if (state == ncclSuccess) return true;
    if (!check(state, what)) return false;
    if (Clock::now() >= deadline) {
      stop({"ERR_COLLECTIVE_TIMEOUT", std::string(what) + " has not ended in time"});
      return false;
    }
    nap(kLongNap);
  }
}

bool Communicator::open(const ncclUniqueId& id, milliseconds timeout, const std::atomic<bool>& interrupted) {
  if (stopped() || !select() || !check(api_.cudaStreamCreateWithFlags(&stream_, kStreamNonBlocking), "cudaStreamCreateWithFlags")) return false;
  ncclConfig_t config = kNonBlocking;
  ncclResult_t made;
  {
    const std::lock_guard<std::timed_mutex> lock(calling_);
    made = api_.ncclCommInitRankConfig(&comm_, size_, id, rank_, &config);
  }
  if (!check(made, "ncclCommInitRankConfig") || !settle("ncclCommInitRankConfig", Clock::now() + timeout, interrupted)) return false;
  opened_ = true;
  return true;
}

cudaEvent_t Communicator::takeEvent() {
  {
    const std::lock_guard<std::mutex> lock(state_);
    if (!events_.empty()) {
      const cudaEvent_t event = events_.back();
      events_.pop_back();
      return event;
    }
  }
  cudaEvent_t event = nullptr;
  return check(api_.cudaEventCreateWithFlags(&event, kEventDisableTiming), "cudaEventCreateWithFlags") ? event : nullptr;
}

void Communicator::giveEvent(cudaEvent_t event) {
  const std::lock_guard<std::mutex> lock(state_);
  events_.push_back(event);
}

cudaEvent_t Communicator::marked(cudaStream_t stream) {
  const cudaEvent_t event = takeEvent();
  if (event == nullptr || check(api_.cudaEventRecord(event, stream), "cudaEventRecord")) return event;
  giveEvent(event);
  return nullptr;
}

bool Communicator::follow(cudaStream_t first, cudaStream_t second) {
  const cudaEvent_t moment = marked(first);
  if (moment == nullptr) return false;
  const bool behind = check(api_.cudaStreamWaitEvent(second, moment, 0), "cudaStreamWaitEvent");
  // A stream that waits for an event keeps what it needs of it: it can be recorded anew at once.
  giveEvent(moment);
  return behind;
}

Stage Communicator::stage() {
  const std::lock_guard<std::mutex> lock(state_);
  if (pending_.empty()) return issuing_ ? Stage::calling : Stage::none;
  if (pending_.front().come == nullptr || api_.cudaEventQuery(pending_.front().come) != cudaErrorNotReady) return Stage::come;
  // Not an error that somebody else should hear of.
  api_.cudaGetLastError();
  return Stage::behind;
}

bool Communicator::join(cudaStream_t compute) { return !stopped() && select() && follow(stream_, compute); }

bool Communicator::enqueue(const std::vector<Operation>& operations, const Order& order, const std::atomic<bool>& interrupted, uint64_t& ticket) {
  if (stopped() || !select()) return false;
  const auto moment = static_cast<cudaEvent_t>(order.after ? moments_->of(*order.after) : nullptr);
  const bool behind = moment != nullptr ? check(api_.cudaStreamWaitEvent(stream_, moment, 0), "cudaStreamWaitEvent") : follow(order.compute, stream_);
  const cudaEvent_t come = behind ? marked(stream_) : nullptr;
  if (come == nullptr) return false;
  issuing_ = true;
  const cudaEvent_t done = issue(operations, interrupted) ? marked(stream_) : nullptr;
  issuing_ = false;
  if (done == nullptr) giveEvent(come);
  if (done == nullptr) return false;
  const bool joined = !order.joins || check(api_.cudaStreamWaitEvent(order.compute, done, 0), "cudaStreamWaitEvent");
  const std::lock_guard<std::mutex> lock(state_);
  ticket = ++tickets_;
  pending_.push_back({ticket, come, done});
  return joined;
}

bool Communicator::await(uint64_t ticket, milliseconds timeout, const std::atomic<bool>& interrupted) {
  if (!select()) return false;
  const Clock::time_point began = Clock::now(), deadline = began + timeout;
  Clock::time_point checked = began;
  for (;;) {
    if (stopped() || interrupted.load(std::memory_order_relaxed)) return false;
    cudaEvent_t event = nullptr;
    {
      const std::lock_guard<std::mutex> lock(state_);
      if (!pending_.empty() && pending_.front().ticket <= ticket) event = pending_.front().event;
    }
    if (event == nullptr) return true;
    const cudaError_t state = api_.cudaEventQuery(event);
    if (state == cudaSuccess) {
      const std::lock_guard<std::mutex> lock(state_);
      if (!pending_.empty() && pending_.front().event == event) {
        if (pending_.front().come != nullptr) events_.push_back(pending_.front().come);
        events_.push_back(event);
        pending_.pop_front();
      }
      continue;
    }
    if (state != cudaErrorNotReady && !check(state, "cudaEventQuery")) return false;
    // The runtime keeps it as the thread's last error, which NCCL would find.
    api_.cudaGetLastError();
    const Clock::time_point now = Clock::now();
    if (now - checked >= kBetweenChecks) {
      checked = now;
      if (!check(asyncError(), "NCCL")) return false;
    }
    if (now >= deadline) {
      stop({"ERR_COLLECTIVE_TIMEOUT", "the device has not ended it in time"});
      return false;
    }
    if (now - began > kSpin) nap(now - began > kLongAfter ? kLongNap : kShortNap);
  }
}

void Communicator::abort() {
  if (!calling_.try_lock_for(kCallEnds)) return;
  if (comm_ != nullptr) {
    api_.cudaSetDevice(device_);
    api_.ncclCommAbort(comm_);
  }
  comm_ = nullptr;
  calling_.unlock();
}

void Communicator::close(milliseconds timeout, const std::atomic<bool>& interrupted) {
  api_.cudaSetDevice(device_);
  if (opened_ && !stopped()) {
    ncclResult_t finalized;
    {
      const std::lock_guard<std::timed_mutex> lock(calling_);
      finalized = comm_ == nullptr ? ncclSuccess : api_.ncclCommFinalize(comm_);
    }
    if (check(finalized, "ncclCommFinalize")) settle("ncclCommFinalize", Clock::now() + timeout, interrupted);
  }
  if (interrupted.load(std::memory_order_relaxed)) return;
  if (opened_ && !stopped() && calling_.try_lock_for(kCallEnds)) {
    if (comm_ != nullptr) api_.ncclCommDestroy(comm_);
    comm_ = nullptr;
    calling_.unlock();
  }
  // Also one that has never come about.
  abort();
  stop({"ERR_GROUP_CLOSED", "the group is closed"});
  freeRoom();
  moments_->clear();
  {
    const std::lock_guard<std::mutex> lock(state_);
    for (const Pending& each : pending_) {
      events_.push_back(each.event);
      if (each.come != nullptr) events_.push_back(each.come);
    }
    pending_.clear();
    for (const cudaEvent_t event : events_) api_.cudaEventDestroy(event);
    events_.clear();
  }
  if (stream_ != nullptr) api_.cudaStreamDestroy(stream_);
  stream_ = nullptr;
}

}  // namespace accelerate_ts::nccl
#endif
