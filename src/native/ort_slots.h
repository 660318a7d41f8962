// The functions of ONNX Runtime's C API that the addon calls: slot in the OrtApi table, name, result, arguments.
// The table is append-only: upstream guards every released slot with static_assert(offsetof(...), "Size of version N API cannot change"), so an index read
// from the headers of one version is right for all later ones. ort_api_check.cpp compares this list with real headers where there are some.
#pragma once

// clang-format off
#define ACCELERATE_TS_ORT_SLOTS(SLOT) \
  SLOT(0, CreateStatus, OrtStatus*, (OrtErrorCode, const char*)) \
  SLOT(1, GetErrorCode, OrtErrorCode, (const OrtStatus*)) \
  SLOT(2, GetErrorMessage, const char*, (const OrtStatus*)) \
  SLOT(8, CreateSessionFromArray, OrtStatus*, (const OrtEnv*, const void*, size_t, const OrtSessionOptions*, OrtSession**)) \
  SLOT(10, CreateSessionOptions, OrtStatus*, (OrtSessionOptions**)) \
  SLOT(14, EnableProfiling, OrtStatus*, (OrtSessionOptions*, const char*)) \
  SLOT(17, DisableMemPattern, OrtStatus*, (OrtSessionOptions*)) \
  SLOT(20, SetSessionLogId, OrtStatus*, (OrtSessionOptions*, const char*)) \
  SLOT(23, SetSessionGraphOptimizationLevel, OrtStatus*, (OrtSessionOptions*, GraphOptimizationLevel)) \
  SLOT(26, CreateCustomOpDomain, OrtStatus*, (const char*, OrtCustomOpDomain**)) \
  SLOT(27, CustomOpDomain_Add, OrtStatus*, (OrtCustomOpDomain*, const OrtCustomOp*)) \
  SLOT(28, AddCustomOpDomain, OrtStatus*, (OrtSessionOptions*, OrtCustomOpDomain*)) \
  SLOT(30, SessionGetInputCount, OrtStatus*, (const OrtSession*, size_t*)) \
  SLOT(31, SessionGetOutputCount, OrtStatus*, (const OrtSession*, size_t*)) \
  SLOT(33, SessionGetInputTypeInfo, OrtStatus*, (const OrtSession*, size_t, OrtTypeInfo**)) \
  SLOT(34, SessionGetOutputTypeInfo, OrtStatus*, (const OrtSession*, size_t, OrtTypeInfo**)) \
  SLOT(36, SessionGetInputName, OrtStatus*, (const OrtSession*, size_t, OrtAllocator*, char**)) \
  SLOT(37, SessionGetOutputName, OrtStatus*, (const OrtSession*, size_t, OrtAllocator*, char**)) \
  SLOT(39, CreateRunOptions, OrtStatus*, (OrtRunOptions**)) \
  SLOT(46, RunOptionsSetTerminate, OrtStatus*, (OrtRunOptions*)) \
  SLOT(47, RunOptionsUnsetTerminate, OrtStatus*, (OrtRunOptions*)) \
  SLOT(48, CreateTensorAsOrtValue, OrtStatus*, (OrtAllocator*, const int64_t*, size_t, ONNXTensorElementDataType, OrtValue**)) \
  SLOT(49, CreateTensorWithDataAsOrtValue, OrtStatus*, (const OrtMemoryInfo*, void*, size_t, const int64_t*, size_t, ONNXTensorElementDataType, OrtValue**)) \
  SLOT(50, IsTensor, OrtStatus*, (const OrtValue*, int*)) \
  SLOT(51, GetTensorMutableData, OrtStatus*, (OrtValue*, void**)) \
  SLOT(55, CastTypeInfoToTensorInfo, OrtStatus*, (const OrtTypeInfo*, const OrtTensorTypeAndShapeInfo**)) \
  SLOT(60, GetTensorElementType, OrtStatus*, (const OrtTensorTypeAndShapeInfo*, ONNXTensorElementDataType*)) \
  SLOT(61, GetDimensionsCount, OrtStatus*, (const OrtTensorTypeAndShapeInfo*, size_t*)) \
  SLOT(62, GetDimensions, OrtStatus*, (const OrtTensorTypeAndShapeInfo*, int64_t*, size_t)) \
  SLOT(63, GetSymbolicDimensions, OrtStatus*, (const OrtTensorTypeAndShapeInfo*, const char**, size_t)) \
  SLOT(65, GetTensorTypeAndShape, OrtStatus*, (const OrtValue*, OrtTensorTypeAndShapeInfo**)) \
  SLOT(68, CreateMemoryInfo, OrtStatus*, (const char*, OrtAllocatorType, int, OrtMemType, OrtMemoryInfo**)) \
  SLOT(69, CreateCpuMemoryInfo, OrtStatus*, (OrtAllocatorType, OrtMemType, OrtMemoryInfo**)) \
  SLOT(71, MemoryInfoGetName, OrtStatus*, (const OrtMemoryInfo*, const char**)) \
  SLOT(75, AllocatorAlloc, OrtStatus*, (OrtAllocator*, size_t, void**)) \
  SLOT(76, AllocatorFree, OrtStatus*, (OrtAllocator*, void*)) \
  SLOT(78, GetAllocatorWithDefaultOptions, OrtStatus*, (OrtAllocator**)) \
  SLOT(85, KernelInfoGetAttribute_float, OrtStatus*, (const OrtKernelInfo*, const char*, float*)) \
  SLOT(86, KernelInfoGetAttribute_int64, OrtStatus*, (const OrtKernelInfo*, const char*, int64_t*)) \
  SLOT(87, KernelInfoGetAttribute_string, OrtStatus*, (const OrtKernelInfo*, const char*, char*, size_t*)) \
  SLOT(90, KernelContext_GetInput, OrtStatus*, (const OrtKernelContext*, size_t, const OrtValue**)) \
  SLOT(91, KernelContext_GetOutput, OrtStatus*, (OrtKernelContext*, size_t, const int64_t*, size_t, OrtValue**)) \
  SLOT(93, ReleaseStatus, void, (OrtStatus*)) \
  SLOT(94, ReleaseMemoryInfo, void, (OrtMemoryInfo*)) \
  SLOT(95, ReleaseSession, void, (OrtSession*)) \
  SLOT(96, ReleaseValue, void, (OrtValue*)) \
  SLOT(97, ReleaseRunOptions, void, (OrtRunOptions*)) \
  SLOT(98, ReleaseTypeInfo, void, (OrtTypeInfo*)) \
  SLOT(99, ReleaseTensorTypeAndShapeInfo, void, (OrtTensorTypeAndShapeInfo*)) \
  SLOT(100, ReleaseSessionOptions, void, (OrtSessionOptions*)) \
  SLOT(119, CreateEnvWithGlobalThreadPools, OrtStatus*, (OrtLoggingLevel, const char*, const OrtThreadingOptions*, OrtEnv**)) \
  SLOT(120, DisablePerSessionThreads, OrtStatus*, (OrtSessionOptions*)) \
  SLOT(121, CreateThreadingOptions, OrtStatus*, (OrtThreadingOptions**)) \
  SLOT(122, ReleaseThreadingOptions, void, (OrtThreadingOptions*)) \
  SLOT(130, AddSessionConfigEntry, OrtStatus*, (OrtSessionOptions*, const char*, const char*)) \
  SLOT(131, CreateAllocator, OrtStatus*, (const OrtSession*, const OrtMemoryInfo*, OrtAllocator**)) \
  SLOT(132, ReleaseAllocator, void, (OrtAllocator*)) \
  SLOT(133, RunWithBinding, OrtStatus*, (OrtSession*, const OrtRunOptions*, const OrtIoBinding*)) \
  SLOT(134, CreateIoBinding, OrtStatus*, (OrtSession*, OrtIoBinding**)) \
  SLOT(135, ReleaseIoBinding, void, (OrtIoBinding*)) \
  SLOT(136, BindInput, OrtStatus*, (OrtIoBinding*, const char*, const OrtValue*)) \
  SLOT(137, BindOutput, OrtStatus*, (OrtIoBinding*, const char*, const OrtValue*)) \
  SLOT(138, BindOutputToDevice, OrtStatus*, (OrtIoBinding*, const char*, const OrtMemoryInfo*)) \
  SLOT(140, GetBoundOutputValues, OrtStatus*, (const OrtIoBinding*, OrtAllocator*, OrtValue***, size_t*)) \
  SLOT(144, CreateAndRegisterAllocator, OrtStatus*, (OrtEnv*, const OrtMemoryInfo*, const OrtArenaCfg*)) \
  SLOT(147, SetGlobalIntraOpNumThreads, OrtStatus*, (OrtThreadingOptions*, int)) \
  SLOT(148, SetGlobalInterOpNumThreads, OrtStatus*, (OrtThreadingOptions*, int)) \
  SLOT(149, SetGlobalSpinControl, OrtStatus*, (OrtThreadingOptions*, int)) \
  SLOT(155, SetGlobalDenormalAsZero, OrtStatus*, (OrtThreadingOptions*)) \
  SLOT(157, ReleaseArenaCfg, void, (OrtArenaCfg*)) \
  SLOT(164, CreateArenaCfgV2, OrtStatus*, (const char* const*, const size_t*, size_t, OrtArenaCfg**)) \
  SLOT(165, AddRunConfigEntry, OrtStatus*, (OrtRunOptions*, const char*, const char*)) \
  SLOT(177, UnregisterAllocator, OrtStatus*, (OrtEnv*, const OrtMemoryInfo*)) \
  SLOT(193, KernelContext_GetGPUComputeStream, OrtStatus*, (const OrtKernelContext*, void**)) \
  SLOT(194, GetTensorMemoryInfo, OrtStatus*, (const OrtValue*, const OrtMemoryInfo**)) \
  SLOT(204, SessionOptionsAppendExecutionProvider_CUDA_V2, OrtStatus*, (OrtSessionOptions*, const OrtCUDAProviderOptionsV2*)) \
  SLOT(205, CreateCUDAProviderOptions, OrtStatus*, (OrtCUDAProviderOptionsV2**)) \
  SLOT(206, UpdateCUDAProviderOptions, OrtStatus*, (OrtCUDAProviderOptionsV2*, const char* const*, const char* const*, size_t)) \
  SLOT(208, ReleaseCUDAProviderOptions, void, (OrtCUDAProviderOptionsV2*)) \
  SLOT(216, SessionOptionsAppendExecutionProvider, OrtStatus*, (OrtSessionOptions*, const char*, const char* const*, const char* const*, size_t)) \
  SLOT(253, KernelContext_GetAllocator, OrtStatus*, (const OrtKernelContext*, const OrtMemoryInfo*, OrtAllocator**)) \
  SLOT(259, CreateAndRegisterAllocatorV2, OrtStatus*, (OrtEnv*, const char*, const OrtMemoryInfo*, const OrtArenaCfg*, const char* const*, const char* const*, size_t)) \
  SLOT(263, UpdateCUDAProviderOptionsWithValue, OrtStatus*, (OrtCUDAProviderOptionsV2*, const char*, void*)) \
  SLOT(274, KernelContext_ParallelFor, OrtStatus*, (const OrtKernelContext*, void (*)(void*, size_t), size_t, size_t, void*)) \
  SLOT(293, SessionOptionsSetLoadCancellationFlag, OrtStatus*, (OrtSessionOptions*, bool)) \
  SLOT(297, GetKeyValue, const char*, (const OrtKeyValuePairs*, const char*)) \
  SLOT(300, ReleaseKeyValuePairs, void, (OrtKeyValuePairs*)) \
  SLOT(319, AllocatorGetStats, OrtStatus*, (const OrtAllocator*, OrtKeyValuePairs**)) \
  SLOT(380, SessionGetMemoryInfoForInputs, OrtStatus*, (const OrtSession*, const OrtMemoryInfo**, size_t)) \
  SLOT(386, CopyTensors, OrtStatus*, (const OrtEnv*, const OrtValue* const*, OrtValue* const*, OrtSyncStream*, size_t)) \
  SLOT(390, TensorTypeAndShape_HasShape, bool, (const OrtTensorTypeAndShapeInfo*)) \
  SLOT(407, Session_GetEpGraphAssignmentInfo, OrtStatus*, (const OrtSession*, const OrtEpAssignedSubgraph* const**, size_t*)) \
  SLOT(408, EpAssignedSubgraph_GetEpName, OrtStatus*, (const OrtEpAssignedSubgraph*, const char**)) \
  SLOT(409, EpAssignedSubgraph_GetNodes, OrtStatus*, (const OrtEpAssignedSubgraph*, const OrtEpAssignedNode* const**, size_t*)) \
  SLOT(410, EpAssignedNode_GetName, OrtStatus*, (const OrtEpAssignedNode*, const char**)) \
  SLOT(411, EpAssignedNode_GetDomain, OrtStatus*, (const OrtEpAssignedNode*, const char**)) \
  SLOT(412, EpAssignedNode_GetOperatorType, OrtStatus*, (const OrtEpAssignedNode*, const char**))
// clang-format on
