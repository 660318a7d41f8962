// WebGPU through the execution provider inside ONNX Runtime: a buffer of the provider's allocator per array, copies by the environment.
#include <dlfcn.h>

#include <mutex>

#include "../device.h"
#include "../ort.h"
#include "vulkan_adapters.h"

namespace accelerate_ts {
namespace {

// The provider is not safe against threads, not even with two sessions: one turn at a time in the whole process.
std::mutex& turns() {
  static std::mutex* mutex = new std::mutex();  // outlives static destructors
  return *mutex;
}

// Runs only queue work; where nobody reads, the queue would grow by seconds of it.
constexpr int kMaxBacklog = 8;

// The provider does not tell which adapter it has taken. It asks for a fast one: of the best kind that there is, and where there are several of that kind all are named. Elsewhere than in Vulkan nobody is asked.
std::string adapterName() {
  const VulkanAdapters found = vulkanAdapters("libvulkan.so.1", RTLD_LAZY | RTLD_LOCAL | RTLD_NOLOAD);
  for (const uint32_t kind : {kVulkanDiscrete, kVulkanIntegrated, kVulkanVirtual, kVulkanProcessor, kVulkanOther}) {
    std::string names;
    for (const VulkanAdapter& adapter : found.adapters) {
      if (adapter.kind != kind || names.find(adapter.name) != std::string::npos) continue;
      names += (names.empty() ? "" : " or ") + adapter.name;
    }
    if (!names.empty()) return names;
  }
  return "WebGPU";
}

class WebGpuDevice : public Device {
 public:
  ~WebGpuDevice() override {
    leaveDevice(this);
    const Turn held = turn();
    // The provider does not wait for what it has queued when its device goes.
    if (mark_ != nullptr) synchronize();
    releaseBuried();
    if (mark_ != nullptr) release(mark_);
    allocator_.reset();
    anchor_.reset();
  }

  std::string open() {
    const Turn held = turn();
    const OrtFunctions& api = ort()->api;
    OrtSessionOptions* options = nullptr;
    OrtSession* session = nullptr;
    OrtAllocator* allocator = nullptr;
    OrtStatus* status = api.CreateSessionOptions(&options);
    const OrtPtr<OrtSessionOptions> kept(options);
    if (status == nullptr) status = api.DisablePerSessionThreads(options);
    if (status == nullptr) status = join(options, {});
    if (status == nullptr) status = api.AddSessionConfigEntry(options, "session.disable_cpu_ep_fallback", "1");
    if (status == nullptr) status = api.CreateSessionFromArray(ort()->env, kAnchorModel, sizeof kAnchorModel, options, &session);
    anchor_.reset(session);
    if (status == nullptr) status = api.SessionGetMemoryInfoForInputs(session, &memory_, 1);
    if (status == nullptr) status = api.CreateAllocator(session, memory_, &allocator);
    allocator_.reset(allocator);
    if (status == nullptr) status = api.AllocatorAlloc(allocator, sizeof(float), &mark_);
    std::string error = takeStatus(status);
    if (error.empty()) error = synchronize();
    name = error.empty() ? adapterName() : "WebGPU";
    if (error.empty()) enterDevice(this);
    return error;
  }

  Turn turn() override { return {std::unique_lock<std::mutex>(turns()), {}}; }

  OrtStatus* join(OrtSessionOptions* options, const DeviceSessionOptions&) override {
    // In its other layout, NHWC, the provider leaves out the record of which nodes it took.
    constexpr const char* keys[] = {"preferredLayout", "enableInt64"};
    constexpr const char* values[] = {"NCHW", "1"};
    return ort()->api.SessionOptionsAppendExecutionProvider(options, "WebGPU", keys, values, 2);
  }

  std::string afterRun() override { return ++backlog_ >= kMaxBacklog ? synchronize() : std::string(); }

