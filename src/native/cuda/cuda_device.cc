// GPUs by CUDA: memory of cudaMalloc, ONNX Runtime's CUDA provider on the stream of the GPU.
#include "cuda_device.h"

#include <dlfcn.h>

#include <mutex>

#include "../ort.h"
#include "cuda_runtime.h"
#include "gpu.h"
#include "kernels/library.h"

namespace accelerate_ts::cuda {
namespace {

// The provider keeps the pinned memory of its small tables until a run that it waits for: each so many of a session.
constexpr uint64_t kRunsWithoutEnd = 256;

// The driver's name for a device that the runtime counts in the same order.
std::string nameOf(int index) {
  void* driver = dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL);
  const auto get = driver == nullptr ? nullptr : reinterpret_cast<int (*)(int*, int)>(dlsym(driver, "cuDeviceGet"));
  const auto name = driver == nullptr ? nullptr : reinterpret_cast<int (*)(char*, int, int)>(dlsym(driver, "cuDeviceGetName"));
  char text[256] = "";
  int device = 0;
  if (get == nullptr || name == nullptr || get(&device, index) != 0 || name(text, sizeof text - 1, device) != 0) return "CUDA device " + std::to_string(index);
  return text;
}

// Why the provider's library cannot be opened, in the loader's words: ONNX Runtime keeps them for its log. Empty where it can.
std::string loaderError() {
  const std::string& library = ort()->library;
  const size_t slash = library.rfind('/');
  const std::string folder = slash == std::string::npos ? std::string() : library.substr(0, slash + 1);
  for (const char* name : {"libonnxruntime_providers_shared.so", "libonnxruntime_providers_cuda.so"}) {
    if (dlopen((folder + name).c_str(), RTLD_LAZY | RTLD_GLOBAL) != nullptr) continue;
    const char* said = dlerror();
    return said == nullptr ? folder + name : said;
  }
  return {};
}

class CudaDevice : public Device {
 public:
  explicit CudaDevice(std::shared_ptr<Gpu> gpu) : gpu_(std::move(gpu)) {}
  ~CudaDevice() override {
    leaveDevice(this);
    const Turn held = turn();
    releaseBuried();
    gpu_->synchronize();
  }

