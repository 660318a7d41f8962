// Listening to a run's taps: open before it and close behind it, as jobs of the run thread, which keep the order of their submission.
#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "accumulate.h"
#include "cuda/kernels/api.h"
#include "device.h"
#include "job.h"
#include "modules.h"
#include "moments.h"
#include "objects.h"
#include "ops/tap.h"
#include "session.h"

namespace accelerate_ts {
namespace {

/// What is added to gradients that are there already, before their bucket is ready.
struct Sum {
  int64_t bucket;
  float* into;
  const float* from;
  size_t length;
  bool done;
};

/// The same in the memory of a device that has kernels of ours.
struct DeviceSum {
  int64_t bucket;
  std::shared_ptr<DeviceArray> into, from;
  bool done;
};

class Listener : public TapSink {
 public:
  std::vector<Sum> sums;
  std::vector<DeviceSum> deviceSums;
  // Of runs on a device.
  std::shared_ptr<Moments> moments;
  Napi::ThreadSafeFunction tell;
  bool gone = false;

  void ready(int64_t bucket, const Parallel& parallel) override {
    for (Sum& sum : sums)
      if (sum.bucket == bucket) add(sum, parallel);
    say(bucket);
  }
  std::string queued(int64_t bucket, void* stream) override {
    std::string error;
    for (DeviceSum& sum : deviceSums)
      if (sum.bucket == bucket && error.empty()) error = add(sum, stream);
    if (error.empty() && moments) error = moments->note(static_cast<size_t>(bucket), stream);
    if (error.empty()) say(bucket);
    return error;
  }
  std::string addRest(const Parallel& parallel) {
    for (Sum& sum : sums) add(sum, parallel);
    if (deviceSums.empty()) return {};
    Device& device = *deviceSums.front().into->buffer->device;
    const Turn turn = device.turn();
    std::string error = turn.error;
    for (DeviceSum& sum : deviceSums)
      if (error.empty()) error = add(sum, device.stream());
    return error;
  }

 private:
  void say(int64_t bucket) {
    // The environment is ending: from here on the function may not be touched any more.
    if (gone) return;
    const napi_status told = tell.NonBlockingCall([bucket](Napi::Env env, Napi::Function function) {
      if (env != nullptr && !function.IsEmpty()) function.Call({Napi::Number::New(env, static_cast<double>(bucket))});
    });
    gone = told == napi_closing;
  }
  static void add(Sum& sum, const Parallel& parallel) {
    if (!std::exchange(sum.done, true)) accumulate(sum.into, sum.from, sum.length, parallel);
  }
  static std::string add(DeviceSum& sum, void* stream) {
    if (std::exchange(sum.done, true)) return {};
    const DeviceBuffer &into = *sum.into->buffer, &from = *sum.from->buffer;
    if (into.memory == nullptr || from.memory == nullptr) return "a gradient was freed before its turn came";
    const cuda::UpdateRange range = {0, std::min(sum.into->bytes, sum.from->bytes) / sizeof(float), 0};
    const int status = into.device->kernels()->add({static_cast<float*>(sum.into->data), static_cast<const float*>(sum.from->data), &range, 1}, stream);
    return status == 0 ? std::string() : "CUDA's error " + std::to_string(status) + " at a sum of gradients";
  }
};

class Open : public Job {
 public:
  explicit Open(std::shared_ptr<Listener> listener) : listener_(std::move(listener)) {}
  void execute(const Parallel&) override { tap_sink() = listener_.get(); }

 private:
  const std::shared_ptr<Listener> listener_;
};

class Close : public Job {
 public:
  Close(std::shared_ptr<Listener> listener, bool done) : listener_(std::move(listener)), done_(done) {}
  void execute(const Parallel& parallel) override {
    tap_sink() = nullptr;
    const std::string error = done_ ? listener_->addRest(parallel) : std::string();
    if (!error.empty()) fail("ERR_DEVICE", error);
  }
  void finished(Napi::Env) override {
    if (!listener_->gone) listener_->tell.Release();
  }

 private:
  const std::shared_ptr<Listener> listener_;
  const bool done_;
};

// openTaps(sums: [bucket, into, from, ...] of float32 views or device arrays, ready: (bucket) => void, moments: handle or undefined): handle. The next runs tell of their buckets; sums of a bucket are made before. Runs on a device note the moment of
// a bucket by its number.
Napi::Value openTaps(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  auto listener = std::make_shared<Listener>();
  const auto list = info[0].As<Napi::Array>();
  for (uint32_t i = 0; i + 2 < list.Length(); i += 3) {
    Napi::Number bucket;
    Napi::Value into, from;
    if (!read(list, i, bucket) || !read(list, i + 1, into) || !read(list, i + 2, from)) return env.Undefined();
    if (into.IsExternal()) {
      DeviceSum sum = {bucket.Int64Value(), fromHandle<DeviceArray>(into), fromHandle<DeviceArray>(from), false};
      if (sum.into->buffer->device->kernels() == nullptr) {
        Napi::Error::New(env, "the device has no kernel for sums").ThrowAsJavaScriptException();
        return env.Undefined();
      }
      listener->deviceSums.push_back(std::move(sum));
      continue;
    }
    const Bytes sum = bytesOf(env, into), added = bytesOf(env, from);
    const size_t length = std::min(sum.length, added.length) / sizeof(float);
    listener->sums.push_back({bucket.Int64Value(), static_cast<float*>(sum.data), static_cast<const float*>(added.data), length, false});
  }
  if (info[2].IsExternal()) listener->moments = fromHandle<Moments>(info[2]);
  listener->tell = Napi::ThreadSafeFunction::New(env, info[1].As<Napi::Function>(), "accelerate-ts taps", 0, 1);
  auto job = std::make_unique<Open>(listener);
  job->keep(info[0].As<Napi::Object>());
  submit(env, std::move(job));
  return handleOf(env, std::move(listener));
}

// closeTaps(handle, done, sums): Promise<void>; done: the run behind openTaps has ended well, and what is left of the sums is made.
Napi::Value closeTaps(const Napi::CallbackInfo& info) {
  auto job = std::make_unique<Close>(fromHandle<Listener>(info[0]), info[1].ToBoolean());
  job->keep(info[2].As<Napi::Object>());
  return submit(info.Env(), std::move(job));
}

void init(Napi::Env env, Napi::Object exports) {
  exports.Set("openTaps", Napi::Function::New(env, openTaps));
  exports.Set("closeTaps", Napi::Function::New(env, closeTaps));
}
const Module module(init);

}  // namespace
}  // namespace accelerate_ts
