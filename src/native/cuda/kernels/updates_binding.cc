// Optimizer steps, norms and clipping of parameters in a GPU's memory, for JS (src/optim/kernel-updates.ts): jobs of the run thread that launch kernels on the device's stream.
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "../../device.h"
#include "../../job_queue.h"
#include "../../modules.h"
#include "../../objects.h"
#include "../../session.h"
#include "api.h"

namespace accelerate_ts {
namespace {

void refuse(Napi::Env env, const char* message) {
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", Napi::String::New(env, "ERR_ARGUMENT"));
  error.ThrowAsJavaScriptException();
}

/// What every job here has: arrays that live as long as it, and ranges inside of them.
class UpdateJob : public Job {
 public:
  explicit UpdateJob(std::shared_ptr<Device> device) : device_(std::move(device)) {}

  void execute(const Parallel&) override {
    const Turn turn = device_->turn();
    if (!turn.error.empty()) return fail("ERR_DEVICE", turn.error);
    device_->releaseBuried();
    for (const std::shared_ptr<DeviceArray>& array : arrays_)
      if (array->buffer->memory == nullptr) return fail("ERR_DEVICE", "an array was freed before its turn came");
    const int status = launch(*device_->kernels(), device_->stream());
    if (status != 0) fail("ERR_DEVICE", "CUDA's error " + std::to_string(status) + " at the launch of a kernel");
  }

  /// Null where none is given.
  float* memory(const Napi::Value& value) {
    if (value.IsUndefined() || value.IsNull()) return nullptr;
    std::shared_ptr<DeviceArray> array = fromHandle<DeviceArray>(value);
    if (array->bytes / sizeof(float) < limit_) limit_ = array->bytes / sizeof(float);
    auto* const data = static_cast<float*>(array->data);
    arrays_.push_back(std::move(array));
    return data;
  }
  /// The same for memory that ranges say nothing of.
  double* numbers(const Napi::Value& value, size_t count) {
    std::shared_ptr<DeviceArray> array = fromHandle<DeviceArray>(value);
    if (array->bytes < count * sizeof(double)) return nullptr;
    auto* const data = static_cast<double*>(array->data);
    arrays_.push_back(std::move(array));
    return data;
  }
  /// After memory(...). False: a range leaves the shortest array, or names a row that is not there.
  bool ranges(const Napi::Value& value, size_t rows) {
    const auto array = value.As<Napi::Float64Array>();
    constexpr size_t fields = 4;
    for (size_t i = 0; i + fields <= array.ElementLength(); i += fields) {
      const double* const field = array.Data() + i;
      if (!(field[0] >= 0 && field[1] >= 0 && field[0] + field[1] <= static_cast<double>(limit_) && field[2] >= 0 && field[2] < static_cast<double>(rows))) return false;
      ranges_.push_back({static_cast<uint64_t>(field[0]), static_cast<uint64_t>(field[1]), static_cast<uint32_t>(field[2])});
    }
    return true;
  }

 protected:
  virtual int launch(const cuda::Kernels& kernels, void* stream) = 0;
  std::vector<cuda::UpdateRange> ranges_;

