// Memory of devices that is given back later, and the waiting for devices at the end of the process.
#include "device.h"

#include <algorithm>
#include <cstdlib>

#include "job_queue.h"

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
