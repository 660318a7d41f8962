// Opens NCCL and the CUDA runtime, and takes their functions.
#include "nccl_api.h"

#if defined(__linux__)
#include <dlfcn.h>

#include <memory>
#include <mutex>

namespace accelerate_ts::nccl {
namespace {

struct Library {
  void* handle = nullptr;
  std::string name;
};

// What the process has already comes first: ONNX Runtime's provider may have opened the CUDA runtime, and what was preloaded is meant to be used.
Library openLibrary(const std::vector<std::string>& names, const char* symbol, std::string& error) {
  if (dlsym(RTLD_DEFAULT, symbol) != nullptr) return {RTLD_DEFAULT, "the process"};
  for (const std::string& name : names) {
    void* handle = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NOLOAD);
    if (handle != nullptr) return {handle, name};
  }
  for (const std::string& name : names) {
    void* handle = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle != nullptr) return {handle, name};
    const char* reason = dlerror();
    if (error.empty()) error = reason == nullptr ? name : reason;
  }
  return {};
}

template <typename Function>
bool take(const Library& library, const char* name, Function*& into, std::string& error) {
  into = reinterpret_cast<Function*>(dlsym(library.handle, name));
  if (into == nullptr) error = library.name + " has no " + name;
  return into != nullptr;
}

}  // namespace

const Api* openApi(const std::vector<std::string>& nccl, const std::vector<std::string>& cuda, std::string& error) {
  // Worker threads may come at the same time; leaked, so that it outlives static destructors.
  static std::mutex opening;
  static const Api* opened = nullptr;
  const std::lock_guard<std::mutex> lock(opening);
  if (opened != nullptr) return opened;
  auto api = std::make_unique<Api>();
  const Library runtime = openLibrary(cuda, "cudaGetDeviceCount", error);
  if (runtime.name.empty()) return nullptr;
  error.clear();
  const Library library = openLibrary(nccl, "ncclCommInitRankConfig", error);
  if (library.name.empty()) return nullptr;
  error.clear();
  bool complete = true;
#define ACCELERATE_TS_SLOT(name, result, arguments) complete = complete && take(library, #name, api->name, error);
  ACCELERATE_TS_NCCL_SLOTS(ACCELERATE_TS_SLOT)
#undef ACCELERATE_TS_SLOT
#define ACCELERATE_TS_SLOT(name, result, arguments) complete = complete && take(runtime, #name, api->name, error);
  ACCELERATE_TS_NCCL_CUDA_SLOTS(ACCELERATE_TS_SLOT)
#undef ACCELERATE_TS_SLOT
  if (!complete) return nullptr;
  const ncclResult_t asked = api->ncclGetVersion(&api->ncclVersion);
  if (asked != ncclSuccess) {
    error = library.name + ": ncclGetVersion: " + api->ncclGetErrorString(asked);
    return nullptr;
  }
  api->cudaRuntimeGetVersion(&api->cudaVersion);
  api->ncclLibrary = library.name;
  api->cudaLibrary = runtime.name;
  return opened = api.release();
}

std::string versionText(int version) {
  // Before 2.9 the minor number had two digits; those releases are too old in any case.
  return std::to_string(version / 10000) + "." + std::to_string(version / 100 % 100) + "." + std::to_string(version % 100);
}

}  // namespace accelerate_ts::nccl
#endif
