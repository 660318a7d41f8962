// What libraries of this machine say about themselves and about GPUs, asked by dlopen: versions, NVIDIA's GPUs through the driver, adapters through Vulkan.
// Called in a process of its own: a library that crashes or hangs takes nobody along. The libraries stay loaded until that process ends.
#include <dlfcn.h>
#include <napi.h>

#include <array>
#include <cstdint>
#include <string>

#include "cuda/kernels/api.h"
#include "modules.h"
#include "webgpu/vulkan_adapters.h"

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

// vulkanFacts(file): { error?, adapters: { name, kind, memory }[] }; kind: 1 integrated, 2 discrete, 3 virtual, 4 processor
Napi::Value vulkanFacts(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const VulkanAdapters found = vulkanAdapters(info[0].As<Napi::String>(), RTLD_LAZY | RTLD_LOCAL);
  Napi::Object answer = Napi::Object::New(env);
  Napi::Array adapters = Napi::Array::New(env);
  answer.Set("adapters", adapters);
  if (!found.error.empty()) answer.Set("error", found.error);
  for (const VulkanAdapter& one : found.adapters) {
    Napi::Object adapter = Napi::Object::New(env);
    adapter.Set("name", one.name);
    adapter.Set("kind", one.kind);
    adapter.Set("memory", static_cast<double>(one.memory));
    adapters.Set(adapters.Length(), adapter);
  }
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
