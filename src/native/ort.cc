// Opening of ONNX Runtime's library and the making of its environment.
#include "ort.h"

#include <dlfcn.h>

#include <cstdlib>
#include <mutex>

#include "custom_op.h"
#include "job_queue.h"

namespace accelerate_ts {
namespace {

std::mutex opening;
// Leaked on purpose: see openOrt.
Ort* opened = nullptr;

bool known(const std::string& version, const std::vector<std::string>& beginnings) {
  for (const std::string& beginning : beginnings) {
    if (version.compare(0, beginning.size(), beginning) == 0) return true;
  }
  return false;
}

bool loadLibrary(const OrtOptions& options, Ort& ort, Failure& failure) {
  // Before the library's constructors run: it would open a telemetry database in the user's home and start a thread.
  setenv("ORT_DISABLE_TELEMETRY", "1", 1);
  void* handle = dlopen(options.library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    failure = Failure{"ERR_ENGINE_LOAD", std::string("ONNX Runtime cannot be opened: ") + dlerror(), {}, {}, {}};
    return false;
  }
  const auto base = reinterpret_cast<const OrtApiBase* (*)()>(dlsym(handle, "OrtGetApiBase"));
  if (base == nullptr) {
    failure = Failure{"ERR_ENGINE_LOAD", options.library + " is not ONNX Runtime: it has no OrtGetApiBase", {}, {}, {}};
    return false;
  }
  ort.library = options.library;
  ort.version = base()->GetVersionString();
  const OrtApi* api = known(ort.version, options.versions) ? base()->GetApi(kOrtApiVersion) : nullptr;
  if (api == nullptr) {
    std::string wanted;
    for (const std::string& version : options.versions) wanted += (wanted.empty() ? "" : " or ") + version + "x";
    failure = Failure{"ERR_ENGINE_VERSION", options.library + " is ONNX Runtime " + ort.version + ", this package knows " + wanted, {}, {}, {}};
    return false;
  }
  ort.api.load(api);
  return true;
}

std::string makeEnvironment(const OrtOptions& options, Ort& ort) {
  const OrtFunctions& api = ort.api;
  OrtThreadingOptions* threading = nullptr;
  std::string error = takeStatus(api.CreateThreadingOptions(&threading));
  if (!error.empty()) return error;
  OrtStatus* status = api.SetGlobalIntraOpNumThreads(threading, static_cast<int>(options.threads));
  if (status == nullptr) status = api.SetGlobalInterOpNumThreads(threading, 1);
  if (status == nullptr) status = api.SetGlobalSpinControl(threading, options.spin ? 1 : 0);
  if (status == nullptr) status = api.SetGlobalDenormalAsZero(threading);
  // Every error comes back as a status and becomes a typed error; on stderr it would only be noise.
  if (status == nullptr) status = api.CreateEnvWithGlobalThreadPools(kOrtLogFatal, "accelerate-ts", threading, &ort.env);
  api.ReleaseThreadingOptions(threading);
  // One arena for all sessions: compiled programs run one after the other and can use the same scratch memory.
  if (status == nullptr) status = api.CreateCpuMemoryInfo(kOrtArenaAllocator, kOrtMemTypeDefault, &ort.cpu);
  if (status == nullptr) status = api.CreateAndRegisterAllocator(ort.env, ort.cpu, nullptr);
  if (status == nullptr) status = api.GetAllocatorWithDefaultOptions(&ort.allocator);
  if (status == nullptr) status = registerCustomOps(api, &ort.domain);
  return takeStatus(status);
}

}  // namespace

const Ort* ort() noexcept { return opened; }

std::string takeStatus(OrtStatus* status) {
  if (status == nullptr) return {};
  std::string message = opened->api.GetErrorMessage(status);
  opened->api.ReleaseStatus(status);
  return message.empty() ? "ONNX Runtime gave no message" : message;
}

const Ort* openOrt(const OrtOptions& options, Failure& failure) {
  std::lock_guard<std::mutex> lock(opening);
  if (opened != nullptr) return opened;
  auto ort = std::make_unique<Ort>();
  if (!loadLibrary(options, *ort, failure)) return nullptr;
  ort->threads = options.threads;
  ort->spin = options.spin;
  opened = ort.get();
  const std::string error = makeEnvironment(options, *ort);
  if (!error.empty()) {
    opened = nullptr;
    failure = Failure{"ERR_ENGINE_LOAD", "ONNX Runtime's environment: " + error, {}, {}, {}};
    return nullptr;
  }
  ort->pool = std::make_unique<ThreadPool>(options.threads);
  // After dlopen, so that it runs before the library's own exit handlers.
  JobQueue::haltAtExit();
  return ort.release();
}

}  // namespace accelerate_ts
