// Kernels: who they are (from what nvcc's code registers), their launches by name, and which memory they are given.
#include <cxxabi.h>

#include <cstdlib>
#include <cstring>
#include <unordered_map>

#include "double.h"

using namespace doubled;

namespace {

struct Kernel {
  std::string mangled;
  std::string name;
  /** Per parameter: 'r' a pointer to what is only read, 'w' another pointer, ' ' neither. */
  std::string parameters;
  bool known = false;
  int sharedMemory = 49152;
};
std::mutex& registry = *new std::mutex;
std::unordered_map<const void*, Kernel>& kernels = *new std::unordered_map<const void*, Kernel>;

/** "f(float const*, int)" -> "r ": pointers among the parameters of a demangled name. */
std::string parametersOf(const std::string& name) {
  if (name.empty() || name.back() != ')') return "";
  size_t begin = name.size() - 1;
  for (int depth = 0;; begin--) {
    if (name[begin] == ')') depth++;
    if (name[begin] == '(' && --depth == 0) break;
    if (begin == 0) return "";
  }
  std::string out, part;
  int depth = 0;
  const auto flush = [&] {
    while (!part.empty() && part.back() == ' ') part.pop_back();
    if (part.empty()) return;
    const bool pointer = part.back() == '*';
    out += !pointer ? ' ' : part.size() > 6 && part.compare(part.size() - 6, 6, "const*") == 0 ? 'r' : 'w';
    part.clear();
  };
  for (size_t i = begin + 1; i + 1 < name.size(); i++) {
    const char c = name[i];
    if (c == '<' || c == '(' || c == '{' || c == '[') depth++;
    if (c == '>' || c == ')' || c == '}' || c == ']') depth--;
    if (c == ',' && depth == 0) flush();
    else part += c;
  }
  flush();
  return out;
}

Kernel& kernelOf(const void* function) {
  std::lock_guard<std::mutex> guard(registry);
  Kernel& kernel = kernels[function];
  if (!kernel.known) {
    kernel.known = true;
    int status = 0;
    char* text = abi::__cxa_demangle(kernel.mangled.c_str(), nullptr, nullptr, &status);
    kernel.name = status == 0 ? text : kernel.mangled.empty() ? "a kernel without a name" : kernel.mangled;
    kernel.parameters = parametersOf(kernel.name);
    free(text);
  }
  return kernel;
}

/** Without parameters and result: "onnxruntime::cuda::_Fill<float>". */
std::string shortName(const std::string& name) {
  size_t end = name.size();
  if (!name.empty() && name.back() == ')') {
    int depth = 0;
    for (end = name.size() - 1; end > 0; end--) {
      if (name[end] == ')') depth++;
      if (name[end] == '(' && --depth == 0) break;
    }
  }
  const size_t begin = name.compare(0, 5, "void ") == 0 ? 5 : 0;
  return name.substr(begin, end - begin);
}

cudaError_t launchKernel(const Call& call, const void* function, dim3 grid, dim3 block, void** arguments, size_t sharedMemory, cudaStream_t stream) {
  const Kernel& kernel = kernelOf(function);
  const std::string name = shortName(kernel.name);
  const auto tooBig = [](unsigned value, unsigned limit) { return value == 0 || value > limit; };
  if (tooBig(grid.x, 2147483647u) || tooBig(grid.y, 65535) || tooBig(grid.z, 65535) || tooBig(block.x, 1024) || tooBig(block.y, 1024) || tooBig(block.z, 64) || block.x * block.y * block.z > 1024) {
    violation("kernel %s is launched with a grid of %u x %u x %u and blocks of %u x %u x %u", name.c_str(), grid.x, grid.y, grid.z, block.x, block.y, block.z);
    return result(cudaErrorInvalidConfiguration);
  }
  if (sharedMemory > size_t(kernel.sharedMemory)) {
    violation("kernel %s is launched with %zu bytes of shared memory, cudaFuncSetAttribute allows it %d", name.c_str(), sharedMemory, kernel.sharedMemory);
    return result(cudaErrorInvalidValue);
  }
  std::vector<Touch> touches;
  for (size_t i = 0; arguments != nullptr && i < kernel.parameters.size(); i++) {
    if (kernel.parameters[i] == ' ') continue;
    const void* pointer;
    memcpy(&pointer, arguments[i], sizeof pointer);
    if (pointer == nullptr) continue;
    // How far it reaches is not known: the first bytes stand for it.
    touches.push_back({pointer, 4, kernel.parameters[i] == 'w'});
  }
  char more[160];
  snprintf(more, sizeof more, ",\"grid\":[%u,%u,%u],\"block\":[%u,%u,%u]", grid.x, grid.y, grid.z, block.x, block.y, block.z);
  return launch(call, name, stream, touches, more);
}

}  // namespace

