// Layer normalization with bias, dropout and residual for CUDA's provider, and its gradient.
#include "op_call.h"

namespace accelerate_ts {
namespace {

constexpr size_t size_of(ElementType type) { return type == kFloat32 ? 4 : 2; }

std::vector<int64_t> statistics_of(std::vector<int64_t> dims) {
  dims.back() = 1;
  return dims;
}
/// Ends the call unless every given vector has one number per column.
bool vectors_fit(KernelCall& call, uint64_t columns, std::initializer_list<const TensorView*> vectors) {
  for (const TensorView* vector : vectors) {
    if (!vector->given || vector->count() == columns) continue;
    call.fail("layer normalization over " + std::to_string(columns) + " columns got a vector of " + std::to_string(vector->count()));
    return false;
  }
  return true;
}

/// narrow: the type of x and of a second y behind the outputs, where it is another one.
template <ElementType type, ElementType narrow = type> class DropoutAddLayerNorm {
 public:
  explicit DropoutAddLayerNorm(const KernelInfo& info) : epsilon_(info.real("epsilon", 1e-5f)), drops_(info) {}
  void compute(KernelCall& call) const {
    const TensorView x = call.input(0), bias = call.input(1), residual = call.input(2), scale = call.input(3), shift = call.input(4), key = call.input(5), places = call.input(6);
    if (!call.ok()) return;
    if (x.dims.empty()) return call.fail("layer normalization of a scalar");
    if (!vectors_fit(call, last(x), {&bias, &scale, &shift})) return;
    if (residual.given && residual.count() != x.count()) return call.fail("the residual is not like x");
    const cuda::Masks masks = masks_of(call, x.dims, key, places, drops_.site, drops_.ratio);
    const std::vector<int64_t> rows = statistics_of(x.dims);
    void *const y = call.output(0, x.dims), *const sum = call.output(1, x.dims);
    void* const again = narrow == type ? nullptr : call.output(4, x.dims);
    auto *const mean = static_cast<float*>(call.output(2, rows)), *const inverse = static_cast<float*>(call.output(3, rows));
    const Launch launch(call);
    if (!call.ok()) return;
    launch.done(launches->layer_norm({number(type), number(narrow), x.data, bias.data, residual.data, scale.data, shift.data, y, again, sum, mean, inverse, rows_of(x), last(x), epsilon_, masks}, launch));
  }

 private:
  const float epsilon_;
  const Drops drops_;
};

/// several: the gradient of y is a sum, whose further terms stand behind the inputs; they, and dx, are of the type `narrow`.
template <ElementType type, ElementType narrow = type, bool several = false> class DropoutAddLayerNormGrad {
 public:
  explicit DropoutAddLayerNormGrad(const KernelInfo& info) : drops_(info) {}
  void compute(KernelCall& call) const {
    const TensorView dy = call.input(0), dsum = call.input(1), sum = call.input(2), mean = call.input(3), inverse = call.input(4), scale = call.input(5), key = call.input(6), places = call.input(7);
    TensorView more[3];
    for (size_t k = 0; several && k < 3; k++) more[k] = call.input(8 + k);
    if (!call.ok()) return;
    if (sum.dims.empty()) return call.fail("layer normalization of a scalar");
    if (!vectors_fit(call, last(sum), {&scale})) return;
    const uint64_t rows = rows_of(sum);
    if (dy.count() != sum.count() || (dsum.given && dsum.count() != sum.count()) || (last(sum) > 0 && (mean.count() != rows || inverse.count() != rows)))
      return call.fail("the gradient of layer normalization got tensors of other sizes than its input");
    for (const TensorView& term : more)
      if (term.given && term.count() != sum.count()) return call.fail("a term of the gradient of layer normalization has another size than its input");
    const cuda::Masks masks = masks_of(call, sum.dims, key, places, drops_.site, drops_.ratio);
    const std::vector<int64_t> vector = {static_cast<int64_t>(last(sum))};
    void* dx = call.output(0, sum.dims);
    void *const dresidual = call.output(1, sum.dims), *const dscale = call.output(2, vector), *const dshift = call.output(3, vector), *const dbias = call.output(4, vector);
    const Launch launch(call);
    if (!call.ok()) return;
    // The bias' gradient is made of dx, also where nobody reads that.
    std::optional<Scratch> scratch, total;
    if (dbias != nullptr && dx == nullptr && sum.count() > 0) {
      scratch.emplace(call, sum.count() * size_of(narrow));
      dx = scratch->data;
    }
    if (several && sum.count() > 0) total.emplace(call, sum.count() * size_of(type));
    if (!call.ok()) return;
    cuda::LayerNormGradCall grad = {number(type), number(narrow), dy.data, dsum.data, sum.data, mean.as<float>(), inverse.as<float>(), scale.data, dx, dresidual, dscale, dshift, dbias,
                                    rows, last(sum), masks, {}, nullptr};
    for (size_t k = 0, terms = 0; total && k < 3; k++) if (more[k].given) grad.more[terms++] = more[k].data;
    if (total) grad.total = total->data;
    launch.done(launches->layer_norm_grad(grad, launch));
  }

 private:
  const Drops drops_;
};

template <ElementType type> void add(Registry ops) {
  const OpSlot x = type, maybe = optional(type), index = optional(kInt64), statistic = kFloat32, maybeStatistic = optional(kFloat32);
  ops.add<DropoutAddLayerNorm<type>>("DropoutAddLayerNorm", {x, maybe, maybe, x, maybe, index, index}, {x, maybe, maybeStatistic, maybeStatistic});
  ops.add<DropoutAddLayerNormGrad<type>>("DropoutAddLayerNormGrad", {x, maybe, x, statistic, statistic, x, index, index}, {maybe, maybe, maybe, maybe, maybe});
}

/// Float32 but for x and its gradient.
template <ElementType narrow> void addMixed(Registry ops) {
  const OpSlot x = kFloat32, maybe = optional(kFloat32), index = optional(kInt64);
  ops.add<DropoutAddLayerNormGrad<kFloat32, narrow, true>>("LayerNormGradOfSum", {x, maybe, x, x, x, x, index, index, narrow, optional(narrow), optional(narrow)},
                                                           {optional(narrow), maybe, maybe, maybe, maybe});
  if (narrow != kFloat32) ops.add<DropoutAddLayerNorm<kFloat32, narrow>>("LayerNormOfNarrow", {narrow, maybe, maybe, x, maybe, index, index}, {x, maybe, maybe, maybe, optional(narrow)});
}

}  // namespace

void cudaLayerNormOps(Registry ops) {
  add<kFloat32>(ops);
  add<kFloat16>(ops);
  add<kBFloat16>(ops);
  addMixed<kFloat32>(ops);
  addMixed<kFloat16>(ops);
  addMixed<kBFloat16>(ops);
}

}  // namespace accelerate_ts
