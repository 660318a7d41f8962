// The adapters that Vulkan knows: their names are what the WebGPU provider does not tell.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace accelerate_ts {

enum VulkanKind : uint32_t { kVulkanOther = 0, kVulkanIntegrated = 1, kVulkanDiscrete = 2, kVulkanVirtual = 3, kVulkanProcessor = 4 };

struct VulkanAdapter {
  std::string name;
  uint32_t kind;
  uint64_t memory;  // bytes of the largest heap of its own
};
struct VulkanAdapters {
  std::string error;
  std::vector<VulkanAdapter> adapters;
};

/// Asks Vulkan's loader, opened with these flags of dlopen. It stays loaded.
VulkanAdapters vulkanAdapters(const std::string& file, int flags);

}  // namespace accelerate_ts
