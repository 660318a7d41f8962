// What communicators do as jobs of their threads.
#pragma once
#include <atomic>
#include <memory>
#include <vector>

#include "../device.h"
#include "../job.h"
#include "communicator.h"

namespace accelerate_ts::nccl {

using Handle = std::shared_ptr<Communicator>;

class NcclJob : public Job {
 public:
  explicit NcclJob(Handle communicator) : communicator_(std::move(communicator)) {}
  void interrupt() noexcept override {
    Job::interrupt();
    ending_.store(true, std::memory_order_relaxed);
    communicator_->wake();
  }

 protected:
  void explain() {
    const Failure failure = communicator_->failure();
    if (failure.code.empty()) fail("ERR_ABORTED", "the process ends");
    else fail(failure.code, failure.message);
  }
  const Handle communicator_;
  std::atomic<bool> ending_{false};
};

class ConnectJob : public NcclJob {
 public:
  using NcclJob::NcclJob;
  ncclUniqueId id = {};
  std::chrono::milliseconds timeout{0};
  void execute(const Parallel&) override {
    if (!communicator_->open(id, timeout, ending_)) explain();
  }
};

class CollectiveJob : public NcclJob {
 public:
  using NcclJob::NcclJob;
  Operation operation;
  std::chrono::milliseconds timeout{0};
  void execute(const Parallel&) override {
    if (!communicator_->carryOut(operation, timeout, ending_)) explain();
  }
};

class EnqueueJob : public NcclJob {
 public:
  using NcclJob::NcclJob;
  std::vector<Operation> operations;
  Order order;
  std::shared_ptr<Device> device;
  std::vector<std::shared_ptr<DeviceArray>> arrays;
  void execute(const Parallel&) override {
    for (const std::shared_ptr<DeviceArray>& array : arrays)
      if (array->buffer->memory == nullptr) return fail("ERR_ARGUMENT", "an array of a collective was freed before its turn came");
    if (!communicator_->enqueue(operations, order, ending_, ticket_)) explain();
  }
  Napi::Value result(Napi::Env env) override { return Napi::Number::New(env, static_cast<double>(ticket_)); }

 private:
  uint64_t ticket_ = 0;
};

class JoinJob : public NcclJob {
 public:
  using NcclJob::NcclJob;
  cudaStream_t compute = nullptr;
  std::shared_ptr<Device> device;
  void execute(const Parallel&) override {
    if (!communicator_->join(compute)) explain();
  }
};

class AwaitJob : public NcclJob {
 public:
  using NcclJob::NcclJob;
  uint64_t ticket = 0;
  std::chrono::milliseconds timeout{0};
  void execute(const Parallel&) override {
    if (!communicator_->await(ticket, timeout, ending_)) explain();
  }
};

class AbortJob : public NcclJob {
 public:
  using NcclJob::NcclJob;
  void execute(const Parallel&) override { communicator_->abort(); }
};

class CloseJob : public NcclJob {
 public:
  using NcclJob::NcclJob;
  std::chrono::milliseconds timeout{0};
  void execute(const Parallel&) override { communicator_->close(timeout, ending_); }
};

}  // namespace accelerate_ts::nccl
