// See library.h.
#include "library.h"

#include <dlfcn.h>

#include <cstdlib>
#include <mutex>

#include "ops.h"

namespace accelerate_ts {
namespace {

struct Opened {
  std::mutex mutex;
  bool tried = false;
  const cuda::Kernels* kernels = nullptr;
  std::string architectures;
  OrtCustomOpDomain* domain = nullptr;
  std::string why;
};
Opened& opened() {
  static Opened* one = new Opened();  // outlives static destructors
  return *one;
}

/// The folder that the addon lies in.
std::string ownFolder() {
  Dl_info info = {};
  if (dladdr(reinterpret_cast<void*>(&ownFolder), &info) == 0 || info.dli_fname == nullptr) return {};
  const std::string path = info.dli_fname;
  return path.substr(0, path.find_last_of('/') + 1);
}

const cuda::Kernels* load(const std::string& named, std::string& architectures, std::string& why) {
  const std::string path = named.empty() ? ownFolder() + "accelerate_ts_cuda.so" : named;
  if (FILE* file = std::fopen(path.c_str(), "rb"); file != nullptr) std::fclose(file);
  else {
    if (!named.empty()) why = named + " is not there";
    return nullptr;
  }
  // Never closed: kernels are registered with the runtime as long as the process lives.
  void* const library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* const message = dlerror();
    why = message == nullptr ? path + " cannot be opened" : message;
    return nullptr;
  }
  auto* const of = reinterpret_cast<cuda::KernelsOf*>(dlsym(library, cuda::kernels_symbol));
  const cuda::Kernels* const kernels = of == nullptr ? nullptr : of(cuda::kernels_version);
  if (kernels == nullptr) why = path + " was built from other sources: npx accelerate-ts build-native --cuda";
  if (auto* const told = reinterpret_cast<const char* (*)()>(dlsym(library, "accelerate_ts_cuda_architectures")); told != nullptr) architectures = told();
  return kernels;
}

}  // namespace

const cuda::Kernels* openCudaKernels(const std::string& path, std::string& why) {
  Opened& state = opened();
  const std::lock_guard<std::mutex> lock(state.mutex);
  if (!state.tried) {
    state.tried = true;
    state.kernels = load(path, state.architectures, state.why);
    useCudaKernels(state.kernels);
  }
  why = state.why;
  return state.kernels;
}

std::string tooOldForCudaKernels(int capability) {
  const std::string& architectures = opened().architectures;
  int oldest = 0;
  for (size_t at = architectures.find('_'); at != std::string::npos; at = architectures.find('_', at + 1)) {
    const int built = std::atoi(architectures.c_str() + at + 1);
    if (oldest == 0 || built < oldest) oldest = built;
  }
  if (capability >= oldest) return {};
  return "the CUDA kernels are compiled for " + architectures + ", and this GPU has compute " + std::to_string(capability / 10) + "." + std::to_string(capability % 10);
}

OrtCustomOpDomain* cudaOps() {
  Opened& state = opened();
  const std::lock_guard<std::mutex> lock(state.mutex);
  if (state.kernels == nullptr) return ort()->domain;
  if (state.domain == nullptr) {
    OrtCustomOpDomain* domain = nullptr;
    const std::string error = takeStatus(registerCustomOps(ort()->api, &domain, cudaCustomOps));
    // Without memory for a list of ops nothing else goes on either.
    if (!error.empty()) return ort()->domain;
    state.domain = domain;
  }
  return state.domain;
}

}  // namespace accelerate_ts
