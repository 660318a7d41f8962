// Our own minimal declarations of ONNX Runtime's C API: opaque types, the constants we pass, and the slots of ort_slots.h as one struct of function pointers.
#pragma once
#include <cstddef>
#include <cstdint>

#include "ort_slots.h"

struct OrtStatus;
struct OrtEnv;
struct OrtThreadingOptions;
struct OrtSession;
struct OrtSessionOptions;
struct OrtRunOptions;
struct OrtIoBinding;
struct OrtValue;
struct OrtTypeInfo;
struct OrtTensorTypeAndShapeInfo;
struct OrtMemoryInfo;
struct OrtAllocator;
struct OrtArenaCfg;
struct OrtKeyValuePairs;
struct OrtCUDAProviderOptionsV2;
struct OrtSyncStream;
struct OrtEpAssignedSubgraph;
struct OrtEpAssignedNode;
struct OrtCustomOpDomain;
struct OrtKernelInfo;
struct OrtKernelContext;
struct OrtShapeInferContext;
struct OrtApi;  // the table itself; only its slots are read

// Enumerations of the C API are ints; their values never change either.
using OrtErrorCode = int;
using OrtLoggingLevel = int;
using OrtAllocatorType = int;
using OrtMemType = int;
using GraphOptimizationLevel = int;
using ONNXTensorElementDataType = int;
using OrtCustomOpInputOutputCharacteristic = int;

#include "ort_custom_op.h"

struct OrtApiBase {
  const OrtApi* (*GetApi)(uint32_t version);
  const char* (*GetVersionString)();
};

namespace accelerate_ts {

// The version of the table that is asked for and of our custom ops; no slot we use is younger.
constexpr uint32_t kOrtApiVersion = 24;
constexpr OrtErrorCode kOrtFail = 1;
constexpr OrtErrorCode kOrtInvalidArgument = 2;
constexpr OrtLoggingLevel kOrtLogFatal = 4;
constexpr OrtAllocatorType kOrtDeviceAllocator = 0;
constexpr OrtAllocatorType kOrtArenaAllocator = 1;
constexpr OrtMemType kOrtMemTypeDefault = 0, kOrtMemTypeCpu = -1;
constexpr OrtMemType kOrtMemTypeCpuInput = -2;

// TensorProto.DataType, equal to ONNXTensorElementDataType.
enum ElementType : int { kFloat32 = 1, kUint8 = 2, kInt8 = 3, kInt32 = 6, kInt64 = 7, kString = 8, kBool = 9, kFloat16 = 10, kFloat64 = 11, kBFloat16 = 16 };

template <typename T>
struct ElementTypeOf;
template <>
struct ElementTypeOf<float> { static constexpr ElementType value = kFloat32; };
template <>
struct ElementTypeOf<double> { static constexpr ElementType value = kFloat64; };
template <>
struct ElementTypeOf<int32_t> { static constexpr ElementType value = kInt32; };
template <>
struct ElementTypeOf<int64_t> { static constexpr ElementType value = kInt64; };

struct OrtFunctions {
#define ACCELERATE_TS_ORT_POINTER(index, name, result, arguments) result(*name) arguments = nullptr;
  ACCELERATE_TS_ORT_SLOTS(ACCELERATE_TS_ORT_POINTER)
#undef ACCELERATE_TS_ORT_POINTER

  void load(const OrtApi* api) {
    void* const* table = reinterpret_cast<void* const*>(api);
#define ACCELERATE_TS_ORT_LOAD(index, name, result, arguments) name = reinterpret_cast<result(*) arguments>(table[index]);
    ACCELERATE_TS_ORT_SLOTS(ACCELERATE_TS_ORT_LOAD)
#undef ACCELERATE_TS_ORT_LOAD
  }
};

}  // namespace accelerate_ts
