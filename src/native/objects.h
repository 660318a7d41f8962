// Reading what JS objects hold. In a worker_thread that is being terminated they give nothing any more: an empty handle, and what is made of it has no value at all.
#pragma once
#include <napi.h>

namespace accelerate_ts {

// False: there is nothing to read, and the caller returns at once; nobody waits for what it would do.
template <typename T, typename Key>
bool read(const Napi::Object& object, Key key, T& into) {
  const Napi::Value value = object.Get(key);
  if (value.IsEmpty()) return false;
  into = value.As<T>();
  return true;
}

// A promise, or neither: a worker that is being terminated makes none, and Napi::Promise::Deferred would hold what lay in its memory before.
struct Deferred {
  napi_deferred handle = nullptr;
  napi_value promise = nullptr;

  static Deferred make(napi_env env) {
    Deferred made;
    if (napi_create_promise(env, &made.handle, &made.promise) != napi_ok) return {};
    return made;
  }
  explicit operator bool() const { return handle != nullptr; }
};

}  // namespace accelerate_ts
