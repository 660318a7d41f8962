// What the ops of CUDA's provider share: the stream and the scratch memory of a call, masks of dropout, and how ops are added.
#pragma once

#include <optional>
#include <string>

#include "../../custom_op.h"
#include "../../ort.h"
#include "api.h"

namespace accelerate_ts {

/// Of ops.cc; set before any op is registered.
extern const cuda::Kernels* launches;

inline cuda::Number number(ElementType type) { return static_cast<cuda::Number>(type); }
inline uint64_t last(const TensorView& x) { return x.dims.empty() ? 1 : static_cast<uint64_t>(x.dims.back()); }
inline uint64_t rows_of(const TensorView& x) { return last(x) == 0 ? 0 : x.count() / last(x); }

/// The stream of a call, and what CUDA said to a launch.
class Launch {
 public:
  explicit Launch(KernelCall& call) : call_(call) { call.check(ort()->api.KernelContext_GetGPUComputeStream(call.context(), &stream_)); }
  operator void*() const { return stream_; }
  void done(int status) const {
    if (status == 0) return;
    call_.fail(status == cudaErrorInvalidValue ? "CUDA's kernel takes no such sizes" : "CUDA's error " + std::to_string(status) + " at a launch");
  }

 private:
  static constexpr int cudaErrorInvalidValue = 1;
  KernelCall& call_;
  void* stream_ = nullptr;
};

/// Memory of the device for the time of a call: what is queued on the call's stream before its end has it to itself.
class Scratch {
 public:
  Scratch(KernelCall& call, size_t bytes) {
    const OrtFunctions& api = ort()->api;
    const OrtValue* first = nullptr;
    const OrtMemoryInfo* memory = nullptr;
    OrtAllocator* allocator = nullptr;
    if (!call.check(api.KernelContext_GetInput(call.context(), 0, &first)) || !call.check(api.GetTensorMemoryInfo(first, &memory))) return;
    if (!call.check(api.KernelContext_GetAllocator(call.context(), memory, &allocator))) return;
    allocator_.reset(allocator);
    call.check(api.AllocatorAlloc(allocator, bytes, &data));
  }
  ~Scratch() {
    if (data != nullptr) takeStatus(ort()->api.AllocatorFree(allocator_.get(), data));
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  void* data = nullptr;

 private:
  struct Release { void operator()(OrtAllocator* allocator) const { ort()->api.ReleaseAllocator(allocator); } };
  std::unique_ptr<OrtAllocator, Release> allocator_;
};

/// The masks for rows of a tensor; their key is null where the node has none. Tells `call` of what does not fit.
cuda::Masks masks_of(KernelCall& call, const std::vector<int64_t>& dims, const TensorView& key, const TensorView& places, uint32_t site, float ratio);

/// Attributes of ops that drop.
struct Drops {
  explicit Drops(const KernelInfo& info) : ratio(info.real("ratio", 0.5f)), site(static_cast<uint32_t>(info.integer("site", 0))) {}
  const float ratio;
  const uint32_t site;
};

/// Names of the ops for one type of number, as they are added.
class Registry {
 public:
  explicit Registry(std::vector<const CustomOp*>& ops) : ops_(ops) {}
  template <typename Kernel> CustomOp* add(const char* name, std::initializer_list<OpSlot> inputs, std::initializer_list<OpSlot> outputs) {
    CustomOp* const op = customOp<Kernel>(name, inputs, outputs);
    op->provider = "CUDAExecutionProvider";
    ops_.push_back(op);
    return op;
  }

 private:
  std::vector<const CustomOp*>& ops_;
};

/// A file of ops each.
void cudaRowOps(Registry ops);
void cudaLayerNormOps(Registry ops);
void cudaTableOps(Registry ops);
void cudaAttentionOps(Registry ops);

}  // namespace accelerate_ts
