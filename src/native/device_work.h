// Jobs of the run thread that ask a device for something, awaited by JS or by a promise.
#pragma once
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "device.h"
#include "job_queue.h"

namespace accelerate_ts {

enum class Transfer { up, down, across };

// Jobs of the run thread that ask a device for something. Where JS waits for one it lies on the stack of the JS thread, behind a job that stands in its place.
class DeviceWork {
 public:
  explicit DeviceWork(std::shared_ptr<Device> device) : device(std::move(device)) {}
  virtual ~DeviceWork() = default;
  std::string operator()() {
    const Turn turn = device->turn();
    if (!turn.error.empty()) return turn.error;
    device->releaseBuried();
    return work();
  }
  const std::shared_ptr<Device> device;

 private:
  virtual std::string work() = 0;
};

class Copies : public DeviceWork {
 public:
  Copies(std::shared_ptr<Device> device, Transfer kind) : DeviceWork(std::move(device)), kind_(kind) {}

  void add(std::shared_ptr<DeviceArray> array, void* host) {
    host_.push_back({array.get(), host});
    kept_.push_back(std::move(array));
  }
  void add(std::shared_ptr<DeviceArray> from, std::shared_ptr<DeviceArray> into) {
    across_.push_back({from.get(), into.get()});
    kept_.push_back(std::move(from));
    kept_.push_back(std::move(into));
  }

 private:
  std::string work() override {
    if (kept_.empty()) return {};
    for (const std::shared_ptr<DeviceArray>& array : kept_)
      if (array->buffer->memory == nullptr) return "an array was freed before its turn came";
    DeviceCounters& counters = device->counters;
    uint64_t bytes = 0;
    for (const HostCopy& copy : host_) bytes += copy.array->bytes;
    switch (kind_) {
      case Transfer::up:
        counters.uploads += host_.size();
        counters.uploadedBytes += bytes;
        return device->upload(host_);
      case Transfer::down:
        counters.downloads += host_.size();
        counters.downloadedBytes += bytes;
        return device->download(host_);
      case Transfer::across:
        counters.copies += across_.size();
        return device->copy(across_);
    }
    return {};
  }

  const Transfer kind_;
  std::vector<HostCopy> host_;
  std::vector<DeviceCopy> across_;
  std::vector<std::shared_ptr<DeviceArray>> kept_;
};

class Release : public DeviceWork {
 public:
  explicit Release(std::shared_ptr<DeviceArray> array) : DeviceWork(array->buffer->device), array_(std::move(array)) {}

 private:
  std::string work() override {
    array_->buffer->free();
    return {};
  }
  const std::shared_ptr<DeviceArray> array_;
};

class Synchronize : public DeviceWork {
 public:
  using DeviceWork::DeviceWork;

 private:
  std::string work() override { return device->synchronize(); }
};

class DeviceJob : public Job {
 public:
  explicit DeviceJob(std::unique_ptr<DeviceWork> work) : work_(std::move(work)) {}
  void execute(const Parallel&) override {
    const std::string error = (*work_)();
    if (!error.empty()) fail("ERR_DEVICE", error);
  }

 private:
  const std::unique_ptr<DeviceWork> work_;
};

// JS waits for its end. Shared with the job, which may be dropped unexecuted when the threads are halted.
struct Waiting {
  std::mutex mutex;
  std::condition_variable wake;
  bool done = false;
  std::string error;
};

class AwaitedJob : public Job {
 public:
  AwaitedJob(std::unique_ptr<DeviceWork> work, std::shared_ptr<Waiting> waiting) : work_(std::move(work)), waiting_(std::move(waiting)) {}
  ~AwaitedJob() override { settle("the process is ending"); }
  void execute(const Parallel&) override { settle((*work_)()); }

 private:
  void settle(std::string error) {
    const std::lock_guard<std::mutex> lock(waiting_->mutex);
    if (std::exchange(waiting_->done, true)) return;
    waiting_->error = std::move(error);
    waiting_->wake.notify_all();
  }
  const std::unique_ptr<DeviceWork> work_;
  const std::shared_ptr<Waiting> waiting_;
};

inline void raise(Napi::Env env, const char* code, const std::string& message) {
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", Napi::String::New(env, code));
  error.ThrowAsJavaScriptException();
}

// Waits on the JS thread, behind all that is queued.
inline void await(Napi::Env env, std::unique_ptr<DeviceWork> work) {
  JobQueue& jobs = env.GetInstanceData<AddonData>()->jobs;
  auto waiting = std::make_shared<Waiting>();
  if (submit(env, std::make_unique<AwaitedJob>(std::move(work), waiting)).IsEmpty()) return;
  std::unique_lock<std::mutex> lock(waiting->mutex);
  // A halted thread executes nothing any more: whoever halted it may be another thread.
  while (!waiting->wake.wait_for(lock, std::chrono::milliseconds(100), [&] { return waiting->done; })) {
    if (jobs.halted()) return raise(env, "ERR_DEVICE", "the process is ending");
  }
  if (!waiting->error.empty()) raise(env, "ERR_DEVICE", waiting->error);
}

}  // namespace accelerate_ts
