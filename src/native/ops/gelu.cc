// accelerate_ts:BiasGelu(x, bias?) -> y and BiasGeluGrad(dy, x, bias?) -> dx, dbias; attribute approximate, "none" or "tanh".
#include "../kernels/gelu.h"

#include "../ops.h"

namespace accelerate_ts {
namespace {

/// How x is laid out for a bias, which may be missing; tells `call` of one that does not fit.
struct Layout {
  size_t rows = 0, columns = 0;
  Layout(KernelCall& call, const TensorView& x, const TensorView& bias) {
    if (!call.ok()) return;
    columns = x.dims.empty() ? 1 : static_cast<size_t>(x.dims.back());
    rows = columns == 0 ? 0 : x.count() / columns;
    if (bias.given && bias.count() != columns) call.fail("GELU of " + std::to_string(columns) + " columns got a bias of " + std::to_string(bias.count()));
  }
};

class BiasGelu {
 public:
  explicit BiasGelu(const KernelInfo& info) : tanh_(info.text("approximate", "none") == "tanh") {}

  void compute(KernelCall& call) const {
    const TensorView x = call.input(0), bias = call.input(1);
    const Layout layout(call, x, bias);
    if (!call.ok()) return;
    auto* const y = static_cast<float*>(call.output(0, x.dims));
    if (call.ok()) bias_gelu(x.as<float>(), bias.as<float>(), layout.rows, layout.columns, tanh_, y, call.parallel());
  }

 private:
  const bool tanh_;
};

class BiasGeluGrad {
 public:
  explicit BiasGeluGrad(const KernelInfo& info) : tanh_(info.text("approximate", "none") == "tanh") {}

  void compute(KernelCall& call) const {
    const TensorView dy = call.input(0), x = call.input(1), bias = call.input(2);
    const Layout layout(call, x, bias);
    if (!call.ok()) return;
    if (dy.count() != x.count()) return call.fail("the gradient of GELU got a dy of another size than x");
    auto* const dx = static_cast<float*>(call.output(0, x.dims));
    auto* const dbias = static_cast<float*>(call.output(1, {static_cast<int64_t>(layout.columns)}));
    if (call.ok() && (dx != nullptr || dbias != nullptr))
      bias_gelu_grad(dy.as<float>(), x.as<float>(), bias.as<float>(), layout.rows, layout.columns, tanh_, dx, dbias, call.parallel());
  }

 private:
  const bool tanh_;
};

}  // namespace

void geluOps(std::vector<const CustomOp*>& ops) {
  const OpSlot x = kFloat32, maybe = optional(kFloat32);
  ops.push_back(customOp<BiasGelu>("BiasGelu", {x, maybe}, {x}));
  ops.push_back(customOp<BiasGeluGrad>("BiasGeluGrad", {x, x, maybe}, {maybe, maybe}));
}

}  // namespace accelerate_ts
