// Sessions and bindings as C++ objects: shared by the JS handles and by the jobs in flight.
#pragma once
#include <napi.h>

#include <memory>
#include <string>
#include <vector>

#include "device.h"
#include "ort.h"

namespace accelerate_ts {

struct Slot {
  std::string name;
  int type = 0;
  bool shaped = false;
  std::vector<int64_t> dims;          // -1 where symbolic or unknown
  std::vector<std::string> symbols;   // empty where fixed or unnamed
  bool onHost = true;                 // an input that only nodes on the host read
};

// A node of a session on a device, and who executes it.
struct PlacedNode {
  std::string op, domain, name, provider;
};

struct Session {
  ~Session() { close(); }
  void close() {
    if (!session) return;
    const Turn turn = device ? device->turn() : Turn();
    if (device) device->endSession(std::move(session));
    else session.reset();
  }

  // Empty: the host.
  std::shared_ptr<Device> device;
  OrtPtr<OrtSession> session;
  std::vector<Slot> inputs;
  std::vector<Slot> outputs;
  std::vector<PlacedNode> placement;
  bool graph = false;
  uint64_t runs = 0;
};

// What a session on a device reads or writes there. ONNX Runtime takes what it is bound to when it is bound, from one memory into another: so that happens before each run, on its thread.
struct DeviceSlot {
  std::shared_ptr<DeviceArray> array;  // empty: memory of the host
  OrtPtr<OrtValue> host;
  size_t bytes = 0;
  bool changed = false;
};

struct Binding {
  ~Binding() { close(); }
  void close() {
    if (!session) return;
    // What ONNX Runtime copied to a device when it was bound goes back there.
    const Turn turn = session->device ? session->device->turn() : Turn();
    binding.reset();
    options.reset();
  }

  std::shared_ptr<Session> session;
  // In this order: the binding goes before the session it belongs to.
  OrtPtr<OrtRunOptions> options;
  OrtPtr<OrtIoBinding> binding;
  // Outputs that ONNX Runtime allocates; bound anew before each run, else the next run would write into the tensor that the last one returned.
  std::vector<bool> dynamic;
  // Place of each output among the bound ones, in the order of their first binding; -1 when not bound.
  std::vector<int> place;
  int bound = 0;
  // Of a session on a device.
  std::vector<DeviceSlot> deviceInputs;
  std::vector<DeviceSlot> deviceOutputs;
  // Of the recorded launches; -1: none, what is bound has just changed.
  int graph = -1;
  // How often launches were recorded.
  int recordings = 0;
};

// A JS handle (External) that owns a shared_ptr.
template <typename T>
Napi::Value handleOf(Napi::Env env, std::shared_ptr<T> object) {
  return Napi::External<std::shared_ptr<T>>::New(env, new std::shared_ptr<T>(std::move(object)), [](Napi::Env, std::shared_ptr<T>* pointer) { delete pointer; });
}
template <typename T>
std::shared_ptr<T>& fromHandle(const Napi::Value& value) {
  return *value.As<Napi::External<std::shared_ptr<T>>>().Data();
}

// Memory of a typed array, DataView or ArrayBuffer.
struct Bytes {
  void* data = nullptr;
  size_t length = 0;
};
Bytes bytesOf(napi_env env, napi_value view);

}  // namespace accelerate_ts