 private:
  const std::shared_ptr<Device> device_;
  std::vector<std::shared_ptr<DeviceArray>> arrays_;
  size_t limit_ = std::numeric_limits<size_t>::max();
};

/// A job whose call is filled by the caller; `Launch` names the function.
template <typename Call, int (*cuda::Kernels::*Launch)(const Call&, void*)> class CallJob : public UpdateJob {
 public:
  using UpdateJob::UpdateJob;
  Call call = {};
  std::vector<float> rows;

 protected:
  int launch(const cuda::Kernels& kernels, void* stream) override {
    call.ranges = ranges_.data(), call.count = ranges_.size();
    return (kernels.*Launch)(call, stream);
  }
};

class StepJob : public CallJob<cuda::UpdateCall, &cuda::Kernels::update> {
 public:
  using CallJob::CallJob;
  /// Constants, `fields` numbers per row.
  size_t constants(const Napi::Value& value, size_t fields) {
    const auto array = value.As<Napi::Float64Array>();
    const size_t count = fields == 0 || fields > cuda::most_constants ? 0 : array.ElementLength() / fields;
    rows.assign(count * cuda::most_constants, 0.0f);
    for (size_t r = 0; r < count; r++)
      for (size_t k = 0; k < fields; k++) rows[r * cuda::most_constants + k] = static_cast<float>(array.Data()[r * fields + k]);
    call.rows = rows.data();
    return count;
  }
};

constexpr const char* badRanges = "a range of an optimizer kernel leaves its memory or names constants that were not given";

/// The device, if it has kernels; else an error for JS is pending.
std::shared_ptr<Device> deviceOf(const Napi::CallbackInfo& info) {
  std::shared_ptr<Device> device = fromHandle<Device>(info[0]);
  if (device->kernels() != nullptr) return device;
  refuse(info.Env(), "the device has no kernels for updates");
  return nullptr;
}

// step(device, rule, values, gradients, states: [a, b, c], ranges: Float64Array, rows: Float64Array, fields): Promise<void>
Napi::Value step(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::shared_ptr<Device> device = deviceOf(info);
  if (!device) return env.Undefined();
  auto job = std::make_unique<StepJob>(device);
  const int rule = info[1].As<Napi::Number>().Int32Value();
  job->call.rule = static_cast<cuda::UpdateRule>(rule);
  job->call.values = job->memory(info[2]);
  job->call.gradients = job->memory(info[3]);
  const auto states = info[4].As<Napi::Array>();
  for (uint32_t k = 0; k < 3; k++) {
    Napi::Value state;
    if (!read(states, k, state)) return env.Undefined();
    job->call.states[k] = job->memory(state);
  }
  const bool sgd = rule == cuda::rule_sgd;
  const bool whole = job->call.values != nullptr && job->call.gradients != nullptr && (sgd || job->call.states[0] != nullptr) && (rule != cuda::rule_adam || job->call.states[1] != nullptr);
  if (!whole || !job->ranges(info[5], job->constants(info[6], info[7].As<Napi::Number>().Uint32Value()))) {
    refuse(env, badRanges);
    return env.Undefined();
  }
  return submit(env, std::move(job));
}

// normScratch(ranges): numbers of float64 that a norm needs beside its result
Napi::Value normScratch(const Napi::CallbackInfo& info) {
  const std::shared_ptr<Device> device = deviceOf(info);
  if (!device) return info.Env().Undefined();
  std::vector<cuda::UpdateRange> ranges;
  const auto array = info[1].As<Napi::Float64Array>();
  for (size_t i = 0; i + 4 <= array.ElementLength(); i += 4) ranges.push_back({static_cast<uint64_t>(array.Data()[i]), static_cast<uint64_t>(array.Data()[i + 1]), 0});
  return Napi::Number::New(info.Env(), static_cast<double>(device->kernels()->norm_scratch(ranges.data(), ranges.size())));
}

// norm(device, data, ranges, kind, exponent, scratch, result): Promise<void>; result: float64 [2], the value and how many elements are not finite
Napi::Value norm(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::shared_ptr<Device> device = deviceOf(info);
  if (!device) return env.Undefined();
  auto job = std::make_unique<CallJob<cuda::NormCall, &cuda::Kernels::norm>>(device);
  job->call.data = job->memory(info[1]);
  job->call.kind = static_cast<cuda::NormKind>(info[3].As<Napi::Number>().Int32Value());
  job->call.exponent = info[4].As<Napi::Number>().DoubleValue();
  std::vector<cuda::UpdateRange> given;
  const auto array = info[2].As<Napi::Float64Array>();
  for (size_t i = 0; i + 4 <= array.ElementLength(); i += 4) given.push_back({static_cast<uint64_t>(array.Data()[i]), static_cast<uint64_t>(array.Data()[i + 1]), 0});
  const bool fits = job->ranges(info[2], std::numeric_limits<uint32_t>::max());
  job->call.scratch = fits ? job->numbers(info[5], device->kernels()->norm_scratch(given.data(), given.size())) : nullptr;
  job->call.result = job->numbers(info[6], 2);
  if (!fits || job->call.data == nullptr || job->call.scratch == nullptr || job->call.result == nullptr) {
    refuse(env, badRanges);
    return env.Undefined();
  }
  return submit(env, std::move(job));
}

// scale(device, data, ranges, factor), clamp(device, data, ranges, limit): Promise<void>
template <typename Call, int (*cuda::Kernels::*Launch)(const Call&, void*), float Call::*number> Napi::Value apply(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::shared_ptr<Device> device = deviceOf(info);
  if (!device) return env.Undefined();
  auto job = std::make_unique<CallJob<Call, Launch>>(device);
  job->call.data = job->memory(info[1]);
  job->call.*number = info[3].As<Napi::Number>().FloatValue();
  if (job->call.data == nullptr || !job->ranges(info[2], std::numeric_limits<uint32_t>::max())) {
    refuse(env, badRanges);
    return env.Undefined();
  }
  return submit(env, std::move(job));
}

void init(Napi::Env env, Napi::Object exports) {
  Napi::Object updates = Napi::Object::New(env);
  updates.Set("step", Napi::Function::New(env, step));
  updates.Set("normScratch", Napi::Function::New(env, normScratch));
  updates.Set("norm", Napi::Function::New(env, norm));
  updates.Set("scale", Napi::Function::New(env, apply<cuda::ScaleCall, &cuda::Kernels::scale, &cuda::ScaleCall::factor>));
  updates.Set("clamp", Napi::Function::New(env, apply<cuda::ClampCall, &cuda::Kernels::clamp, &cuda::ClampCall::limit>));
  exports.Set("deviceUpdates", updates);
}
const Module module(init);

}  // namespace
}  // namespace accelerate_ts
