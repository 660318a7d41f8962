// libcublas without a GPU: what ONNX Runtime's provider calls. Products compute nothing, but say which memory they read and write.
#include <library_types.h>

#include <cstring>

#include "../double.h"

using namespace doubled;

namespace {

struct Blas {
  cudaStream_t stream = nullptr;
  int device = 0;
  int mathMode = 0;
};
constexpr int ok = 0, notInitialized = 1, executionFailed = 13;

/** Bytes of a cudaDataType_t. */
size_t bytesOf(int type) {
  switch (type) {
    case CUDA_R_64F: case CUDA_C_32F: case CUDA_R_64I: return 8;
    case CUDA_R_16F: case CUDA_R_16BF: return 2;
    case CUDA_R_8I: case CUDA_R_8U: case CUDA_R_8F_E4M3: case CUDA_R_8F_E5M2: return 1;
    default: return 4;
  }
}

int begin(const Call& call, void* handle) {
  if (call.error != cudaSuccess) return executionFailed;
  return alive("blas handle", handle) ? ok : notInitialized;
}
#define BLAS(name)                                               \
  const Call call(#name, __builtin_return_address(0));           \
  if (const int status = begin(call, handle)) return status;     \
  const cudaStream_t stream = static_cast<Blas*>(handle)->stream

int run(const Call& call, cudaStream_t stream, std::vector<Touch> touches, const std::string& more = "") {
  return launch(call, call.function, stream, touches, more) == cudaSuccess ? ok : executionFailed;
}
/** A column-major matrix of `rows` x `columns` after `transposed`. */
Touch matrix(const void* at, int transposed, int64_t rows, int64_t columns, int64_t leading, int type, bool write, int64_t stride = 0, int64_t batch = 1) {
  const int64_t lines = transposed == 0 ? columns : rows, width = transposed == 0 ? rows : columns;
  if (lines == 0 || width == 0 || batch == 0) return {at, 0, write};
  return {at, size_t(stride * (batch - 1) + leading * (lines - 1) + width) * bytesOf(type), write};
}
std::string sizes(int m, int n, int k, int batch) {
  char text[96];
  snprintf(text, sizeof text, ",\"product\":[%d,%d,%d],\"batch\":%d", m, n, k, batch);
  return text;
}
int product(const Call& call, cudaStream_t stream, int ta, int tb, int m, int n, int k, const void* a, int at, int lda, int64_t sa, const void* b, int bt, int ldb, int64_t sb, void* c, int ct, int ldc, int64_t sc, int batch) {
  return run(call, stream, {matrix(a, ta, m, k, lda, at, false, sa, batch), matrix(b, tb, k, n, ldb, bt, false, sb, batch), matrix(c, 0, m, n, ldc, ct, true, sc, batch)}, sizes(m, n, k, batch));
}

}  // namespace

extern "C" {

int cublasCreate_v2(void** handle) {
  const Call call("cublasCreate_v2", __builtin_return_address(0));
  if (call.error != cudaSuccess) return call.error == cudaErrorMemoryAllocation ? 3 : notInitialized;
  auto* made = new Blas;
  made->device = currentDevice();
  born("blas handle", made, call.caller);
  *handle = made;
  return ok;
}
int cublasDestroy_v2(void* handle) {
  if (!died("blas handle", handle)) return notInitialized;
  delete static_cast<Blas*>(handle);
  return ok;
}
int cublasSetStream_v2(void* handle, cudaStream_t stream) {
  if (!alive("blas handle", handle)) return notInitialized;
  static_cast<Blas*>(handle)->stream = stream;
  return ok;
}
int cublasSetMathMode(void* handle, int mode) {
  if (!alive("blas handle", handle)) return notInitialized;
  static_cast<Blas*>(handle)->mathMode = mode;
  return ok;
}
int cublasGetMathMode(void* handle, int* mode) {
  if (!alive("blas handle", handle)) return notInitialized;
  *mode = static_cast<Blas*>(handle)->mathMode;
  return ok;
}
int cublasSetWorkspace_v2(void* handle, void*, size_t) { return alive("blas handle", handle) ? ok : notInitialized; }
const char* cublasGetStatusName(int status) { return status == ok ? "CUBLAS_STATUS_SUCCESS" : status == notInitialized ? "CUBLAS_STATUS_NOT_INITIALIZED" : status == executionFailed ? "CUBLAS_STATUS_EXECUTION_FAILED" : "CUBLAS_STATUS_OTHER"; }
const char* cublasGetStatusString(int status) { return cublasGetStatusName(status); }

int cublasGemmEx(void* handle, int ta, int tb, int m, int n, int k, const void*, const void* a, int at, int lda, const void* b, int bt, int ldb, const void*, void* c, int ct, int ldc, int, int) {
  BLAS(cublasGemmEx);
  return product(call, stream, ta, tb, m, n, k, a, at, lda, 0, b, bt, ldb, 0, c, ct, ldc, 0, 1);
}
int cublasGemmStridedBatchedEx(void* handle, int ta, int tb, int m, int n, int k, const void*, const void* a, int at, int lda, long long sa, const void* b, int bt, int ldb, long long sb, const void*, void* c, int ct,
                               int ldc, long long sc, int batch, int, int) {
  BLAS(cublasGemmStridedBatchedEx);
  return product(call, stream, ta, tb, m, n, k, a, at, lda, sa, b, bt, ldb, sb, c, ct, ldc, sc, batch);
}
int cublasGemmBatchedEx(void* handle, int, int, int m, int n, int k, const void*, const void* const[], int, int, const void* const[], int, int, const void*, void* const[], int, int, int batch, int, int) {
  BLAS(cublasGemmBatchedEx);
  return run(call, stream, {}, sizes(m, n, k, batch));
}
#define PRODUCTS(letter, number, type)                                                                                                                                                                       \
  int cublas##letter##gemm_v2(void* handle, int ta, int tb, int m, int n, int k, const number*, const number* a, int lda, const number* b, int ldb, const number*, number* c, int ldc) {                      \
    BLAS(cublas##letter##gemm_v2);                                                                                                                                                                           \
    return product(call, stream, ta, tb, m, n, k, a, type, lda, 0, b, type, ldb, 0, c, type, ldc, 0, 1);                                                                                                     \
  }                                                                                                                                                                                                          \
  int cublas##letter##gemmStridedBatched(void* handle, int ta, int tb, int m, int n, int k, const number*, const number* a, int lda, long long sa, const number* b, int ldb, long long sb, const number*,     \
                                         number* c, int ldc, long long sc, int batch) {                                                                                                                      \
    BLAS(cublas##letter##gemmStridedBatched);                                                                                                                                                                \
    return product(call, stream, ta, tb, m, n, k, a, type, lda, sa, b, type, ldb, sb, c, type, ldc, sc, batch);                                                                                              \
  }                                                                                                                                                                                                          \
  int cublas##letter##gemmBatched(void* handle, int, int, int m, int n, int k, const number*, const number* const[], int, const number* const[], int, const number*, number* const[], int, int batch) {       \
    BLAS(cublas##letter##gemmBatched);                                                                                                                                                                       \
    return run(call, stream, {}, sizes(m, n, k, batch));                                                                                                                                                     \
  }                                                                                                                                                                                                          \
  int cublas##letter##geam(void* handle, int ta, int tb, int m, int n, const number*, const number* a, int lda, const number*, const number* b, int ldb, number* c, int ldc) {                                \
    BLAS(cublas##letter##geam);                                                                                                                                                                              \
    return run(call, stream, {matrix(a, ta, m, n, lda, type, false), matrix(b, tb, m, n, ldb, type, false), matrix(c, 0, m, n, ldc, type, true)});                                                           \
  }                                                                                                                                                                                                          \
  int cublas##letter##copy_v2(void* handle, int n, const number* x, int stepX, number* y, int stepY) {                                                                                                       \
    BLAS(cublas##letter##copy_v2);                                                                                                                                                                           \
    return run(call, stream, {matrix(x, 0, 1, n, stepX, type, false), matrix(y, 0, 1, n, stepY, type, true)});                                                                                               \
  }
PRODUCTS(S, float, CUDA_R_32F)
PRODUCTS(D, double, CUDA_R_64F)
int cublasSscal_v2(void* handle, int n, const float*, float* x, int step) {
  BLAS(cublasSscal_v2);
  return run(call, stream, {matrix(x, 0, 1, n, step, CUDA_R_32F, true)});
}
}
