// What libraries of this machine say about themselves and about GPUs, asked by dlopen: versions, NVIDIA's GPUs through the driver, adapters through Vulkan.
// Called in a process of its own: a library that crashes or hangs takes nobody along. The libraries stay loaded until that process ends.
#include <dlfcn.h>
#include <napi.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "cuda/kernels/api.h"
#include "modules.h"

namespace accelerate_ts {
namespace {

// How a library tells its version.
enum Shape { kLoadOnly = 0, kOutInt = 1, kReturnsSize = 2, kThreeProperties = 3 };

template <typename Function>
Function symbol(void* library, const char* name) {
  return reinterpret_cast<Function>(dlsym(library, name));
}

std::string loadError() {
  const char* text = dlerror();
  return text ? text : "unknown error of the loader";
}

// The file that a function lies in.
std::string fileOf(void* function) {
  Dl_info found{};
  return function && dladdr(function, &found) && found.dli_fname ? found.dli_fname : "";
}

// libraryFact(file, symbol, shape): { path?, numbers, error? }
Napi::Value libraryFact(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::string file = info[0].As<Napi::String>(), name = info[1].As<Napi::String>();
  const int shape = info[2].As<Napi::Number>().Int32Value();
  Napi::Object answer = Napi::Object::New(env);
  Napi::Array numbers = Napi::Array::New(env);
  answer.Set("numbers", numbers);
  dlerror();
  void* library = dlopen(file.c_str(), RTLD_LAZY | RTLD_GLOBAL);
  if (!library) {
    answer.Set("error", loadError());
    return answer;
  }
  void* function = dlsym(library, name.c_str());
  const std::string path = fileOf(function);
  if (!path.empty()) answer.Set("path", path);
  if (!function) return answer;
  uint32_t count = 0;
  const auto add = [&](double value) { numbers.Set(count++, value); };
  if (shape == kOutInt) {
    int value = 0;
    if (reinterpret_cast<int (*)(int*)>(function)(&value) == 0) add(value);
  } else if (shape == kReturnsSize) {
    add(static_cast<double>(reinterpret_cast<size_t (*)()>(function)()));
  } else if (shape == kThreeProperties) {
    for (int property = 0; property < 3; property++) {
      int value = 0;
      if (reinterpret_cast<int (*)(int, int*)>(function)(property, &value) == 0) add(value);
    }
  }
  return answer;
}

// Versions that an object of kernels may have, to name the one it has.
constexpr uint32_t kMaxKernelsVersion = 64;

// kernelsFact(file): { error?, fits, version?, toolkit?, architectures? } of the object of CUDA kernels; CUDA's runtime is asked for before, so that the loader has it.
Napi::Value kernelsFact(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Napi::Object answer = Napi::Object::New(env);
  answer.Set("fits", false);
  dlerror();
  void* library = dlopen(info[0].As<Napi::String>().Utf8Value().c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    answer.Set("error", loadError());
    return answer;
  }
  const auto of = symbol<cuda::KernelsOf*>(library, cuda::kernels_symbol);
  const auto architectures = symbol<const char* (*)()>(library, "accelerate_ts_cuda_architectures");
  if (architectures) answer.Set("architectures", architectures());
  if (!of) return answer;
  const cuda::Kernels* const kernels = of(cuda::kernels_version);
  answer.Set("fits", kernels != nullptr);
  if (kernels) answer.Set("toolkit", kernels->toolkit);
  for (uint32_t version = 1; version <= kMaxKernelsVersion; version++)
    if (of(version)) answer.Set("version", version);
  return answer;
}

// Attributes of cuda.h.
constexpr int kMultiprocessors = 16, kComputeMajor = 75, kComputeMinor = 76;

// driverFacts(file): { version?, error?, gpus: { name, uuid, bus, memory, multiprocessors, major, minor }[] } in CUDA's order; CUDA_VISIBLE_DEVICES counts.
Napi::Value driverFacts(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Napi::Object answer = Napi::Object::New(env);
  Napi::Array gpus = Napi::Array::New(env);
  answer.Set("gpus", gpus);
  dlerror();
  void* cuda = dlopen(info[0].As<Napi::String>().Utf8Value().c_str(), RTLD_LAZY | RTLD_GLOBAL);
  if (!cuda) {
    answer.Set("error", loadError());
    return answer;
  }
  const auto init = symbol<int (*)(unsigned)>(cuda, "cuInit");
  const auto version = symbol<int (*)(int*)>(cuda, "cuDriverGetVersion");
  const auto text = symbol<int (*)(int, const char**)>(cuda, "cuGetErrorString");
  const auto count = symbol<int (*)(int*)>(cuda, "cuDeviceGetCount");
  const auto get = symbol<int (*)(int*, int)>(cuda, "cuDeviceGet");
  const auto name = symbol<int (*)(char*, int, int)>(cuda, "cuDeviceGetName");
  const auto memory = symbol<int (*)(size_t*, int)>(cuda, "cuDeviceTotalMem_v2");
  const auto attribute = symbol<int (*)(int*, int, int)>(cuda, "cuDeviceGetAttribute");
  auto uuid = symbol<int (*)(unsigned char*, int)>(cuda, "cuDeviceGetUuid_v2");  // of a MIG instance its own
  if (!uuid) uuid = symbol<int (*)(unsigned char*, int)>(cuda, "cuDeviceGetUuid");
  const auto bus = symbol<int (*)(char*, int, int)>(cuda, "cuDeviceGetPCIBusId");
  if (!init || !count || !get || !name || !memory || !attribute) {
    answer.Set("error", "the driver's library lacks functions of CUDA 9 and later");
    return answer;
  }
  const auto failed = [&](int code) {
    const char* said = nullptr;
    if (text) text(code, &said);
    answer.Set("error", said ? std::string(said) + " (" + std::to_string(code) + ")" : "error " + std::to_string(code));
    return answer;
  };
  int number = 0;
  if (version && version(&number) == 0) answer.Set("version", number);
  if (const int code = init(0)) return failed(code);
  int devices = 0;
  if (const int code = count(&devices)) return failed(code);
  for (int i = 0; i < devices; i++) {
    int device = 0;
    if (const int code = get(&device, i)) return failed(code);
    Napi::Object gpu = Napi::Object::New(env);
    std::array<char, 256> buffer{};
    if (const int code = name(buffer.data(), static_cast<int>(buffer.size()) - 1, device)) return failed(code);
    gpu.Set("name", buffer.data());
    size_t bytes = 0;
    if (const int code = memory(&bytes, device)) return failed(code);
    gpu.Set("memory", static_cast<double>(bytes));
    const auto ask = [&](const char* key, int what) {
      int value = 0;
      if (attribute(&value, what, device) == 0) gpu.Set(key, value);
    };
    ask("multiprocessors", kMultiprocessors);
    ask("major", kComputeMajor);
    ask("minor", kComputeMinor);
    std::array<unsigned char, 16> id{};
    if (uuid && uuid(id.data(), device) == 0) {
      static const char* digits = "0123456789abcdef";
      std::string hex;
      for (size_t k = 0; k < id.size(); k++) {
        if (k == 4 || k == 6 || k == 8 || k == 10) hex += '-';
        hex += digits[id[k] >> 4];
        hex += digits[id[k] & 15];
      }
      gpu.Set("uuid", hex);
    }
    std::array<char, 64> address{};
    if (bus && bus(address.data(), static_cast<int>(address.size()) - 1, device) == 0) gpu.Set("bus", address.data());
    gpus.Set(static_cast<uint32_t>(i), gpu);
  }
  return answer;
}

// The parts of vulkan_core.h that are used.
struct VulkanApplication {
  int32_t type = 0;  // VK_STRUCTURE_TYPE_APPLICATION_INFO
  const void* next = nullptr;
  const char* name = "accelerate-ts";
  uint32_t version = 0;
  const char* engine = nullptr;
  uint32_t engineVersion = 0;
  uint32_t api = (1u << 22) | (1u << 12);  // 1.1
};
struct VulkanInstance {
  int32_t type = 1;  // VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO
  const void* next = nullptr;
  uint32_t flags = 0;
  const VulkanApplication* application = nullptr;
  uint32_t layers = 0;
  const char* const* layerNames = nullptr;
  uint32_t extensions = 0;
  const char* const* extensionNames = nullptr;
};
// VkPhysicalDeviceProperties: five words, then the name; VkPhysicalDeviceMemoryProperties: 65 words, then the heaps' number and the heaps, a size and flags each.
constexpr size_t kDeviceTypeAt = 16, kNameAt = 20, kHeapsAt = 260, kFirstHeapAt = 264, kHeapBytes = 16;
constexpr uint32_t kDeviceLocal = 1;

template <typename Value>
Value read(const std::vector<unsigned char>& bytes, size_t at) {
  Value value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

// vulkanFacts(file): { error?, adapters: { name, kind, memory }[] }; kind: 1 integrated, 2 discrete, 3 virtual, 4 processor
Napi::Value vulkanFacts(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Napi::Object answer = Napi::Object::New(env);
  Napi::Array adapters = Napi::Array::New(env);
  answer.Set("adapters", adapters);
  dlerror();
  void* vulkan = dlopen(info[0].As<Napi::String>().Utf8Value().c_str(), RTLD_LAZY | RTLD_LOCAL);
  if (!vulkan) {
    answer.Set("error", loadError());
    return answer;
  }
  const auto create = symbol<int (*)(const VulkanInstance*, const void*, void**)>(vulkan, "vkCreateInstance");
  const auto enumerate = symbol<int (*)(void*, uint32_t*, void**)>(vulkan, "vkEnumeratePhysicalDevices");
  const auto properties = symbol<void (*)(void*, void*)>(vulkan, "vkGetPhysicalDeviceProperties");
  const auto memories = symbol<void (*)(void*, void*)>(vulkan, "vkGetPhysicalDeviceMemoryProperties");
  const auto destroy = symbol<void (*)(void*, const void*)>(vulkan, "vkDestroyInstance");
  if (!create || !enumerate || !properties || !memories || !destroy) {
    answer.Set("error", "Vulkan's loader lacks functions of Vulkan 1.0");
    return answer;
  }
  const VulkanApplication application;
  VulkanInstance wanted;
  wanted.application = &application;
  void* instance = nullptr;
  const auto failed = [&](const char* call, int code) {
    answer.Set("error", std::string(call) + " failed: " + std::to_string(code) + (code == -9 ? " (no driver of a GPU is installed for Vulkan)" : ""));
    return answer;
  };
  if (const int code = create(&wanted, nullptr, &instance)) return failed("vkCreateInstance", code);
  uint32_t count = 0;
  int code = enumerate(instance, &count, nullptr);
  std::vector<void*> devices(count);
  if (code == 0 && count > 0) code = enumerate(instance, &count, devices.data());
  if (code < 0) failed("vkEnumeratePhysicalDevices", code);
  for (uint32_t i = 0; code >= 0 && i < count; i++) {
    std::vector<unsigned char> bytes(4096);
    properties(devices[i], bytes.data());
    Napi::Object adapter = Napi::Object::New(env);
    adapter.Set("name", reinterpret_cast<const char*>(bytes.data() + kNameAt));
    adapter.Set("kind", read<uint32_t>(bytes, kDeviceTypeAt));
    std::fill(bytes.begin(), bytes.end(), static_cast<unsigned char>(0));
    memories(devices[i], bytes.data());
    uint64_t largest = 0;
    for (uint32_t heap = 0; heap < read<uint32_t>(bytes, kHeapsAt); heap++) {
      const size_t at = kFirstHeapAt + heap * kHeapBytes;
      if (read<uint32_t>(bytes, at + 8) & kDeviceLocal) largest = std::max(largest, read<uint64_t>(bytes, at));
    }
    adapter.Set("memory", static_cast<double>(largest));
    adapters.Set(i, adapter);
  }
  destroy(instance, nullptr);
  return answer;
}

const Module module([](Napi::Env env, Napi::Object exports) {
  exports.Set("libraryFact", Napi::Function::New(env, libraryFact));
  exports.Set("kernelsFact", Napi::Function::New(env, kernelsFact));
  exports.Set("driverFacts", Napi::Function::New(env, driverFacts));
  exports.Set("vulkanFacts", Napi::Function::New(env, vulkanFacts));
});

}  // namespace
}  // namespace accelerate_ts
