// The addon's entry: data per environment, the opening of ONNX Runtime, and the exports of all modules.
#include <dlfcn.h>
#include <napi.h>

#include "job_queue.h"
#include "modules.h"
#include "objects.h"
#include "ort.h"

namespace accelerate_ts {
namespace {

// Threads of ours outlive a worker_thread that loaded the addon first, so its code must never be unmapped.
void pinCode() {
  Dl_info self;
  if (dladdr(reinterpret_cast<void*>(&pinCode), &self) != 0) dlopen(self.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
}

// open(library, versions: string[], threads, spin): { version, threads, spin, library } of the one environment of the process
Napi::Value open(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  OrtOptions options;
  options.library = info[0].As<Napi::String>();
  const Napi::Array versions = info[1].As<Napi::Array>();
  for (uint32_t i = 0; i < versions.Length(); i++) {
    Napi::String version;
    if (!read(versions, i, version)) return env.Undefined();
    options.versions.push_back(version);
  }
  options.threads = info[2].As<Napi::Number>().Uint32Value();
  options.spin = info[3].As<Napi::Boolean>();
  Failure failure;
  const Ort* opened = openOrt(options, failure);
  if (opened == nullptr) {
    Napi::Error error = Napi::Error::New(env, failure.message);
    error.Set("code", Napi::String::New(env, failure.code));
    error.ThrowAsJavaScriptException();
    return env.Undefined();
  }
  env.GetInstanceData<AddonData>()->jobs.listen(env);
  Napi::Object result = Napi::Object::New(env);
  result.Set("version", opened->version);
  result.Set("library", opened->library);
  result.Set("threads", static_cast<double>(opened->threads));
  result.Set("spin", opened->spin);
  return result;
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  pinCode();
  env.SetInstanceData(new AddonData(env));
  exports.Set("open", Napi::Function::New(env, open));
  for (const Module* module = Module::first; module != nullptr; module = module->next) module->init(env, exports);
  return exports;
}

}  // namespace
}  // namespace accelerate_ts

static Napi::Object initialize(Napi::Env env, Napi::Object exports) { return accelerate_ts::init(env, exports); }
NODE_API_MODULE(accelerate_ts, initialize)
