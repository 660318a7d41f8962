// libcudnn without a GPU (opened by ONNX Runtime's provider itself). Descriptors are opaque; a graph of operations is taken, planned and run as one launch.
#include <cstring>
#include <map>

#include "../double.h"

using namespace doubled;

namespace {
struct Dnn {
  cudaStream_t stream = nullptr;
};
/** A descriptor of the backend: what was set, by attribute. */
struct Descriptor {
  int type = 0;
  std::map<int, std::string> attributes;
  std::map<int, int64_t> counts;
};
constexpr int ok = 0, badParam = 2000, executionFailed = 5000;

// From cuDNN's documentation of the backend API.
constexpr int engineHeuristicsResults = 202, engineConfigKnobs = 302, engineConfigSharedMemory = 304;
constexpr int int64Type = 3, descriptorType = 15;

int opaque(const char* kind, void** out, const void* from) {
  int* made = new int(0);
  born(kind, made, callerOf(from));
  *out = made;
  return ok;
}
int gone(const char* kind, void* handle) {
  if (!died(kind, handle)) return badParam;
  delete static_cast<int*>(handle);
  return ok;
}
int run(const char* function, const void* from, void* handle) {
  const Call call(function, from);
  if (call.error != cudaSuccess) return executionFailed;
  if (!alive("dnn handle", handle)) return badParam;
  return launch(call, function, static_cast<Dnn*>(handle)->stream, {}) == cudaSuccess ? ok : executionFailed;
}
}  // namespace

extern "C" {
size_t cudnnGetVersion(void) { return 92000; }
size_t cudnnGetCudartVersion(void) { return CUDART_VERSION; }
const char* cudnnGetErrorString(int status) { return status == ok ? "CUDNN_STATUS_SUCCESS" : "CUDNN_STATUS_OF_THE_DOUBLE"; }
void cudnnGetLastErrorString(char* text, size_t bytes) {
  if (bytes > 0) text[0] = '\0';
}
int cudnnCreate(void** handle) {
  const Call call("cudnnCreate", __builtin_return_address(0));
  if (call.error != cudaSuccess) return call.error == cudaErrorMemoryAllocation ? 4000 : 1001;
  auto* made = new Dnn;
  born("dnn handle", made, call.caller);
  *handle = made;
  return ok;
}
int cudnnDestroy(void* handle) {
  if (!died("dnn handle", handle)) return badParam;
  delete static_cast<Dnn*>(handle);
  return ok;
}
int cudnnSetStream(void* handle, cudaStream_t stream) {
  if (!alive("dnn handle", handle)) return badParam;
  static_cast<Dnn*>(handle)->stream = stream;
  return ok;
}
int cudnnGetStream(void* handle, cudaStream_t* stream) {
  if (!alive("dnn handle", handle)) return badParam;
  *stream = static_cast<Dnn*>(handle)->stream;
  return ok;
}

#define DESCRIPTOR(name)                                                                                                                       \
  int cudnnCreate##name##Descriptor(void** out) { return opaque("dnn descriptor", out, __builtin_return_address(0)); } \
  int cudnnDestroy##name##Descriptor(void* handle) { return gone("dnn descriptor", handle); }
DESCRIPTOR(Activation) DESCRIPTOR(Convolution) DESCRIPTOR(Dropout) DESCRIPTOR(Filter) DESCRIPTOR(LRN) DESCRIPTOR(Pooling) DESCRIPTOR(RNNData) DESCRIPTOR(RNN) DESCRIPTOR(ReduceTensor) DESCRIPTOR(Tensor)

#define ACCEPTED(name) \
  int name(...) { return ok; }
ACCEPTED(cudnnSetActivationDescriptor) ACCEPTED(cudnnSetConvolutionGroupCount) ACCEPTED(cudnnSetConvolutionMathType) ACCEPTED(cudnnSetConvolutionNdDescriptor) ACCEPTED(cudnnSetDropoutDescriptor)
ACCEPTED(cudnnSetFilterNdDescriptor) ACCEPTED(cudnnSetLRNDescriptor) ACCEPTED(cudnnSetPoolingNdDescriptor) ACCEPTED(cudnnSetRNNDataDescriptor) ACCEPTED(cudnnSetReduceTensorDescriptor)
ACCEPTED(cudnnSetTensorNdDescriptor) ACCEPTED(cudnnSetTensor4dDescriptor) ACCEPTED(cudnnDeriveBNTensorDescriptor)
int cudnnGetReductionWorkspaceSize(void*, void*, void*, void*, size_t* bytes) {
  *bytes = 0;
  return ok;
}
int cudnnGetReductionIndicesSize(void*, void*, void*, void*, size_t* bytes) {
  *bytes = 0;
  return ok;
}
int cudnnDropoutGetStatesSize(void*, size_t* bytes) {
  *bytes = 0;
  return ok;
}
#define COMPUTED(name) \
  int name(void* handle, ...) { return run(#name, __builtin_return_address(0), handle); }
COMPUTED(cudnnActivationForward) COMPUTED(cudnnAddTensor) COMPUTED(cudnnBatchNormalizationForwardInference) COMPUTED(cudnnBatchNormalizationForwardTraining) COMPUTED(cudnnLRNCrossChannelForward)
COMPUTED(cudnnPoolingForward) COMPUTED(cudnnReduceTensor) COMPUTED(cudnnSoftmaxForward) COMPUTED(cudnnConvolutionForward) COMPUTED(cudnnConvolutionBackwardData)

// --- graphs of operations

int cudnnBackendCreateDescriptor(int type, void** out) {
  auto* made = new Descriptor;
  made->type = type;
  born("dnn graph descriptor", made, callerOf(__builtin_return_address(0)));
  *out = made;
  return ok;
}
int cudnnBackendDestroyDescriptor(void* handle) {
  if (!died("dnn graph descriptor", handle)) return badParam;
  delete static_cast<Descriptor*>(handle);
  return ok;
}
int cudnnBackendInitialize(void*) { return ok; }
int cudnnBackendFinalize(void*) { return ok; }
int cudnnBackendSetAttribute(void* handle, int name, int, int64_t count, const void* values) {
  static_cast<Descriptor*>(handle)->counts[name] = count;
  if (count == 1 && values != nullptr) static_cast<Descriptor*>(handle)->attributes[name].assign(static_cast<const char*>(values), 8);
  return ok;
}
int cudnnBackendGetAttribute(void* handle, int name, int type, int64_t wanted, int64_t* count, void* values) {
  auto* descriptor = static_cast<Descriptor*>(handle);
  const auto found = [&](int64_t how) {
    if (count != nullptr) *count = how;
    return ok;
  };
  // One answer of the heuristics, one engine without knobs or notes, no workspace.
  if (name == engineHeuristicsResults) return found(1);
  if (name == engineConfigKnobs) return found(0);
  if (type == descriptorType) return found(wanted > 0 && values != nullptr ? 1 : 0);
  if (values == nullptr || wanted != 1) return found(0);
  if (name == engineConfigSharedMemory) {
    memset(values, 0, sizeof(int32_t));
    return found(1);
  }
  if (type != int64Type) return found(0);
  const auto set = descriptor->attributes.find(name);
  if (set == descriptor->attributes.end()) memset(values, 0, sizeof(int64_t));
  else memcpy(values, set->second.data(), sizeof(int64_t));
  return found(1);
}
int cudnnBackendExecute(void* handle, void*, void*) { return run("cudnnBackendExecute", __builtin_return_address(0), handle); }
}
