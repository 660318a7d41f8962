// Custom ops of the domain accelerate_ts: what an op's file gives, and the table that registers them.
#pragma once
#include <array>
#include <initializer_list>
#include <string>
#include <vector>

#include "ort_api.h"
#include "parallel.h"

namespace accelerate_ts {

// An input or output of an op: its element type, and whether a node may leave it out.
struct OpSlot {
  OpSlot(ElementType type, bool optional = false, bool onHost = false) : type(type), optional(optional), onHost(onHost) {}
  ElementType type;
  bool optional;
  bool onHost;  // an input that a kernel of a device reads in the host's memory: sizes
};
inline OpSlot optional(ElementType type) { return OpSlot(type, true); }
inline OpSlot onHost(ElementType type) { return OpSlot(type, false, true); }

// One kernel for one set of element types; several with the same name form one op, ONNX Runtime chooses by the types.
struct CustomOp : OrtCustomOp {
  CustomOp(const char* name, std::vector<OpSlot> inputs, std::vector<OpSlot> outputs);

  const char* const name;
  const std::vector<OpSlot> inputs;
  const std::vector<OpSlot> outputs;
  // Of ONNX Runtime's names, "CUDAExecutionProvider"; null: the processor's.
  const char* provider = nullptr;
};

// The node that a kernel is made for: its attributes. Missing attributes give the default.
class KernelInfo {
 public:
  explicit KernelInfo(const OrtKernelInfo* info) : info_(info) {}
  int64_t integer(const char* name, int64_t otherwise) const;
  float real(const char* name, float otherwise) const;
  // At most 63 characters: names of forms, not data.
  std::string text(const char* name, const char* otherwise) const;

 private:
  const OrtKernelInfo* const info_;
};

struct TensorView {
  const void* data = nullptr;
  std::vector<int64_t> dims;
  // Whether the node has this input. A tensor without elements is given, too, wherever its data lies.
  bool given = false;

  size_t count() const noexcept;
  template <typename T>
  const T* as() const noexcept {
    return static_cast<const T*>(data);
  }
};

// One execution of a kernel. The first failed call is kept and makes all later ones do nothing; the kernel returns status().
class KernelCall {
 public:
  explicit KernelCall(OrtKernelContext* context) : context_(context) {}

  // An optional input that the node leaves out gives a view that is not `given`.
  TensorView input(size_t index);
  // Null for an optional output that nobody reads: the kernel need not compute it.
  void* output(size_t index, const std::vector<int64_t>& dims);
  Parallel parallel() const;
  // The message reaches the user in front of the node's name.
  void fail(const std::string& message);
  bool ok() const noexcept { return status_ == nullptr; }
  OrtStatus* status() const noexcept { return status_; }
  OrtKernelContext* context() const noexcept { return context_; }
  // Keeps a failed call's status; whether all is well.
  bool check(OrtStatus* status);

 private:
  OrtKernelContext* const context_;
  OrtStatus* status_ = nullptr;
};

// Fills the callbacks for a class with `explicit Kernel(const KernelInfo&)` and `void compute(KernelCall&)`; no exception leaves them.
// customOp<Scale>("Scale", {kFloat32, optional(kFloat32)}, {kFloat32}): the second input may be left out.
template <typename Kernel>
CustomOp* customOp(const char* name, std::initializer_list<OpSlot> inputs, std::initializer_list<OpSlot> outputs);

// The first output may take the first input's memory: for kernels that read each element once, before they write it.
CustomOp* inPlace(CustomOp* op);

OrtStatus* statusOf(const char* message);

using OpList = void (*)(std::vector<const CustomOp*>& ops);

// Makes the domain with the ops that ops.h lists, and `more`.
OrtStatus* registerCustomOps(const OrtFunctions& api, OrtCustomOpDomain** domain, OpList more = nullptr);

template <typename Kernel>
CustomOp* customOp(const char* name, std::initializer_list<OpSlot> inputs, std::initializer_list<OpSlot> outputs) {
  // Leaked on purpose: ONNX Runtime keeps the pointer as long as the process lives.
  auto* op = new CustomOp(name, inputs, outputs);
  op->CreateKernelV2 = [](const OrtCustomOp*, const OrtApi*, const OrtKernelInfo* info, void** kernel) -> OrtStatus* {
    try {
      *kernel = new Kernel(KernelInfo(info));
      return nullptr;
    } catch (const std::exception& error) {
      return statusOf(error.what());
    }
  };
  op->KernelDestroy = [](void* kernel) { delete static_cast<Kernel*>(kernel); };
  op->KernelComputeV2 = [](void* kernel, OrtKernelContext* context) -> OrtStatus* {
    KernelCall call(context);
    try {
      static_cast<Kernel*>(kernel)->compute(call);
    } catch (const std::exception& error) {
      call.fail(error.what());
    }
    return call.status();
  };
  return op;
}

}  // namespace accelerate_ts
