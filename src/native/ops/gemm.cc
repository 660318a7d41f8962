// accelerate_ts:Gemm(a [.., m, k], b [k, n], bias? [n], residual? [.., m, n]) -> y [.., m, n] float32: activation(alpha op(a) op(b) + bias) + residual by the library that openGemmEngine has opened.
// a and b float32 or bfloat16; transA: a is [k, m]; transB: b is [n, k]; activation 0 none, 1 relu, 2 gelu, 3 gelu by tanh.
// accelerate_ts:ToBfloat16(x) -> x in bfloat16, rounded to nearest even.
#include <algorithm>
#include <cstring>

#include "../gemm_engine.h"
#include "../kernels/bfloat16.h"
#include "../ops.h"

namespace accelerate_ts {
namespace {

std::string shown(const TensorView& x) {
  std::string text;
  for (const int64_t dim : x.dims) text += (text.empty() ? "" : ", ") + std::to_string(dim);
  return "[" + text + "]";
}

template <ElementType type>
class Gemm {
 public:
  explicit Gemm(const KernelInfo& info)
      : engine_(gemmEngine()),
        transposeA_(info.integer("transA", 0) != 0),
        transposeB_(info.integer("transB", 0) != 0),
        alpha_(info.real("alpha", 1)),
        activation_(static_cast<int32_t>(info.integer("activation", 0))) {}

  void compute(KernelCall& call) const {
    const TensorView a = call.input(0), b = call.input(1), bias = call.input(2), residual = call.input(3);
    if (!call.ok()) return;
    if (engine_ == nullptr) return call.fail("no library for it is open: apt-get install libdnnl-dev, then: npx accelerate-ts build-native");
    if (a.dims.size() < 2 || b.dims.size() != 2 || (transposeA_ && a.dims.size() != 2)) return call.fail("Gemm takes a matrix b, and rows a, got " + shown(a) + " and " + shown(b));
    const int64_t columns = a.dims.back(), rows = columns == 0 ? product(a) : static_cast<int64_t>(a.count()) / columns;
    GemmCall gemm = {};
    gemm.m = transposeA_ ? columns : rows;
    gemm.k = transposeA_ ? rows : columns;
    gemm.n = b.dims[transposeB_ ? 0 : 1];
    if (b.dims[transposeB_ ? 1 : 0] != gemm.k) return call.fail("Gemm's inner sizes differ: " + shown(a) + " and " + shown(b));
    if (bias.given && static_cast<int64_t>(bias.count()) != gemm.n) return call.fail("Gemm's bias " + shown(bias) + " has not one number per column of " + std::to_string(gemm.n));
    std::vector<int64_t> dims = a.dims;
    dims.back() = gemm.n;
    if (transposeA_) dims[0] = gemm.m;
    if (residual.given && residual.dims != dims) return call.fail("Gemm's residual is " + shown(residual) + ", the product of " + shown(a) + " and " + shown(b) + " is not");
    gemm.lda = columns, gemm.ldb = b.dims[1], gemm.ldy = gemm.ld_residual = gemm.n;
    gemm.transpose_a = transposeA_, gemm.transpose_b = transposeB_;
    gemm.type = type, gemm.activation = activation_, gemm.alpha = alpha_;
    gemm.a = a.data, gemm.b = b.data;
    gemm.bias = bias.given ? bias.as<float>() : nullptr;
    gemm.residual = residual.given ? residual.as<float>() : nullptr;
    gemm.y = static_cast<float*>(call.output(0, dims));
    if (!call.ok() || gemm.m == 0 || gemm.n == 0) return;
    if (gemm.k == 0) {
      if (gemm.bias != nullptr || gemm.residual != nullptr) return call.fail("Gemm takes no bias and no residual where the inner size is 0");
      std::memset(gemm.y, 0, sizeof(float) * static_cast<size_t>(gemm.m * gemm.n));
      return;
    }
    const std::string error = multiply(*engine_, gemm, call.parallel());
    if (!error.empty()) call.fail(error);
  }

 private:
  static int64_t product(const TensorView& x) {
    int64_t product = 1;
    for (size_t i = 0; i + 1 < x.dims.size(); i++) product *= x.dims[i];
    return product;
  }

  const GemmEngine* const engine_;
  const bool transposeA_;
  const bool transposeB_;
  const float alpha_;
  const int32_t activation_;
};

class ToBfloat16 {
 public:
  explicit ToBfloat16(const KernelInfo&) {}

  void compute(KernelCall& call) const {
    const TensorView x = call.input(0);
    if (!call.ok()) return;
    auto* y = static_cast<uint16_t*>(call.output(0, x.dims));
    if (call.ok()) to_bfloat16(y, x.as<float>(), x.count(), call.parallel());
  }
};

}  // namespace

void gemmOps(std::vector<const CustomOp*>& ops) {
  ops.push_back(customOp<Gemm<kFloat32>>("Gemm", {kFloat32, kFloat32, optional(kFloat32), optional(kFloat32)}, {kFloat32}));
  ops.push_back(customOp<Gemm<kBFloat16>>("Gemm", {kBFloat16, kBFloat16, optional(kFloat32), optional(kFloat32)}, {kFloat32}));
  ops.push_back(customOp<ToBfloat16>("ToBfloat16", {kFloat32}, {kBFloat16}));
}

}  // namespace accelerate_ts
