// Devices for JS: opening, arrays, copies on the run thread among the runs, counters, and the waiting for devices at the end of the process.
#include "device.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <utility>

#include "cuda/cuda_device.h"
#include "cuda/kernels/library.h"
#include "job_queue.h"
#include "modules.h"
#include "objects.h"
#include "session.h"

namespace accelerate_ts {
namespace {

// All open devices of the process; leaked so that it outlives static destructors.
struct OpenDevices {
  std::mutex mutex;
  std::vector<Device*> devices;
};
OpenDevices& openDevices() {
  static OpenDevices* open = new OpenDevices();
  return *open;
}

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

void raise(Napi::Env env, const char* code, const std::string& message) {
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", Napi::String::New(env, code));
  error.ThrowAsJavaScriptException();
}

// Waits on the JS thread, behind all that is queued.
void await(Napi::Env env, std::unique_ptr<DeviceWork> work) {
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

void Device::bury(void* memory) {
  const std::lock_guard<std::mutex> lock(burying_);
  buried_.push_back(memory);
}

void Device::releaseBuried() noexcept {
  std::vector<void*> buried;
  {
    const std::lock_guard<std::mutex> lock(burying_);
    buried.swap(buried_);
  }
  for (void* memory : buried) release(memory);
}

void Device::enter(DeviceBuffer* buffer) {
  const std::lock_guard<std::mutex> lock(entering_);
  buffers_.insert(buffer);
}

void Device::leave(DeviceBuffer* buffer) {
  const std::lock_guard<std::mutex> lock(entering_);
  buffers_.erase(buffer);
}

void Device::freeAll() noexcept {
  const std::lock_guard<std::mutex> lock(entering_);
  for (DeviceBuffer* buffer : buffers_) buffer->free();
}

void enterDevice(Device* device) {
  const std::lock_guard<std::mutex> lock(openDevices().mutex);
  openDevices().devices.push_back(device);
}

void leaveDevice(Device* device) {
  const std::lock_guard<std::mutex> lock(openDevices().mutex);
  std::vector<Device*>& devices = openDevices().devices;
  devices.erase(std::remove(devices.begin(), devices.end(), device), devices.end());
}

void settleDevicesAtExit() {
  // The software of devices makes its statics when the first one is opened: what is registered now runs before their destructors.
  static std::once_flag once;
  std::call_once(once, [] {
    std::atexit([] {
      JobQueue::haltAll();
      const std::lock_guard<std::mutex> lock(openDevices().mutex);
      for (Device* device : openDevices().devices) {
        const Turn turn = device->turn();
        device->synchronize();
      }
    });
  });
}

}  // namespace accelerate_ts
