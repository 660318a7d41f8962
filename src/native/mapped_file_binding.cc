// mapFile(path, identity): handle, and mapWindow(handle, offset, length): ArrayBuffer over a part of it, without a copy.
#include <napi.h>

#include <memory>
#include <string>

#include "mapped_file.h"
#include "modules.h"

namespace accelerate_ts {
namespace {

using Holder = std::shared_ptr<MappedFile>;

void fail(Napi::Env env, const std::string& code, const std::string& message) {
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", Napi::String::New(env, code));
  error.ThrowAsJavaScriptException();
}

// identity: device, inode, size, modified (ns) as BigUint64Array
Napi::Value map(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto words = info[1].As<Napi::BigUint64Array>();
  const FileIdentity identity{words[0], words[1], words[2], static_cast<int64_t>(words[3])};
  MapError error;
  Holder file = mapFile(info[0].As<Napi::String>().Utf8Value(), identity, error);
  if (!file) {
    fail(env, error.code, error.message);
    return env.Undefined();
  }
  return Napi::External<Holder>::New(env, new Holder(std::move(file)), [](Napi::Env, Holder* holder) { delete holder; });
}

// The pages are read-only: nobody may write to the buffer. It keeps the mapping.
Napi::Value window(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Holder& file = *info[0].As<Napi::External<Holder>>().Data();
  const size_t offset = static_cast<size_t>(info[1].As<Napi::Number>().Int64Value());
  const size_t length = static_cast<size_t>(info[2].As<Napi::Number>().Int64Value());
  if (offset > file->size() || length > file->size() - offset) {
    fail(env, "ERR_FILE_WINDOW", "the window lies outside the file");
    return env.Undefined();
  }
  auto* const holder = new Holder(file);
  napi_value buffer;
  const auto release = [](napi_env, void*, void* hint) { delete static_cast<Holder*>(hint); };
  // As in memory.cc: where Node refuses, it runs the finalizer itself.
  if (napi_create_external_arraybuffer(env, file->data() + offset, length, release, holder, &buffer) == napi_ok) return Napi::Value(env, buffer);
  if (env.IsExceptionPending()) env.GetAndClearPendingException();
  fail(env, "ERR_FILE_WINDOW", "a window of " + std::to_string(length) + " bytes is larger than this Node's ArrayBuffers for native code");
  return env.Undefined();
}

void init(Napi::Env env, Napi::Object exports) {
  exports.Set("mapFile", Napi::Function::New(env, map));
  exports.Set("mapWindow", Napi::Function::New(env, window));
}
const Module module(init);

}  // namespace
}  // namespace accelerate_ts
