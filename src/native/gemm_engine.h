// The interface to a second library that multiplies matrices (accelerate_ts_dnnl). Plain C, found by name at run time: neither library is linked with the other, and the addon runs without it.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

#include "parallel.h"

namespace accelerate_ts {

enum class Activation : int32_t { none = 0, relu = 1, gelu = 2, gelu_tanh = 3 };

extern "C" {

// y = activation(alpha op(a) op(b) + bias) + residual, computed by the calling thread alone. Matrices lie row by row; ld*: elements from one row to the next.
// a [m, k], or [k, m] when transposed; b [k, n], or [n, k]; y and residual [m, n]; bias [n]. All sizes are at least 1.
struct GemmCall {
  int64_t m, n, k, lda, ldb, ldy, ld_residual;
  int32_t transpose_a, transpose_b;
  int32_t type;  // of a and b: 1 float32, 16 bfloat16; sums and all else are float32
  int32_t activation;
  float alpha;
  const void* a;
  const void* b;
  const float* bias;      // or null
  const float* residual;  // or null
  float* y;
};

struct GemmEngine {
  uint32_t version;    // kGemmEngineVersion
  const char* name;    // "oneDNN 2.6.3"
  int32_t bfloat16;    // 0: this processor cannot; 1: without instructions for it, slower than float32; 2: with them
  const char* processor;  // the instruction set in use, for people
  // 0, or another number and a text in `error`.
  int32_t (*multiply)(const GemmCall* call, char* error, size_t size);
};

// What the library exports under the name kGemmEngineEntry.
using GemmEngineEntry = const GemmEngine* (*)();

}  // extern "C"

constexpr uint32_t kGemmEngineVersion = 1;
constexpr const char* kGemmEngineEntry = "accelerate_ts_gemm_engine";

// One product by all threads. Returns the first error, or nothing.
std::string multiply(const GemmEngine& engine, const GemmCall& whole, const Parallel& parallel);

// The engine that openGemmEngine has opened, for the process; null: none.
const GemmEngine* gemmEngine() noexcept;

}  // namespace accelerate_ts
