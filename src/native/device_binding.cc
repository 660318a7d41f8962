// Devices for JS: opening, arrays, copies on the run thread among the runs, counters.
#include <algorithm>
#include <cstdlib>
#include <utility>

#include "cuda/cuda_device.h"
#include "cuda/kernels/library.h"
#include "device.h"
#include "device_work.h"
#include "job_queue.h"
#include "modules.h"
#include "objects.h"
#include "session.h"

namespace accelerate_ts {
namespace {

class MakeDevice : public Job {
 public:
  MakeDevice(std::string type, cuda::CudaOptions cuda) : type_(std::move(type)), cuda_(std::move(cuda)) {}

  void execute(const Parallel&) override {
    Failure failure;
    if (type_ == "webgpu") device_ = openWebGpu(failure);
    else device_ = cuda::openCuda(cuda_, failure);
    if (!device_) fail(std::move(failure));
    else settleDevicesAtExit();
  }

  Napi::Value result(Napi::Env env) override {
    Napi::Object result = Napi::Object::New(env);
    result.Set("name", device_->name);
    const std::vector<std::string> names = device_->kernels() == nullptr ? std::vector<std::string>() : cudaOpNames();
    Napi::Array kernels = Napi::Array::New(env, names.size());
    for (uint32_t i = 0; i < names.size(); i++) kernels.Set(i, names[i]);
    result.Set("kernels", kernels);
    result.Set("without", device_->without);
    result.Set("handle", handleOf(env, device_));
    return result;
  }

