// See vulkan_adapters.h.
#include "vulkan_adapters.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstring>

namespace accelerate_ts {
namespace {

template <typename Function>
Function symbol(void* library, const char* name) {
  return reinterpret_cast<Function>(dlsym(library, name));
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

}  // namespace

VulkanAdapters vulkanAdapters(const std::string& file, int flags) {
  VulkanAdapters answer;
  dlerror();
  void* const vulkan = dlopen(file.c_str(), flags);
  if (vulkan == nullptr) {
    const char* const text = dlerror();
    answer.error = text == nullptr ? file + " is not loaded" : text;
    return answer;
  }
  const auto create = symbol<int (*)(const VulkanInstance*, const void*, void**)>(vulkan, "vkCreateInstance");
  const auto enumerate = symbol<int (*)(void*, uint32_t*, void**)>(vulkan, "vkEnumeratePhysicalDevices");
  const auto properties = symbol<void (*)(void*, void*)>(vulkan, "vkGetPhysicalDeviceProperties");
  const auto memories = symbol<void (*)(void*, void*)>(vulkan, "vkGetPhysicalDeviceMemoryProperties");
  const auto destroy = symbol<void (*)(void*, const void*)>(vulkan, "vkDestroyInstance");
  if (!create || !enumerate || !properties || !memories || !destroy) {
    answer.error = "Vulkan's loader lacks functions of Vulkan 1.0";
    return answer;
  }
  const VulkanApplication application;
  VulkanInstance wanted;
  wanted.application = &application;
  void* instance = nullptr;
  const auto failed = [&](const char* call, int code) {
    answer.error = std::string(call) + " failed: " + std::to_string(code) + (code == -9 ? " (no driver of a GPU is installed for Vulkan)" : "");
  };
  if (const int code = create(&wanted, nullptr, &instance)) {
    failed("vkCreateInstance", code);
    return answer;
  }
  uint32_t count = 0;
  int code = enumerate(instance, &count, nullptr);
  std::vector<void*> devices(count);
  if (code == 0 && count > 0) code = enumerate(instance, &count, devices.data());
  if (code < 0) failed("vkEnumeratePhysicalDevices", code);
  for (uint32_t i = 0; code >= 0 && i < count; i++) {
    std::vector<unsigned char> bytes(4096);
    properties(devices[i], bytes.data());
    VulkanAdapter adapter{reinterpret_cast<const char*>(bytes.data() + kNameAt), read<uint32_t>(bytes, kDeviceTypeAt), 0};
    std::fill(bytes.begin(), bytes.end(), static_cast<unsigned char>(0));
    memories(devices[i], bytes.data());
    for (uint32_t heap = 0; heap < read<uint32_t>(bytes, kHeapsAt); heap++) {
      const size_t at = kFirstHeapAt + heap * kHeapBytes;
      if (read<uint32_t>(bytes, at + 8) & kDeviceLocal) adapter.memory = std::max(adapter.memory, read<uint64_t>(bytes, at));
    }
    answer.adapters.push_back(std::move(adapter));
  }
  destroy(instance, nullptr);
  return answer;
}

}  // namespace accelerate_ts
