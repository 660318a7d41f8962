// Finding and opening CUDA's libraries, and what its error codes say.
#include "cuda_runtime.h"

#include <dlfcn.h>

#include <mutex>

namespace accelerate_ts::cuda {
namespace {

#if defined(__aarch64__) || defined(__x86_64__)
constexpr const char* runtimeNames[] = {"libcudart.so.13", "libcudart.so.12"};
#else
constexpr const char* runtimeNames[] = {"libcudart.so.13"};
#endif

// In the order in which they need each other; of each version those that are there.
constexpr const char* providerLibraries[] = {"libcudart.so.13", "libcublasLt.so.13", "libcublas.so.13", "libcurand.so.10", "libcufft.so.12", "libnvrtc.so.13", "libcudnn.so.9",
                                             "libcudart.so.12", "libcublasLt.so.12", "libcublas.so.12", "libcufft.so.11", "libnvrtc.so.12"};

std::mutex opening;
CudaFunctions* opened = nullptr;

}  // namespace

void preloadLibraries(const std::vector<std::string>& folders) {
  for (const char* name : providerLibraries) {
    // One that the process has already is the one that counts.
    if (dlopen(name, RTLD_LAZY | RTLD_NOLOAD) != nullptr) continue;
    for (const std::string& folder : folders) {
      // A library may be of a version that nobody asks for: what is missing in the end the provider says itself.
      if (dlopen((folder + "/" + name).c_str(), RTLD_LAZY | RTLD_GLOBAL) != nullptr) break;
    }
  }
}

const CudaFunctions* runtime() noexcept { return opened; }

const CudaFunctions* openRuntime(Failure& failure) {
  const std::lock_guard<std::mutex> lock(opening);
  if (opened != nullptr) return opened;
  void* library = nullptr;
  std::string said;
  for (const int only : {RTLD_NOLOAD, 0}) {
    for (const char* name : runtimeNames) {
      if (library == nullptr) library = dlopen(name, RTLD_LAZY | RTLD_LOCAL | only);
      if (const char* error = library == nullptr && only == 0 ? dlerror() : nullptr) said += (said.empty() ? "" : "; ") + std::string(error);
    }
  }
  if (library == nullptr) {
    failure = Failure{"ERR_DEVICE_OPEN", "CUDA's runtime is not there: " + said, {}, {}, {}};
    return nullptr;
  }
  auto functions = std::make_unique<CudaFunctions>();
  const std::string missing = functions->load(library);
  if (!missing.empty()) {
    failure = Failure{"ERR_DEVICE_OPEN", "CUDA's runtime has no function " + missing, {}, {}, {}};
    return nullptr;
  }
  return opened = functions.release();  // it stays as long as the process
}

std::string errorOf(const char* call, cudaError_t code) {
  if (code == cudaSuccess) return {};
  opened->cudaGetLastError();
  return std::string(call) + ": " + opened->cudaGetErrorString(code) + " (" + opened->cudaGetErrorName(code) + ", " + std::to_string(code) + ")";
}

std::string makeEvent(Event& event) {
  cudaEvent_t made = nullptr;
  const std::string error = errorOf("cudaEventCreateWithFlags", opened->cudaEventCreateWithFlags(&made, cudaEventDisableTiming));
  event.reset(made);
  return error;
}

}  // namespace accelerate_ts::cuda
