// Development-time check of ort_slots.h and ort_api.h against the real headers; not part of the addon (its name ends in .cpp, the build takes .cc):
//   c++ -std=c++17 -fsyntax-only -Wno-ignored-attributes -I <folder of onnxruntime_c_api.h> src/native/ort_api_check.cpp
#include <onnxruntime_c_api.h>

#include <cstddef>
#include <type_traits>

#include "ort_slots.h"

#define CHECK(index, name, result, arguments)                                                         \
  static_assert(offsetof(OrtApi, name) == (index) * sizeof(void*), #name " lies in another slot");  \
  static_assert(std::is_convertible<decltype(OrtApi::name), result(*) arguments>::value, #name " has another signature");
ACCELERATE_TS_ORT_SLOTS(CHECK)

using Real = OrtCustomOp;
namespace ours {
#include "ort_custom_op.h"
}  // namespace ours
#define SAME(member) static_assert(offsetof(Real, member) == offsetof(ours::OrtCustomOp, member), #member " lies elsewhere in OrtCustomOp");
SAME(version)
SAME(CreateKernel)
SAME(GetName)
SAME(GetExecutionProviderType)
SAME(GetInputType)
SAME(GetInputTypeCount)
SAME(GetOutputType)
SAME(GetOutputTypeCount)
SAME(KernelCompute)
SAME(KernelDestroy)
SAME(GetInputCharacteristic)
SAME(GetOutputCharacteristic)
SAME(GetInputMemoryType)
SAME(GetVariadicInputMinArity)
SAME(GetVariadicInputHomogeneity)
SAME(GetVariadicOutputMinArity)
SAME(GetVariadicOutputHomogeneity)
SAME(CreateKernelV2)
SAME(KernelComputeV2)
SAME(InferOutputShapeFn)
SAME(GetStartVersion)
SAME(GetEndVersion)
SAME(GetMayInplace)
SAME(ReleaseMayInplace)
static_assert(ORT_LOGGING_LEVEL_FATAL == 4 && ORT_ENABLE_ALL == 99 && ORT_ENABLE_EXTENDED == 2 && OrtArenaAllocator == 1 && OrtDeviceAllocator == 0 && ORT_FAIL == 1, "a constant differs");
static_assert(INPUT_OUTPUT_REQUIRED == 0 && OrtMemTypeDefault == 0 && OrtMemTypeCPU == -1 && ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT == 1 && ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE == 11, "a constant differs");
