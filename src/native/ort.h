// ONNX Runtime, once per process: the opened library, its environment with one pool of threads for all sessions, and the addon's own pool beside it.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "job.h"
#include "ort_api.h"
#include "thread_pool.h"

namespace accelerate_ts {

struct OrtOptions {
  std::string library;                // path of libonnxruntime
  std::vector<std::string> versions;  // known beginnings of its version string, as "1.30."
  size_t threads = 1;
  bool spin = false;
};

struct Ort {
  OrtFunctions api;
  std::string library;
  std::string version;
  size_t threads = 1;
  bool spin = false;
  OrtEnv* env = nullptr;
  OrtMemoryInfo* cpu = nullptr;
  OrtAllocator* allocator = nullptr;
  OrtCustomOpDomain* domain = nullptr;
  std::unique_ptr<ThreadPool> pool;
};

// Opens the library and makes the environment; a second call returns the same one whatever its options. Null: `failure` is filled.
// It is never released: sessions, tensors and threads of several Node environments may outlive the one that opened it.
const Ort* openOrt(const OrtOptions& options, Failure& failure);

// Null before openOrt.
const Ort* ort() noexcept;

// Takes the status; the message of a failed call, empty after a good one.
std::string takeStatus(OrtStatus* status);

// unique_ptr for the C API's objects.
template <typename T>
struct OrtRelease;
#define ACCELERATE_TS_ORT_RELEASE(Type, Function) \
  template <>                                     \
  struct OrtRelease<Type> {                       \
    void operator()(Type* object) const { ort()->api.Function(object); } \
  };
ACCELERATE_TS_ORT_RELEASE(OrtSession, ReleaseSession)
ACCELERATE_TS_ORT_RELEASE(OrtSessionOptions, ReleaseSessionOptions)
ACCELERATE_TS_ORT_RELEASE(OrtRunOptions, ReleaseRunOptions)
ACCELERATE_TS_ORT_RELEASE(OrtIoBinding, ReleaseIoBinding)
ACCELERATE_TS_ORT_RELEASE(OrtValue, ReleaseValue)
ACCELERATE_TS_ORT_RELEASE(OrtTypeInfo, ReleaseTypeInfo)
ACCELERATE_TS_ORT_RELEASE(OrtTensorTypeAndShapeInfo, ReleaseTensorTypeAndShapeInfo)
ACCELERATE_TS_ORT_RELEASE(OrtMemoryInfo, ReleaseMemoryInfo)
ACCELERATE_TS_ORT_RELEASE(OrtAllocator, ReleaseAllocator)
ACCELERATE_TS_ORT_RELEASE(OrtCUDAProviderOptionsV2, ReleaseCUDAProviderOptions)
#undef ACCELERATE_TS_ORT_RELEASE
template <typename T>
using OrtPtr = std::unique_ptr<T, OrtRelease<T>>;

}  // namespace accelerate_ts