  std::string allocate(size_t bytes, void*& memory) override {
    const std::string error = takeStatus(ort()->api.AllocatorAlloc(allocator_.get(), bytes, &memory));
    if (!error.empty()) return error;
    if (memory == nullptr) return "the provider gave no buffer";
    // The provider hands buffers on that others gave back.
    const std::unique_ptr<void, decltype(&std::free)> zeros(std::calloc(bytes, 1), &std::free);
    std::string failed = "the host has no memory to clear it from";
    if (zeros) failed = move(zeros.get(), memory, bytes, true);
    if (!failed.empty()) release(memory), memory = nullptr;
    return failed;
  }

  void release(void* memory) noexcept override { takeStatus(ort()->api.AllocatorFree(allocator_.get(), memory)); }

  std::string upload(const std::vector<HostCopy>& copies) override { return transfer(copies, true); }

  std::string download(const std::vector<HostCopy>& copies) override {
    const std::string error = transfer(copies, false);
    if (error.empty()) backlog_ = 0;
    return error;
  }

  std::string copy(const std::vector<DeviceCopy>& copies) override {
    std::vector<const OrtValue*> from;
    std::vector<OrtValue*> into;
    for (const DeviceCopy& pair : copies) {
      from.push_back(pair.from->value.get());
      into.push_back(pair.into->value.get());
    }
    return takeStatus(ort()->api.CopyTensors(ort()->env, from.data(), into.data(), nullptr, from.size()));
  }

  // A read waits for all that was queued before it.
  std::string synchronize() override {
    float number = 0;
    const std::string error = move(&number, mark_, sizeof number, false);
    if (error.empty()) backlog_ = 0;
    return error;
  }

  const OrtMemoryInfo* memory() const noexcept override { return memory_; }

 private:
  std::string transfer(const std::vector<HostCopy>& copies, bool up) {
    std::vector<OrtPtr<OrtValue>> host;
    std::vector<const OrtValue*> from;
    std::vector<OrtValue*> into;
    for (const HostCopy& pair : copies) {
      const DeviceArray& array = *pair.array;
      OrtValue* value = nullptr;
      const std::string error = takeStatus(ort()->api.CreateTensorWithDataAsOrtValue(ort()->cpu, pair.host, array.bytes, array.shape.data(), array.shape.size(), array.type, &value));
      if (!error.empty()) return error;
      host.emplace_back(value);
      from.push_back(up ? value : array.value.get());
      into.push_back(up ? array.value.get() : value);
    }
    return takeStatus(ort()->api.CopyTensors(ort()->env, from.data(), into.data(), nullptr, from.size()));
  }

  std::string move(void* host, void* memory, size_t bytes, bool up) {
    const OrtFunctions& api = ort()->api;
    const int64_t shape[] = {static_cast<int64_t>(bytes)};
    OrtValue *here = nullptr, *there = nullptr;
    OrtStatus* status = api.CreateTensorWithDataAsOrtValue(ort()->cpu, host, bytes, shape, 1, kUint8, &here);
    const OrtPtr<OrtValue> keptHere(here);
    if (status == nullptr) status = api.CreateTensorWithDataAsOrtValue(memory_, memory, bytes, shape, 1, kUint8, &there);
    const OrtPtr<OrtValue> keptThere(there);
    const OrtValue* from = up ? here : there;
    OrtValue* into = up ? there : here;
    if (status == nullptr) status = api.CopyTensors(ort()->env, &from, &into, nullptr, 1);
    return takeStatus(status);
  }

  OrtPtr<OrtSession> anchor_;
  OrtPtr<OrtAllocator> allocator_;
  const OrtMemoryInfo* memory_ = nullptr;  // the session's
  void* mark_ = nullptr;                   // what is read only to wait
  int backlog_ = 0;
};

}  // namespace

std::shared_ptr<Device> openWebGpu(Failure& failure) {
  auto device = std::make_shared<WebGpuDevice>();
  const std::string error = device->open();
  if (error.empty()) return device;
  failure = Failure{"ERR_DEVICE_OPEN", error, {}, {}, {}};
  return nullptr;
}

}  // namespace accelerate_ts
