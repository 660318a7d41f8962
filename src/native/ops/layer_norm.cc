// accelerate_ts:DropoutAddLayerNorm and its gradient; shapes and outputs as in src/graph/ops/fused-layer-norm.ts.
#include "../kernels/layer_norm.h"

#include "../ops.h"
#include "row_masks.h"

namespace accelerate_ts {
namespace {

float* floats(void* data) { return static_cast<float*>(data); }

std::vector<int64_t> statistics_of(std::vector<int64_t> dims) {
  dims.back() = 1;
  return dims;
}

/// Ends the call unless every given vector has one number per column.
bool vectors_fit(KernelCall& call, size_t columns, std::initializer_list<const TensorView*> vectors) {
  for (const TensorView* vector : vectors) {
    if (!vector->given || vector->count() == columns) continue;
    call.fail("layer normalization over " + std::to_string(columns) + " columns got a vector of " + std::to_string(vector->count()));
    return false;
  }
  return true;
}

class DropoutAddLayerNorm {
 public:
  explicit DropoutAddLayerNorm(const KernelInfo& info)
      : epsilon_(info.real("epsilon", 1e-5f)), ratio_(info.real("ratio", 0.5f)), site_(static_cast<uint32_t>(info.integer("site", 0))) {}

  void compute(KernelCall& call) const {
    const TensorView x = call.input(0), bias = call.input(1), residual = call.input(2), scale = call.input(3), shift = call.input(4), key = call.input(5), places = call.input(6);
    if (!call.ok()) return;
    if (x.dims.empty()) return call.fail("layer normalization of a scalar");
    const auto columns = static_cast<size_t>(x.dims.back());
    if (!vectors_fit(call, columns, {&bias, &scale, &shift})) return;
    if (residual.given && residual.count() != x.count()) return call.fail("the residual is not like x");
    const std::optional<DropoutRows> masks = row_masks(call, "DropoutAddLayerNorm", x.dims, key, places, site_, ratio_);
    const std::vector<int64_t> rows = statistics_of(x.dims);
    float* const y = floats(call.output(0, x.dims));
    float* const sum = floats(call.output(1, x.dims));
    float* const mean = floats(call.output(2, rows));
    float* const inverse = floats(call.output(3, rows));
    if (!call.ok() || columns == 0) return;
    layer_norm({x.count() / columns, columns, epsilon_, x.as<float>(), bias.as<float>(), residual.as<float>(), scale.as<float>(), shift.as<float>(), masks ? &*masks : nullptr, y, sum, mean, inverse},
               call.parallel());
  }

 private:
  const float epsilon_, ratio_;
  const uint32_t site_;
};

class DropoutAddLayerNormGrad {
 public:
  explicit DropoutAddLayerNormGrad(const KernelInfo& info) : ratio_(info.real("ratio", 0.5f)), site_(static_cast<uint32_t>(info.integer("site", 0))) {}

  void compute(KernelCall& call) const {
    const TensorView dy = call.input(0), dsum = call.input(1), sum = call.input(2), mean = call.input(3), inverse = call.input(4), scale = call.input(5), key = call.input(6), places = call.input(7);
    if (!call.ok()) return;
    if (sum.dims.empty()) return call.fail("layer normalization of a scalar");
    const auto columns = static_cast<size_t>(sum.dims.back());
    if (!vectors_fit(call, columns, {&scale})) return;
    const size_t rows = columns == 0 ? 0 : sum.count() / columns;
    if (dy.count() != sum.count() || (dsum.given && dsum.count() != sum.count()) || (columns > 0 && (mean.count() != rows || inverse.count() != rows)))
      return call.fail("the gradient of layer normalization got tensors of other sizes than its input");
    const std::optional<DropoutRows> masks = row_masks(call, "DropoutAddLayerNormGrad", sum.dims, key, places, site_, ratio_);
    const std::vector<int64_t> vector = {static_cast<int64_t>(columns)};
    float* const dx = floats(call.output(0, sum.dims));
    float* const dresidual = floats(call.output(1, sum.dims));
    float* const dscale = floats(call.output(2, vector));
    float* const dshift = floats(call.output(3, vector));
    float* const dbias = floats(call.output(4, vector));
    if (!call.ok()) return;
    layer_norm_grad({rows, columns, dy.as<float>(), dsum.as<float>(), sum.as<float>(), mean.as<float>(), inverse.as<float>(), scale.as<float>(), masks ? &*masks : nullptr, dx, dresidual, dscale,
                     dshift, dbias},
                    call.parallel());
  }

 private:
  const float ratio_;
  const uint32_t site_;
};

}  // namespace

void layerNormOps(std::vector<const CustomOp*>& ops) {
  const OpSlot x = kFloat32, maybe = optional(kFloat32), index = optional(kInt64);
  ops.push_back(customOp<DropoutAddLayerNorm>("DropoutAddLayerNorm", {x, maybe, maybe, x, maybe, index, index}, {x, maybe, maybe, maybe}));
  ops.push_back(customOp<DropoutAddLayerNormGrad>("DropoutAddLayerNormGrad", {x, maybe, x, x, x, x, index, index}, {maybe, maybe, maybe, maybe, maybe}));
}

}  // namespace accelerate_ts
