// Sessions and bindings as C++ objects: shared by the JS handles and by the jobs in flight.
#pragma once
#include <napi.h>

#include <memory>
#include <string>
#include <vector>

#include "ort.h"

namespace accelerate_ts {

struct Slot {
  std::string name;
  int type = 0;
  bool shaped = false;
  std::vector<int64_t> dims;          // -1 where symbolic or unknown
  std::vector<std::string> symbols;   // empty where fixed or unnamed
};

struct Session {
  OrtPtr<OrtSession> session;
  std::vector<Slot> inputs;
  std::vector<Slot> outputs;
};

struct Binding {
  std::shared_ptr<Session> session;
  // In this order: the binding goes before the session it belongs to.
  OrtPtr<OrtRunOptions> options;
  OrtPtr<OrtIoBinding> binding;
  // Outputs that ONNX Runtime allocates; bound anew before each run, else the next run would write into the tensor that the last one returned.
  std::vector<bool> dynamic;
  // Place of each output among the bound ones, in the order of their first binding; -1 when not bound.
  std::vector<int> place;
  int bound = 0;
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
