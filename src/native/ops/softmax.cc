// accelerate_ts:MaskedSoftmax(x, bias?) -> y and SoftmaxGrad(dy, y) -> dx, both over the last dim.
#include "../kernels/softmax.h"

#include "../ops.h"

namespace accelerate_ts {
namespace {

/// Steps of a mask for each leading dim of x; empty where it does not broadcast to x.
std::vector<size_t> strides_of(const std::vector<int64_t>& x, const std::vector<int64_t>& bias) {
  std::vector<size_t> strides(x.size(), 0);
  if (bias.size() > x.size()) return {};
  size_t step = 1;
  for (size_t k = 1; k <= bias.size(); k++) {
    const int64_t size = bias[bias.size() - k];
    if (size != 1 && size != x[x.size() - k]) return {};
    if (size != 1) strides[x.size() - k] = step;
    step *= static_cast<size_t>(size);
  }
  return strides;
}

class MaskedSoftmax {
 public:
  explicit MaskedSoftmax(const KernelInfo&) {}

  void compute(KernelCall& call) const {
    const TensorView x = call.input(0), bias = call.input(1);
    if (!call.ok()) return;
    if (x.dims.empty()) return call.fail("softmax of a scalar");
    const std::vector<size_t> strides = strides_of(x.dims, bias.dims);
    if (strides.empty()) return call.fail("the mask does not broadcast to the scores");
    auto* const y = static_cast<float*>(call.output(0, x.dims));
    const auto columns = static_cast<size_t>(x.dims.back());
    if (!call.ok() || x.count() == 0) return;
    const RowBias rows = {bias.given ? bias.as<float>() : nullptr, x.dims.size() - 1, x.dims.data(), strides.data(), strides.back()};
    masked_softmax(x.as<float>(), rows, x.count() / columns, columns, y, call.parallel());
  }
};

class SoftmaxGrad {
 public:
  explicit SoftmaxGrad(const KernelInfo&) {}

  void compute(KernelCall& call) const {
    const TensorView dy = call.input(0), y = call.input(1);
    if (!call.ok()) return;
    if (y.dims.empty() || dy.count() != y.count()) return call.fail("the gradient of softmax got a dy of another size than y");
    auto* const dx = static_cast<float*>(call.output(0, y.dims));
    const auto columns = static_cast<size_t>(y.dims.back());
    if (call.ok() && y.count() > 0) softmax_grad(dy.as<float>(), y.as<float>(), y.count() / columns, columns, dx, call.parallel());
  }
};

}  // namespace

void softmaxOps(std::vector<const CustomOp*>& ops) {
  ops.push_back(customOp<MaskedSoftmax>("MaskedSoftmax", {kFloat32, optional(kFloat32)}, {kFloat32}));
  ops.push_back(customOp<SoftmaxGrad>("SoftmaxGrad", {kFloat32, kFloat32}, {kFloat32}));
}

}  // namespace accelerate_ts
