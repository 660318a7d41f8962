// One rank's communicator: NCCL calls on a stream of its own, ordered against the compute stream by events, watched, aborted and closed.
#pragma once
#if defined(__linux__)
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "../moments.h"
#include "nccl_api.h"

namespace accelerate_ts::nccl {

using Clock = std::chrono::steady_clock;

// Empty code: none.
struct Failure {
  std::string code;
  std::string message;
};

// In the order of the JS table (native-nccl.ts).
enum class Kind { allReduce, reduceScatter, allGather, broadcast, send, receive, zeros };

struct Operation {
  Kind kind = Kind::allReduce;
  ncclDataType_t dtype = ncclFloat32;
  ncclRedOp_t reduce = ncclSum;
  // Inputs are multiplied by `factor` before they are added up.
  bool premultiplied = false;
  double factor = 1;
  int peer = 0;
  // Of the input of this rank.
  size_t count = 0;
  const void* input = nullptr;
  void* output = nullptr;
};

// Of operations among what the device computes.
struct Order {
  cudaStream_t compute = nullptr;
  // Empty number: none.
  std::optional<size_t> after;
  // What `compute` is given from now on comes behind the operations.
  bool joins = true;
};

size_t bytesOf(ncclDataType_t dtype);

// Where this rank is in the first operation that has not ended; in the order of the JS table (native-nccl.ts).
enum class Stage {
  none,
  // NCCL has not taken the call yet.
  calling,
  // The device is still at work that comes before it.
  behind,
  // The device has come to it.
  come
};

class Communicator {
 public:
  Communicator(const Api& api, int device, int rank, int size) : api_(api), device_(device), rank_(rank), size_(size) {}
  // The process or its environment ends: what is still open ends with it. NCCL could wait for other ranks.
  ~Communicator() = default;
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;

  int rank() const { return rank_; }
  int size() const { return size_; }
  // Of the device, for Order.
  const std::shared_ptr<Moments>& moments() const { return moments_; }

  // The comm thread, one after the other. False: failure() says why.

  bool open(const ncclUniqueId& id, std::chrono::milliseconds timeout, const std::atomic<bool>& interrupted);
  // Behind the moment of `order`, or without one behind all that its stream has been given. The ticket is for await().
  bool enqueue(const std::vector<Operation>& operations, const Order& order, const std::atomic<bool>& interrupted, uint64_t& ticket);
  // What `compute` is given from now on comes behind all operations so far.
  bool join(cudaStream_t compute);
  // The same with numbers of the host, and waits.
  bool carryOut(Operation operation, std::chrono::milliseconds timeout, const std::atomic<bool>& interrupted);
  // Lets the others finish, then frees everything.
  void close(std::chrono::milliseconds timeout, const std::atomic<bool>& interrupted);

  // The watching thread.

  // Until the device has done what the ticket stands for, and all before.
  bool await(uint64_t ticket, std::chrono::milliseconds timeout, const std::atomic<bool>& interrupted);
  // Ends what the device does for this communicator; stop() was called before.
  void abort();

  // Any thread.

  // Ends all waits, and refuses what comes later.
  void stop(Failure failure);
  Failure failure() const;
  Stage stage();
  void wake() { wake_.notify_all(); }

 private:
  struct Pending {
    uint64_t ticket;
    // The device has come to it (nullptr: not asked for), and has ended it.
    cudaEvent_t come, event;
  };
  // A failure of NCCL ends the communicator.
  bool check(ncclResult_t result, const char* what);
  bool check(cudaError_t result, const char* what);
  // The state of a call that goes on by itself.
  bool settle(const char* what, Clock::time_point deadline, const std::atomic<bool>& interrupted);
  bool issue(const std::vector<Operation>& operations, const std::atomic<bool>& interrupted);
  cudaEvent_t takeEvent();
  void giveEvent(cudaEvent_t event);
  // An event of the stream's work so far; nullptr: failure() says why.
  cudaEvent_t marked(cudaStream_t stream);
  // What `second` is given from now on comes behind all that `first` has been given.
  bool follow(cudaStream_t first, cudaStream_t second);
  bool room(size_t bytes);
  void freeRoom();
  bool select() { return check(api_.cudaSetDevice(device_), "cudaSetDevice"); }
  bool stopped() const { return stopped_.load(std::memory_order_acquire); }
  void nap(std::chrono::microseconds time);
  ncclResult_t asyncError();

  const Api& api_;
  const int device_, rank_, size_;
  ncclComm_t comm_ = nullptr;
  // Held around calls of NCCL: abort may come from another thread.
  std::timed_mutex calling_;
  cudaStream_t stream_ = nullptr;
  bool opened_ = false;
  const std::shared_ptr<Moments> moments_ = std::make_shared<Moments>();

  mutable std::mutex state_;
  std::condition_variable wake_;
  std::atomic<bool> stopped_{false};
  Failure failure_;
  std::deque<Pending> pending_;
  std::vector<cudaEvent_t> events_;
  uint64_t tickets_ = 0;
  std::atomic<bool> issuing_{false};

  // For numbers of the host: memory of the device, and as much of the host that the device reads and writes by itself.
  char* staging_ = nullptr;
  char* pinned_ = nullptr;
  size_t staged_ = 0;
};

}  // namespace accelerate_ts::nccl
#endif