 private:
  const std::string type_;
  const cuda::CudaOptions cuda_;
  std::shared_ptr<Device> device_;
};

// openDevice(type, index, memoryLimit, sameAsRequested, convolutions, tf32, libraries: string[], kernels: path, "" or false): Promise<{ name, kernels, without, handle }>
Napi::Value openDevice(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  cuda::CudaOptions options;
  options.index = info[1].As<Napi::Number>().Int32Value();
  options.memoryLimit = static_cast<uint64_t>(info[2].As<Napi::Number>().Int64Value());
  options.sameAsRequested = info[3].ToBoolean();
  options.convolutions = info[4].As<Napi::String>();
  options.tf32 = info[5].ToBoolean();
  const Napi::Array folders = info[6].As<Napi::Array>();
  for (uint32_t i = 0; i < folders.Length(); i++) {
    Napi::String folder;
    if (!read(folders, i, folder)) return env.Undefined();
    options.libraries.push_back(folder);
  }
  options.kernels = info[7].IsString();
  if (options.kernels) options.kernelLibrary = info[7].As<Napi::String>();
  return env.GetInstanceData<AddonData>()->jobs.submit(env, std::make_unique<MakeDevice>(info[0].As<Napi::String>(), std::move(options)), LaneName::make);
}

// Elements of a buffer: (…, type, byteOffset, bytes, shape: Float64Array) from argument `at` on.
std::shared_ptr<DeviceArray> arrayOf(const Napi::CallbackInfo& info, size_t at, std::shared_ptr<DeviceBuffer> buffer) {
  auto array = std::make_shared<DeviceArray>();
  array->type = info[at].As<Napi::Number>().Int32Value();
  const size_t offset = static_cast<size_t>(info[at + 1].As<Napi::Number>().Int64Value());
  array->bytes = static_cast<size_t>(info[at + 2].As<Napi::Number>().Int64Value());
  const Napi::Float64Array shape = info[at + 3].As<Napi::Float64Array>();
  array->shape.assign(shape.Data(), shape.Data() + shape.ElementLength());
  array->data = static_cast<char*>(buffer->memory) + offset;
  array->buffer = std::move(buffer);
  OrtValue* value = nullptr;
  const std::string error = takeStatus(ort()->api.CreateTensorWithDataAsOrtValue(array->buffer->device->memory(), array->data, array->bytes, array->shape.data(), array->shape.size(), array->type, &value));
  array->value.reset(value);
  if (error.empty()) return array;
  raise(info.Env(), "ERR_DEVICE", error);
  return nullptr;
}

// deviceAllocate(device, type, 0, bytes, shape): array
Napi::Value deviceAllocate(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::shared_ptr<Device> device = fromHandle<Device>(info[0]);
  // Empty arrays have memory, too: ONNX Runtime takes no tensor without an address.
  const size_t bytes = std::max<size_t>(1, static_cast<size_t>(info[3].As<Napi::Number>().Int64Value()));
  void* memory = nullptr;
  std::string error;
  {
    const Turn turn = device->turn();
    error = turn.error;
    if (error.empty()) {
      device->releaseBuried();
      error = device->allocate(bytes, memory);
    }
  }
  if (!error.empty()) {
    raise(env, "ERR_DEVICE_MEMORY", error);
    return env.Undefined();
  }
  DeviceCounters& counters = device->counters;
  counters.allocations++;
  const uint64_t now = counters.arrays += bytes;
  if (now > counters.peak) counters.peak = now;
  std::shared_ptr<DeviceArray> array = arrayOf(info, 1, std::make_shared<DeviceBuffer>(device, memory, bytes));
  return array ? handleOf(env, std::move(array)) : env.Undefined();
}

// deviceView(array, type, byteOffset within the buffer, bytes, shape): array; the buffer was not freed.
Napi::Value deviceView(const Napi::CallbackInfo& info) {
  std::shared_ptr<DeviceArray> array = arrayOf(info, 1, fromHandle<DeviceArray>(info[0])->buffer);
  return array ? handleOf(info.Env(), std::move(array)) : info.Env().Undefined();
}

// deviceFree(array): Promise<void>
Napi::Value deviceFree(const Napi::CallbackInfo& info) {
  return submit(info.Env(), std::make_unique<DeviceJob>(std::make_unique<Release>(fromHandle<DeviceArray>(info[0]))));
}

// deviceTransfer(device, kind: 0 up, 1 down, 2 across, pairs: [array, view, ...] or [from, into, ...], waits): Promise<void>, or nothing where JS waits
Napi::Value deviceTransfer(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto kind = static_cast<Transfer>(info[1].As<Napi::Number>().Int32Value());
  const Napi::Array pairs = info[2].As<Napi::Array>();
  auto copies = std::make_unique<Copies>(fromHandle<Device>(info[0]), kind);
  for (uint32_t i = 0; i + 1 < pairs.Length(); i += 2) {
    Napi::Value first, second;
    if (!read(pairs, i, first) || !read(pairs, i + 1, second)) return env.Undefined();
    if (kind == Transfer::across) copies->add(fromHandle<DeviceArray>(first), fromHandle<DeviceArray>(second));
    else if (const Bytes bytes = bytesOf(env, second); bytes.length > 0) copies->add(fromHandle<DeviceArray>(first), bytes.data);
  }
  if (info[3].ToBoolean()) {
    await(env, std::move(copies));
    return env.Undefined();
  }
  auto job = std::make_unique<DeviceJob>(std::move(copies));
  job->keep(pairs);
  return submit(env, std::move(job));
}

// deviceSynchronize(device): Promise<void>
Napi::Value deviceSynchronize(const Napi::CallbackInfo& info) {
  return submit(info.Env(), std::make_unique<DeviceJob>(std::make_unique<Synchronize>(fromHandle<Device>(info[0]))));
}

// deviceCounters(device): { uploads, ..., arrays, peak }
Napi::Value deviceCounters(const Napi::CallbackInfo& info) {
  const DeviceCounters& counters = fromHandle<Device>(info[0])->counters;
  const std::pair<const char*, const std::atomic<uint64_t>&> fields[] = {{"uploads", counters.uploads}, {"uploadedBytes", counters.uploadedBytes}, {"downloads", counters.downloads},
      {"downloadedBytes", counters.downloadedBytes}, {"copies", counters.copies}, {"allocations", counters.allocations}, {"arrays", counters.arrays}, {"peak", counters.peak}};
  Napi::Object result = Napi::Object::New(info.Env());
  for (const auto& [name, value] : fields) result.Set(name, static_cast<double>(value.load()));
  return result;
}

// deviceMemory(device): { scratch?, free?, total? } as far as provider and device say
Napi::Value deviceMemory(const Napi::CallbackInfo& info) {
  const OrtFunctions& api = ort()->api;
  const std::shared_ptr<Device> device = fromHandle<Device>(info[0]);
  Napi::Object result = Napi::Object::New(info.Env());
  const Turn turn = device->turn();
  uint64_t free = 0, total = 0;
  if (device->memoryOf(free, total)) {
    result.Set("free", static_cast<double>(free));
    result.Set("total", static_cast<double>(total));
  }
  OrtKeyValuePairs* stats = nullptr;
  if (device->scratch() != nullptr && takeStatus(api.AllocatorGetStats(device->scratch(), &stats)).empty() && stats != nullptr) {
    const char* held = api.GetKeyValue(stats, "TotalAllocated");
    if (held != nullptr) result.Set("scratch", std::strtod(held, nullptr));
  }
  if (stats != nullptr) api.ReleaseKeyValuePairs(stats);
  return result;
}

// closeDevice(device): Promise<void>; from here on the process's end waits for it no more.
class CloseDevice : public Job {
 public:
  explicit CloseDevice(std::shared_ptr<Device>& handle) : device_(std::move(handle)) {}
  void execute(const Parallel&) override {
    const Turn turn = device_->turn();
    device_->releaseBuried();
    device_->freeAll();
    const std::string error = turn.error.empty() ? device_->synchronize() : turn.error;
    if (!error.empty()) fail("ERR_DEVICE", error);
  }
  void finished(Napi::Env) override { device_.reset(); }

 private:
  std::shared_ptr<Device> device_;
};
Napi::Value closeDevice(const Napi::CallbackInfo& info) { return submit(info.Env(), std::make_unique<CloseDevice>(fromHandle<Device>(info[0]))); }

void init(Napi::Env env, Napi::Object exports) {
  exports.Set("openDevice", Napi::Function::New(env, openDevice));
  exports.Set("deviceAllocate", Napi::Function::New(env, deviceAllocate));
  exports.Set("deviceView", Napi::Function::New(env, deviceView));
  exports.Set("deviceFree", Napi::Function::New(env, deviceFree));
  exports.Set("deviceTransfer", Napi::Function::New(env, deviceTransfer));
  exports.Set("deviceSynchronize", Napi::Function::New(env, deviceSynchronize));
  exports.Set("deviceCounters", Napi::Function::New(env, deviceCounters));
  exports.Set("deviceMemory", Napi::Function::New(env, deviceMemory));
  exports.Set("closeDevice", Napi::Function::New(env, closeDevice));
}
const Module module(init);

}  // namespace
}  // namespace accelerate_ts
