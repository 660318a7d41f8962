// An opened device with memory of its own as a C++ object, and arrays in that memory.
#pragma once
#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_set>
#include <vector>

#include "job.h"
#include "ort.h"

namespace accelerate_ts {

namespace cuda {
struct Kernels;
}
struct DeviceArray;
struct DeviceBuffer;

// Bytes between an array and the host, or between two arrays; the other side is as long.
struct HostCopy {
  const DeviceArray* array;
  void* host;
};
struct DeviceCopy {
  const DeviceArray* from;
  const DeviceArray* into;
};

struct DeviceCounters {
  std::atomic<uint64_t> uploads{0}, uploadedBytes{0}, downloads{0}, downloadedBytes{0}, copies{0}, allocations{0};
  std::atomic<uint64_t> arrays{0}, peak{0};  // bytes
};

// b = -a over float32 [n]: while a session of it lives a provider keeps what it has of the device, and that it can be made says that the provider works.
constexpr unsigned char kAnchorModel[] = {0x08, 0x08, 0x3a, 0x34, 0x0a, 0x0b, 0x0a, 0x01, 0x61, 0x12, 0x01, 0x62, 0x22, 0x03, 0x4e, 0x65, 0x67, 0x12, 0x01, 0x67, 0x5a,
                                          0x10, 0x0a, 0x01, 0x61, 0x12, 0x0b, 0x0a, 0x09, 0x08, 0x01, 0x12, 0x05, 0x0a, 0x03, 0x12, 0x01, 0x6e, 0x62, 0x10, 0x0a, 0x01,
                                          0x62, 0x12, 0x0b, 0x0a, 0x09, 0x08, 0x01, 0x12, 0x05, 0x0a, 0x03, 0x12, 0x01, 0x6e, 0x42, 0x04, 0x0a, 0x00, 0x10, 0x11};

struct DeviceSessionOptions {
  // Each binding's launches are recorded and replayed, as long as it stays bound to the same memory.
  bool graph = false;
};

// While it lives its thread may ask the device for something, unless `error` says why not.
struct Turn {
  std::unique_lock<std::mutex> lock;
  std::string error;
};

// What differs between kinds of devices. Errors are texts, empty when all went well. All but the constructor may be called from any thread, within a turn.
class Device {
 public:
  virtual ~Device() = default;
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  // Everything that is asked of the device or of sessions on it happens within a turn; where the device's software takes threads as they come it is no lock at all.
  virtual Turn turn() { return {}; }
  // Has sessions that are made with the options run here.
  virtual OrtStatus* join(OrtSessionOptions* options, const DeviceSessionOptions& session) = 0;
  // The options of runs of sessions here.
  virtual OrtStatus* prepare(OrtRunOptions*) { return nullptr; }
  // Before each run of a session; how many it has had. `graph`: its launches are recorded.
  virtual OrtStatus* beforeRun(OrtRunOptions*, uint64_t runs, bool graph) { return nullptr; }
  // The ops of our domain that sessions here know.
  virtual OrtCustomOpDomain* ops() { return ort()->domain; }
  // What launches our own kernels: null where there are none.
  virtual const cuda::Kernels* kernels() const noexcept { return nullptr; }
  // After each run of a session.
  virtual std::string afterRun() { return {}; }
  // Releases a session here.
  virtual void endSession(OrtPtr<OrtSession>) noexcept {}

  // Zeroed, at least a byte.
  virtual std::string allocate(size_t bytes, void*& memory) = 0;
  virtual void release(void* memory) noexcept = 0;
  virtual std::string upload(const std::vector<HostCopy>& copies) = 0;
  // Returns when the bytes are there.
  virtual std::string download(const std::vector<HostCopy>& copies) = 0;
  virtual std::string copy(const std::vector<DeviceCopy>& copies) = 0;
  // Returns when the device has done all that it was asked for.
  virtual std::string synchronize() = 0;
  // Of the whole device; false where it does not say.
  virtual bool memoryOf(uint64_t& free, uint64_t& total) { return false; }

  // What tensors in the device's memory are declared as.
  virtual const OrtMemoryInfo* memory() const noexcept = 0;
  // Where sessions have their scratch memory, if it says how much that is.
  virtual const OrtAllocator* scratch() const noexcept { return nullptr; }
  // CUDA: the cudaStream_t that everything runs on, and the device's number.
  virtual void* stream() const noexcept { return nullptr; }
  virtual int index() const noexcept { return 0; }

  // Any thread, outside of a turn as well: released in one of the next turns.
  void bury(void* memory);
  // Within a turn.
  void releaseBuried() noexcept;
  // All buffers that there are, so that closing gives back what nobody freed.
  void enter(DeviceBuffer* buffer);
  void leave(DeviceBuffer* buffer);
  // Within a turn, on the thread of runs and copies.
  void freeAll() noexcept;

  std::string name;
  // Why there are no kernels of ours though they were built.
  std::string without;
  DeviceCounters counters;

 protected:
  Device() = default;

 private:
  std::mutex burying_;
  std::vector<void*> buried_;
  std::mutex entering_;
  std::unordered_set<DeviceBuffer*> buffers_;
};

// A piece of a device's memory. The last one who holds it gives it back; `free` does so earlier.
struct DeviceBuffer {
  DeviceBuffer(std::shared_ptr<Device> of, void* memory, size_t bytes) : device(std::move(of)), memory(memory), bytes(bytes) { device->enter(this); }
  ~DeviceBuffer() {
    device->leave(this);
    if (memory != nullptr) forget(), device->bury(memory);
  }
  DeviceBuffer(const DeviceBuffer&) = delete;
  DeviceBuffer& operator=(const DeviceBuffer&) = delete;

  // Within a turn.
  void free() noexcept {
    if (memory == nullptr) return;
    forget();
    device->release(memory);
    memory = nullptr;
  }

  const std::shared_ptr<Device> device;
  void* memory;
  const size_t bytes;

 private:
  void forget() noexcept { device->counters.arrays -= bytes; }
};

// Elements of a buffer as a tensor. ONNX Runtime's value owns nothing, so dropping it asks nothing of the device.
struct DeviceArray {
  std::shared_ptr<DeviceBuffer> buffer;
  OrtPtr<OrtValue> value;
  void* data = nullptr;
  size_t bytes = 0;
  int type = 0;
  std::vector<int64_t> shape;
};

// Empty: `failure` says why.
std::shared_ptr<Device> openWebGpu(Failure& failure);

// Before the exit handlers of the process run: waits for what devices are doing.
void settleDevicesAtExit();
// While it is open, the device is waited for at the exit of the process.
void enterDevice(Device* device);
void leaveDevice(Device* device);

}  // namespace accelerate_ts