namespace doubled {
cudaError_t launch(const Call& call, const std::string& name, cudaStream_t handle, const std::vector<Touch>& touches, const std::string& more) {
  bool later = false;
  const int wanted = scripted(("launch:" + name).c_str(), call.caller, &later);
  if (wanted != 0 && !later) return result(cudaError_t(wanted));
  Guard guard(lock);
  const auto stream = streamOf(handle);
  if (!stream) return result(cudaErrorInvalidResourceHandle);
  if (stream->device != currentDevice()) {
    violation("kernel %s of cuda:%d's stream is launched while cuda:%d is current", name.c_str(), stream->device, currentDevice());
    return result(cudaErrorInvalidResourceHandle);
  }
  for (const Touch& touch : touches) {
    const Allocation* held = find(touch.address);
    const Allocation* beforeEnd = held ? held : find(static_cast<const char*>(touch.address) - 1);
    if (held != nullptr && held->kind == Kind::device && held->device != stream->device)
      violation("kernel %s on cuda:%d is given %s", name.c_str(), stream->device, describe(touch.address).c_str());
    else if (beforeEnd == nullptr && inDeviceRange(touch.address))
      violation("kernel %s is given %s", name.c_str(), describe(touch.address).c_str());
    else if (held == nullptr && !inDeviceRange(touch.address))
      log("\"note\":%s", quoted("kernel " + name + " is given " + describe(touch.address)).c_str());
  }
  totals.launches++;
  if (stream->capture) stream->capture->launches++;
  log("\"launch\":%s,\"stream\":%zu,\"from\":\"%s\"%s%s", quoted(name).c_str(), stream->index, call.caller, stream->capture ? ",\"captured\":true" : "", more.c_str());
  Operation operation;
  operation.what = interned("kernel " + name);
  operation.duration = settings().times.ofKernel(name);
  if (wanted != 0)
    operation.run = [wanted] {
      if (wanted < 0) hangForEver();
      setStickyError(cudaError_t(wanted));
    };
  enqueue(stream, std::move(operation), touches);
  return cudaSuccess;
}
}  // namespace doubled