  std::string open(const unsigned char* model, size_t bytes) {
    const OrtFunctions& api = ort()->api;
    name = nameOf(gpu_->options.index);
    OrtSessionOptions* options = nullptr;
    OrtSession* session = nullptr;
    OrtAllocator* allocator = nullptr;
    OrtStatus* status = api.CreateSessionOptions(&options);
    const OrtPtr<OrtSessionOptions> kept(options);
    if (status == nullptr) status = api.DisablePerSessionThreads(options);
    if (status == nullptr) status = api.AddSessionConfigEntry(options, "session.use_env_allocators", "1");
    if (status == nullptr) status = join(options, {});
    if (status == nullptr) status = api.CreateSessionFromArray(ort()->env, model, bytes, options, &session);
    anchor_.reset(session);
    if (status == nullptr) status = api.CreateAllocator(session, memory(), &allocator);
    arena_.reset(allocator);
    const std::string error = takeStatus(status);
    if (error.empty()) enterDevice(this);
    // They are an addition: what does not fit is told, and the work done without them.
    if (error.empty() && gpu_->options.kernels) kernels_ = openCudaKernels(gpu_->options.kernelLibrary, without);
    if (kernels_ == nullptr) return error;
    int major = 0, minor = 0;
    std::string unknown = errorOf("cudaDeviceGetAttribute", runtime()->cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, gpu_->options.index));
    if (unknown.empty()) unknown = errorOf("cudaDeviceGetAttribute", runtime()->cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, gpu_->options.index));
    without = unknown.empty() ? tooOldForCudaKernels(major * 10 + minor) : unknown;
    if (!without.empty()) kernels_ = nullptr;
    return error;
  }

  OrtCustomOpDomain* ops() override { return kernels_ == nullptr ? ort()->domain : cudaOps(); }
  const Kernels* kernels() const noexcept override { return kernels_; }

  // The device that a thread works on is the thread's.
  Turn turn() override {
    Turn turn;
    if (gpu_->records) turn.lock = std::unique_lock<std::mutex>(gpu_->recording);
    turn.error = errorOf("cudaSetDevice", runtime()->cudaSetDevice(gpu_->options.index));
    return turn;
  }

  OrtStatus* join(OrtSessionOptions* options, const DeviceSessionOptions& session) override {
    if (session.graph) gpu_->records = true;
    const OrtFunctions& api = ort()->api;
    OrtCUDAProviderOptionsV2* made = nullptr;
    OrtStatus* status = providerOptions(&made, session.graph);
    const OrtPtr<OrtCUDAProviderOptionsV2> provider(made);
    if (status == nullptr) status = api.UpdateCUDAProviderOptionsWithValue(made, "user_compute_stream", gpu_->stream.get());
    if (status == nullptr) status = api.SessionOptionsAppendExecutionProvider_CUDA_V2(options, made);
    return status;
  }

  OrtStatus* prepare(OrtRunOptions* options) override { return synchronizes(options, false); }

  OrtStatus* beforeRun(OrtRunOptions* options, uint64_t runs, bool graph) override {
    // While launches are recorded nothing may be waited for.
    return synchronizes(options, !graph && runs % kRunsWithoutEnd == kRunsWithoutEnd - 1);
  }

  std::string afterRun() override {
    // "Not ready" is what somebody was answered who asked whether something has ended.
    const cudaError_t last = runtime()->cudaGetLastError();
    const std::string error = last == cudaErrorNotReady ? std::string() : errorOf("a kernel of the run", last);
    return error.empty() ? gpu_->noteRun() : error;
  }

  // A session that ends has the stream call a function that gives its pinned memory back. Where that let go of the arena last, the arena would call CUDA from there, which CUDA forbids: so it is held until then.
  void endSession(OrtPtr<OrtSession> session) noexcept override {
    OrtAllocator* arena = nullptr;
    if (gpu_->pinned) takeStatus(ort()->api.CreateAllocator(session.get(), gpu_->pinned.get(), &arena));  // not every session has one
    const OrtPtr<OrtAllocator> held(arena);
    session.reset();
    gpu_->synchronize();
  }

  std::string allocate(size_t bytes, void*& memory) override {
    std::string error = errorOf("cudaMalloc", runtime()->cudaMalloc(&memory, bytes));
    if (!error.empty()) {
      memory = nullptr;
      size_t free = 0, total = 0;
      if (runtime()->cudaMemGetInfo(&free, &total) == cudaSuccess) error += ", " + std::to_string(free) + " of the GPU's " + std::to_string(total) + " bytes are free";
      return error;
    }
    error = errorOf("cudaMemsetAsync", runtime()->cudaMemsetAsync(memory, 0, bytes, gpu_->stream.get()));
    if (!error.empty()) release(memory), memory = nullptr;
    return error;
  }

  // cudaFree waits for the whole device, which says more than is needed; that our own work on the memory has ended is said here.
  void release(void* memory) noexcept override {
    runtime()->cudaStreamSynchronize(gpu_->stream.get());
    runtime()->cudaFree(memory);
  }

  std::string upload(const std::vector<HostCopy>& copies) override {
    const std::lock_guard<std::mutex> lock(gpu_->mutex);
    std::string error;
    for (const HostCopy& copy : copies) if (error.empty()) error = gpu_->staging.upload(copy.array->data, copy.host, copy.array->bytes);
    return error;
  }

  std::string download(const std::vector<HostCopy>& copies) override {
    const std::lock_guard<std::mutex> lock(gpu_->mutex);
    std::string error;
    for (const HostCopy& copy : copies) if (error.empty()) error = gpu_->staging.download(copy.host, copy.array->data, copy.array->bytes);
    const std::string end = gpu_->staging.finish();
    return error.empty() ? end : error;
  }

  std::string copy(const std::vector<DeviceCopy>& copies) override {
    std::string error;
    for (const DeviceCopy& copy : copies) {
      if (!error.empty() || copy.from->bytes == 0) continue;
      error = errorOf("cudaMemcpyAsync", runtime()->cudaMemcpyAsync(copy.into->data, copy.from->data, copy.from->bytes, cudaMemcpyDeviceToDevice, gpu_->stream.get()));
    }
    return error;
  }

  std::string synchronize() override { return gpu_->synchronize(); }

  bool memoryOf(uint64_t& free, uint64_t& total) override {
    size_t left = 0, all = 0;
    if (!errorOf("cudaMemGetInfo", runtime()->cudaMemGetInfo(&left, &all)).empty()) return false;
    free = left;
    total = all;
    return true;
  }

  const OrtMemoryInfo* memory() const noexcept override { return gpu_->memory.get(); }
  const OrtAllocator* scratch() const noexcept override { return arena_.get(); }
  void* stream() const noexcept override { return gpu_->stream.get(); }
  int index() const noexcept override { return gpu_->options.index; }

 private:
  static OrtStatus* synchronizes(OrtRunOptions* options, bool does) { return ort()->api.AddRunConfigEntry(options, "disable_synchronize_execution_providers", does ? "0" : "1"); }

  OrtStatus* providerOptions(OrtCUDAProviderOptionsV2** made, bool graph) const {
    const OrtFunctions& api = ort()->api;
    const CudaOptions& options = gpu_->options;
    const std::string index = std::to_string(options.index);
    const std::string limit = std::to_string(options.memoryLimit == 0 ? SIZE_MAX : options.memoryLimit);
    const char* keys[] = {"device_id", "gpu_mem_limit", "arena_extend_strategy", "cudnn_conv_algo_search", "use_tf32", "enable_cuda_graph"};
    const char* values[] = {index.c_str(), limit.c_str(), options.sameAsRequested ? "kSameAsRequested" : "kNextPowerOfTwo", options.convolutions.c_str(), options.tf32 ? "1" : "0", graph ? "1" : "0"};
    OrtStatus* status = api.CreateCUDAProviderOptions(made);
    if (status == nullptr) status = api.UpdateCUDAProviderOptions(*made, keys, values, sizeof keys / sizeof *keys);
    return status;
  }

  const std::shared_ptr<Gpu> gpu_;
  const Kernels* kernels_ = nullptr;
  OrtPtr<OrtSession> anchor_;
  OrtPtr<OrtAllocator> arena_;
};

}  // namespace

