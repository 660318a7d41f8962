// Dropout, GELU, softmax and cross entropy for CUDA's provider.
#include "op_call.h"

namespace accelerate_ts {
namespace {

template <ElementType type> class Dropout {
 public:
  explicit Dropout(const KernelInfo& info) : drops_(info) {}
  void compute(KernelCall& call) const {
    const TensorView x = call.input(0), key = call.input(1), places = call.input(2);
    const cuda::Masks masks = masks_of(call, x.dims, key, places, drops_.site, drops_.ratio);
    void* const y = call.output(0, x.dims);
    const Launch launch(call);
    if (call.ok()) launch.done(launches->dropout({number(type), x.data, y, rows_of(x), last(x), masks}, launch));
  }

 private:
  const Drops drops_;
};

template <ElementType type> class BiasGelu {
 public:
  explicit BiasGelu(const KernelInfo& info) : tanh_(info.text("approximate", "none") == "tanh") {}
  void compute(KernelCall& call) const {
    const TensorView x = call.input(0), bias = call.input(1);
    if (!call.ok()) return;
    if (bias.given && bias.count() != last(x)) return call.fail("GELU of " + std::to_string(last(x)) + " columns got a bias of " + std::to_string(bias.count()));
    void* const y = call.output(0, x.dims);
    const Launch launch(call);
    if (call.ok()) launch.done(launches->gelu({number(type), x.data, bias.data, y, rows_of(x), last(x), tanh_}, launch));
  }

 private:
  const bool tanh_;
};

template <ElementType type> class BiasGeluGrad {
 public:
  explicit BiasGeluGrad(const KernelInfo& info) : tanh_(info.text("approximate", "none") == "tanh") {}
  void compute(KernelCall& call) const {
    const TensorView dy = call.input(0), x = call.input(1), bias = call.input(2);
    if (!call.ok()) return;
    if (bias.given && bias.count() != last(x)) return call.fail("GELU of " + std::to_string(last(x)) + " columns got a bias of " + std::to_string(bias.count()));
    if (dy.count() != x.count()) return call.fail("the gradient of GELU got a dy of another size than x");
    void *const dx = call.output(0, x.dims), *const dbias = call.output(1, {static_cast<int64_t>(last(x))});
    const Launch launch(call);
    if (call.ok()) launch.done(launches->gelu_grad({number(type), dy.data, x.data, bias.data, dx, dbias, rows_of(x), last(x), tanh_}, launch));
  }

 private:
  const bool tanh_;
};

template <ElementType type> class MaskedSoftmax {
 public:
  explicit MaskedSoftmax(const KernelInfo&) {}
  void compute(KernelCall& call) const {
    const TensorView x = call.input(0), bias = call.input(1);
    if (!call.ok()) return;
    if (x.dims.empty() || x.dims.size() > cuda::most_dims + 1) return call.fail("softmax takes 1 to " + std::to_string(cuda::most_dims + 1) + " dims");
    cuda::SoftmaxCall softmax = {};
    softmax.rank = static_cast<uint32_t>(x.dims.size() - 1);
    for (uint32_t d = 0; d < softmax.rank; d++) softmax.dims[d] = static_cast<uint64_t>(x.dims[d]);
    if (bias.dims.size() > x.dims.size()) return call.fail("the mask does not broadcast to the scores");
    uint64_t step = 1;
    for (size_t k = 1; k <= bias.dims.size(); k++) {
      const int64_t size = bias.dims[bias.dims.size() - k];
      if (size != 1 && size != x.dims[x.dims.size() - k]) return call.fail("the mask does not broadcast to the scores");
      const uint64_t stride = size == 1 ? 0 : step;
      if (k == 1) softmax.step = stride;
      else softmax.strides[x.dims.size() - k] = stride;
      step *= static_cast<uint64_t>(size);
    }
    void* const y = call.output(0, x.dims);
    const Launch launch(call);
    softmax.type = number(type), softmax.x = x.data, softmax.bias = bias.data, softmax.y = y, softmax.rows = rows_of(x), softmax.columns = last(x);
    if (call.ok()) launch.done(launches->softmax(softmax, launch));
  }
};

template <ElementType type> class SoftmaxGrad {
 public:
  explicit SoftmaxGrad(const KernelInfo&) {}
  void compute(KernelCall& call) const {
    const TensorView dy = call.input(0), y = call.input(1);
    if (!call.ok()) return;
    if (y.dims.empty() || dy.count() != y.count()) return call.fail("the gradient of softmax got a dy of another size than y");
    void* const dx = call.output(0, y.dims);
    const Launch launch(call);
    if (call.ok()) launch.done(launches->softmax_grad({number(type), dy.data, y.data, dx, rows_of(y), last(y)}, launch));
  }
};

/// Whether every tensor has one number per row of the logits.
bool losses_fit(KernelCall& call, const TensorView& logits, std::initializer_list<const TensorView*> rows) {
  if (!call.ok()) return false;
  bool fit = !logits.dims.empty() && logits.dims.back() > 0;
  for (const TensorView* row : rows) fit = fit && row->count() * last(logits) == logits.count();
  if (!fit) call.fail("cross entropy takes one label for each row of logits, and at least one class");
  return fit;
}

template <ElementType type, ElementType index> class CrossEntropy {
 public:
  explicit CrossEntropy(const KernelInfo& info) : ignore_(info.integer("ignore_index", -100)), smoothing_(info.real("smoothing", 0)) {}
  void compute(KernelCall& call) const {
    const TensorView logits = call.input(0), labels = call.input(1);
    if (!losses_fit(call, logits, {&labels})) return;
    void *const loss = call.output(0, labels.dims), *const lse = call.output(1, labels.dims);
    const Launch launch(call);
    if (call.ok()) launch.done(launches->cross_entropy({number(type), number(index), logits.data, labels.data, loss, lse, labels.count(), last(logits), ignore_, smoothing_}, launch));
  }

 private:
  const int64_t ignore_;
  const float smoothing_;
};

template <ElementType type, ElementType index> class CrossEntropyGrad {
 public:
  explicit CrossEntropyGrad(const KernelInfo& info) : ignore_(info.integer("ignore_index", -100)), smoothing_(info.real("smoothing", 0)) {}
  void compute(KernelCall& call) const {
    const TensorView dloss = call.input(0), logits = call.input(1), labels = call.input(2), lse = call.input(3);
    if (!losses_fit(call, logits, {&dloss, &labels, &lse})) return;
    void* const out = call.output(0, logits.dims);
    const Launch launch(call);
    if (call.ok())
      launch.done(launches->cross_entropy_grad({number(type), number(index), dloss.data, logits.data, labels.data, lse.data, out, labels.count(), last(logits), ignore_, smoothing_}, launch));
  }

 private:
  const int64_t ignore_;
  const float smoothing_;
};

template <ElementType type> void add(Registry ops) {
  const OpSlot x = type, maybe = optional(type);
  inPlace(ops.add<Dropout<type>>("Dropout", {x, kInt64, optional(kInt64)}, {x}));
  ops.add<BiasGelu<type>>("BiasGelu", {x, maybe}, {x});
  ops.add<BiasGeluGrad<type>>("BiasGeluGrad", {x, x, maybe}, {maybe, maybe});
  ops.add<MaskedSoftmax<type>>("MaskedSoftmax", {x, maybe}, {x});
  ops.add<SoftmaxGrad<type>>("SoftmaxGrad", {x, x}, {x});
  ops.add<CrossEntropy<type, kInt64>>("CrossEntropy", {x, kInt64}, {x, maybe});
  ops.add<CrossEntropy<type, kInt32>>("CrossEntropy", {x, kInt32}, {x, maybe});
  ops.add<CrossEntropyGrad<type, kInt64>>("CrossEntropyGrad", {x, x, kInt64, x}, {x});
  ops.add<CrossEntropyGrad<type, kInt32>>("CrossEntropyGrad", {x, x, kInt32, x}, {x});
}

}  // namespace

void cudaRowOps(Registry ops) {
  add<kFloat32>(ops);
  add<kFloat16>(ops);
  add<kBFloat16>(ops);
}

}  // namespace accelerate_ts