extern "C" {

cudaError_t cudaLaunchKernel(const void* function, dim3 grid, dim3 block, void** arguments, size_t sharedMemory, cudaStream_t stream) {
  DOUBLED(cudaLaunchKernel);
  return launchKernel(call, function, grid, block, arguments, sharedMemory, stream);
}
cudaError_t __cudaLaunchKernel(cudaKernel_t kernel, dim3 grid, dim3 block, void** arguments, size_t sharedMemory, cudaStream_t stream) {
  DOUBLED(cudaLaunchKernel);
  return launchKernel(call, kernel, grid, block, arguments, sharedMemory, stream);
}
cudaError_t cudaLaunchCooperativeKernel(const void* function, dim3 grid, dim3 block, void** arguments, size_t sharedMemory, cudaStream_t stream) {
  DOUBLED(cudaLaunchCooperativeKernel);
  return launchKernel(call, function, grid, block, arguments, sharedMemory, stream);
}
cudaError_t cudaLaunchKernelExC(const cudaLaunchConfig_t* config, const void* function, void** arguments) {
  DOUBLED(cudaLaunchKernelExC);
  return launchKernel(call, function, config->gridDim, config->blockDim, arguments, config->dynamicSmemBytes, config->stream);
}
cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* to, const void* function) {
  DOUBLED(cudaFuncGetAttributes);
  *to = cudaFuncAttributes();
  to->maxThreadsPerBlock = 1024;
  to->numRegs = 32;
  to->binaryVersion = to->ptxVersion = settings().computeMajor * 10 + settings().computeMinor;
  to->maxDynamicSharedSizeBytes = kernelOf(function).sharedMemory;
  return cudaSuccess;
}
cudaError_t cudaFuncSetAttribute(const void* function, cudaFuncAttribute attribute, int value) {
  DOUBLED(cudaFuncSetAttribute);
  if (attribute != cudaFuncAttributeMaxDynamicSharedMemorySize) return cudaSuccess;
  if (value > 166912) return result(cudaErrorInvalidValue);
  kernelOf(function).sharedMemory = std::max(49152, value);
  return cudaSuccess;
}
cudaError_t cudaKernelSetAttributeForDevice(cudaKernel_t kernel, cudaFuncAttribute attribute, int value, int) {
  DOUBLED(cudaKernelSetAttributeForDevice);
  if (attribute == cudaFuncAttributeMaxDynamicSharedMemorySize) kernelOf(kernel).sharedMemory = std::max(49152, value);
  return cudaSuccess;
}
cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, const void*, int, size_t) {
  DOUBLED(cudaOccupancyMaxActiveBlocksPerMultiprocessor);
  *blocks = 2;
  return cudaSuccess;
}
cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int* blocks, const void*, int, size_t, unsigned int) {
  DOUBLED(cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags);
  *blocks = 2;
  return cudaSuccess;
}
cudaError_t cudaGetDriverEntryPointByVersion(const char*, void** function, unsigned int, unsigned long long, cudaDriverEntryPointQueryResult* status) {
  DOUBLED(cudaGetDriverEntryPointByVersion);
  *function = nullptr;
  if (status != nullptr) *status = cudaDriverEntryPointSymbolNotFound;
  return cudaSuccess;
}

// What nvcc's host code calls before main.
void** __cudaRegisterFatBinary(void*) {
  static void* handle;
  return &handle;
}
void __cudaRegisterFatBinaryEnd(void**) {}
void __cudaUnregisterFatBinary(void**) {}
void __cudaRegisterFunction(void**, const char* function, char*, const char* mangled, int, uint3*, uint3*, dim3*, dim3*, int*) {
  std::lock_guard<std::mutex> guard(registry);
  kernels[function].mangled = mangled;
}
void __cudaRegisterVar(void**, char*, char*, const char*, int, size_t, int, int) {}
void __cudaRegisterManagedVar(void**, void**, char*, const char*, int, size_t, int, int) {}
char __cudaInitModule(void**) { return 0; }
cudaError_t __cudaGetKernel(cudaKernel_t* kernel, const void* function) {
  *kernel = reinterpret_cast<cudaKernel_t>(const_cast<void*>(function));
  return cudaSuccess;
}

static thread_local struct {
  dim3 grid, block;
  size_t sharedMemory;
  void* stream;
} configuration;
unsigned __cudaPushCallConfiguration(dim3 grid, dim3 block, size_t sharedMemory, struct CUstream_st* stream) {
  configuration = {grid, block, sharedMemory, stream};
  return 0;
}
cudaError_t __cudaPopCallConfiguration(dim3* grid, dim3* block, size_t* sharedMemory, void* stream) {
  *grid = configuration.grid;
  *block = configuration.block;
  *sharedMemory = configuration.sharedMemory;
  *static_cast<void**>(stream) = configuration.stream;
  return cudaSuccess;
}
}
