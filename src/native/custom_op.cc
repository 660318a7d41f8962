// The callbacks that all custom ops share, and the list of ops.
#include "custom_op.h"

#include <cstring>

#include "ops.h"
#include "ort.h"

namespace accelerate_ts {
namespace {

OrtCustomOpInputOutputCharacteristic characteristic(const OpSlot& slot) { return slot.optional ? 1 : 0; }

const CustomOp& self(const OrtCustomOp* op) { return *static_cast<const CustomOp*>(op); }

void parallelFor(void* context, size_t chunks, Parallel::Task task, void* arg) {
  // 0 batches: as many as the pool has threads. It fails only for a missing context.
  OrtStatus* status = ort()->api.KernelContext_ParallelFor(static_cast<OrtKernelContext*>(context), task, chunks, 0, arg);
  if (status == nullptr) return;
  ort()->api.ReleaseStatus(status);
  for (size_t chunk = 0; chunk < chunks; chunk++) task(arg, chunk);
}

}  // namespace

CustomOp::CustomOp(const char* name, std::vector<OpSlot> inputs, std::vector<OpSlot> outputs)
    : OrtCustomOp(), name(name), inputs(std::move(inputs)), outputs(std::move(outputs)) {
  version = kOrtApiVersion;
  GetName = [](const OrtCustomOp* op) { return self(op).name; };
  GetExecutionProviderType = [](const OrtCustomOp* op) { return self(op).provider; };
  GetInputTypeCount = [](const OrtCustomOp* op) { return self(op).inputs.size(); };
  GetOutputTypeCount = [](const OrtCustomOp* op) { return self(op).outputs.size(); };
  GetInputType = [](const OrtCustomOp* op, size_t index) -> ONNXTensorElementDataType { return self(op).inputs[index].type; };
  GetOutputType = [](const OrtCustomOp* op, size_t index) -> ONNXTensorElementDataType { return self(op).outputs[index].type; };
  GetInputCharacteristic = [](const OrtCustomOp* op, size_t index) { return characteristic(self(op).inputs[index]); };
  GetOutputCharacteristic = [](const OrtCustomOp* op, size_t index) { return characteristic(self(op).outputs[index]); };
  GetInputMemoryType = [](const OrtCustomOp* op, size_t index) { return self(op).inputs[index].onHost ? kOrtMemTypeCpuInput : kOrtMemTypeDefault; };
  GetVariadicInputMinArity = GetVariadicInputHomogeneity = GetVariadicOutputMinArity = GetVariadicOutputHomogeneity = [](const OrtCustomOp*) { return 1; };
  GetStartVersion = [](const OrtCustomOp*) { return 1; };
  GetEndVersion = [](const OrtCustomOp*) { return 0x7fffffff; };
}

int64_t KernelInfo::integer(const char* name, int64_t otherwise) const {
  int64_t value = otherwise;
  return takeStatus(ort()->api.KernelInfoGetAttribute_int64(info_, name, &value)).empty() ? value : otherwise;
}

float KernelInfo::real(const char* name, float otherwise) const {
  float value = otherwise;
  return takeStatus(ort()->api.KernelInfoGetAttribute_float(info_, name, &value)).empty() ? value : otherwise;
}

std::string KernelInfo::text(const char* name, const char* otherwise) const {
  char value[64];
  size_t size = sizeof(value);
  return takeStatus(ort()->api.KernelInfoGetAttribute_string(info_, name, value, &size)).empty() ? value : otherwise;
}

size_t TensorView::count() const noexcept {
  size_t count = 1;
  for (const int64_t dim : dims) count *= static_cast<size_t>(dim);
  return count;
}

bool KernelCall::check(OrtStatus* status) {
  if (status != nullptr) status_ = status;
  return status == nullptr;
}

TensorView KernelCall::input(size_t index) {
  TensorView view;
  const OrtFunctions& api = ort()->api;
  const OrtValue* value = nullptr;
  OrtTensorTypeAndShapeInfo* raw = nullptr;
  if (!ok() || !check(api.KernelContext_GetInput(context_, index, &value)) || value == nullptr || !check(api.GetTensorTypeAndShape(value, &raw))) return view;
  const OrtPtr<OrtTensorTypeAndShapeInfo> info(raw);
  size_t rank = 0;
  if (!check(api.GetDimensionsCount(info.get(), &rank))) return view;
  view.dims.resize(rank);
  void* data = nullptr;
  if (!check(api.GetDimensions(info.get(), view.dims.data(), rank)) || !check(api.GetTensorMutableData(const_cast<OrtValue*>(value), &data))) return view;
  view.data = data;
  view.given = true;
  return view;
}

void* KernelCall::output(size_t index, const std::vector<int64_t>& dims) {
  const OrtFunctions& api = ort()->api;
  OrtValue* value = nullptr;
  void* data = nullptr;
  if (!ok() || !check(api.KernelContext_GetOutput(context_, index, dims.data(), dims.size(), &value)) || value == nullptr) return nullptr;
  check(api.GetTensorMutableData(value, &data));
  return data;
}

Parallel KernelCall::parallel() const {
  Parallel parallel;
  const size_t limit = thread_limit().load(std::memory_order_relaxed);
  parallel.threads = limit > 0 ? limit : ort()->threads;
  parallel.context = context_;
  parallel.dispatch = parallelFor;
  return parallel;
}

void KernelCall::fail(const std::string& message) {
  if (ok()) status_ = statusOf(message.c_str());
}

CustomOp* inPlace(CustomOp* op) {
  op->GetMayInplace = [](int** input, int** output) -> size_t {
    *input = new int[1]{0};
    *output = new int[1]{0};
    return 1;
  };
  op->ReleaseMayInplace = [](int* input, int* output) {
    delete[] input;
    delete[] output;
  };
  return op;
}

OrtStatus* statusOf(const char* message) { return ort()->api.CreateStatus(kOrtInvalidArgument, message); }

OrtStatus* registerCustomOps(const OrtFunctions& api, OrtCustomOpDomain** domain, OpList more) {
  OrtStatus* status = api.CreateCustomOpDomain("accelerate_ts", domain);
  std::vector<const CustomOp*> ops;
  for (const OpList list : kOps) list(ops);
  if (more != nullptr) more(ops);
  for (const CustomOp* op : ops) {
    if (status == nullptr) status = api.CustomOpDomain_Add(*domain, op);
  }
  return status;
}

}  // namespace accelerate_ts