std::shared_ptr<Device> openCuda(CudaOptions options, Failure& failure) {
  preloadLibraries(options.libraries);
  // The provider's library is opened here: it says which of its libraries is missing.
  OrtCUDAProviderOptionsV2* probe = nullptr;
  OrtSessionOptions* nobody = nullptr;
  OrtStatus* status = ort()->api.CreateSessionOptions(&nobody);
  const OrtPtr<OrtSessionOptions> keptToo(nobody);
  if (status == nullptr) status = ort()->api.CreateCUDAProviderOptions(&probe);
  const OrtPtr<OrtCUDAProviderOptionsV2> kept(probe);
  if (status == nullptr) status = ort()->api.SessionOptionsAppendExecutionProvider_CUDA_V2(nobody, probe);
  std::string error = takeStatus(status);
  if (!error.empty()) {
    const std::string said = loaderError();
    if (!said.empty()) error = said;
    failure = Failure{"ERR_DEVICE_PROVIDER", error, {}, {}, {}};
    return nullptr;
  }
  if (openRuntime(failure) == nullptr) return nullptr;
  int devices = 0, driver = 0, version = 0;
  const cudaError_t code = runtime()->cudaGetDeviceCount(&devices);
  error = errorOf("cudaGetDeviceCount", code);
  if (!error.empty()) {
    runtime()->cudaDriverGetVersion(&driver);
    runtime()->cudaRuntimeGetVersion(&version);
    if (code == cudaErrorInsufficientDriver) error += "; the driver serves CUDA " + std::to_string(driver / 1000) + "." + std::to_string(driver % 1000 / 10) + ", the runtime is of " + std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
    failure = Failure{code == cudaErrorInsufficientDriver ? "ERR_DEVICE_DRIVER" : "ERR_DEVICE_NONE", error, {}, {}, {}};
    return nullptr;
  }
  if (options.index >= devices) {
    failure = Failure{"ERR_DEVICE_NONE", "there are " + std::to_string(devices) + " CUDA devices, the first is 0", {}, {}, {}};
    return nullptr;
  }
  const std::shared_ptr<Gpu> gpu = openGpu(options, error);
  if (gpu) {
    auto device = std::make_shared<CudaDevice>(gpu);
    error = device->open(kAnchorModel, sizeof kAnchorModel);
    if (error.empty()) return device;
  }
  failure = Failure{"ERR_DEVICE_OPEN", error, {}, {}, {}};
  return nullptr;
}

}  // namespace accelerate_ts::cuda
