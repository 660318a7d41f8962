// libcublasLt without a GPU: descriptors are opaque, products compute nothing.
#include "../double.h"

using namespace doubled;

namespace {
constexpr int ok = 0, invalidValue = 7, executionFailed = 13;
}

extern "C" {
static int opaque(const char* kind, void** out, const void* from) {
  int* made = new int(0);
  born(kind, made, callerOf(from));
  *out = made;
  return ok;
}
static int gone(const char* kind, void* handle) {
  if (!died(kind, handle)) return invalidValue;
  delete static_cast<int*>(handle);
  return ok;
}
int cublasLtCreate(void** handle) { return opaque("blas lt handle", handle, __builtin_return_address(0)); }
int cublasLtDestroy(void* handle) { return gone("blas lt handle", handle); }
int cublasLtMatmulDescCreate(void** out, int, int) { return opaque("blas lt product", out, __builtin_return_address(0)); }
int cublasLtMatmulDescDestroy(void* handle) { return gone("blas lt product", handle); }
int cublasLtMatrixLayoutCreate(void** out, int, uint64_t, uint64_t, int64_t) { return opaque("blas lt layout", out, __builtin_return_address(0)); }
int cublasLtMatrixLayoutDestroy(void* handle) { return gone("blas lt layout", handle); }
int cublasLtMatmulPreferenceCreate(void** out) { return opaque("blas lt preference", out, __builtin_return_address(0)); }
int cublasLtMatmulPreferenceDestroy(void* handle) { return gone("blas lt preference", handle); }
int cublasLtMatmulDescSetAttribute(void*, int, const void*, size_t) { return ok; }
int cublasLtMatrixLayoutSetAttribute(void*, int, const void*, size_t) { return ok; }
int cublasLtMatmulPreferenceSetAttribute(void*, int, const void*, size_t) { return ok; }
int cublasLtMatmulAlgoGetHeuristic(void*, void*, void*, void*, void*, void*, void*, int, void*, int* got) {
  *got = 1;
  return ok;
}
int cublasLtMatmul(void*, void*, const void*, const void* a, void*, const void* b, void*, const void*, const void* c, void*, void* d, void*, const void*, void*, size_t, cudaStream_t stream) {
  const Call call("cublasLtMatmul", __builtin_return_address(0));
  if (call.error != cudaSuccess) return executionFailed;
  std::vector<Touch> touches = {{a, 4, false}, {b, 4, false}, {d, 4, true}};
  if (c != nullptr && c != d) touches.push_back({c, 4, false});
  return launch(call, call.function, stream, touches) == cudaSuccess ? ok : executionFailed;
}
}
