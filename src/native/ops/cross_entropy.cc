// accelerate_ts:CrossEntropy(logits, labels) -> loss, lse and CrossEntropyGrad(dloss, logits, labels, lse) -> dlogits; attributes ignore_index, smoothing.
#include "../kernels/softmax.h"
#include "../ops.h"

namespace accelerate_ts {
namespace {

/// What both kernels share: attributes, and the checks of sizes and labels.
template <typename I>
class RowLosses {
 protected:
  explicit RowLosses(const KernelInfo& info) : ignore_(info.integer("ignore_index", -100)), smoothing_(info.real("smoothing", 0)) {}

  static bool fits(KernelCall& call, const TensorView& logits, std::initializer_list<const TensorView*> rows) {
    if (!call.ok()) return false;
    bool fit = !logits.dims.empty() && logits.dims.back() > 0;
    for (const TensorView* row : rows) fit = fit && row->count() * static_cast<size_t>(logits.dims.back()) == logits.count();
    if (!fit) call.fail("cross entropy takes one label for each row of logits, and at least one class");
    return fit;
  }
  static void check(KernelCall& call, int64_t bad, const TensorView& logits, const TensorView& labels) {
    if (bad < 0) return;
    call.fail("label " + std::to_string(labels.as<I>()[bad]) + " at place " + std::to_string(bad) + " is none of the " + std::to_string(logits.dims.back()) + " classes");
  }

  const int64_t ignore_;
  const float smoothing_;
};

template <typename I>
class CrossEntropy : RowLosses<I> {
 public:
  explicit CrossEntropy(const KernelInfo& info) : RowLosses<I>(info) {}

  void compute(KernelCall& call) const {
    const TensorView logits = call.input(0), labels = call.input(1);
    if (!this->fits(call, logits, {&labels})) return;
    auto* const loss = static_cast<float*>(call.output(0, labels.dims));
    auto* const lse = static_cast<float*>(call.output(1, labels.dims));
    if (!call.ok()) return;
    const auto classes = static_cast<size_t>(logits.dims.back());
    this->check(call, cross_entropy(logits.as<float>(), labels.as<I>(), labels.count(), classes, this->ignore_, this->smoothing_, loss, lse, call.parallel()), logits, labels);
  }
};

template <typename I>
class CrossEntropyGrad : RowLosses<I> {
 public:
  explicit CrossEntropyGrad(const KernelInfo& info) : RowLosses<I>(info) {}

  void compute(KernelCall& call) const {
    const TensorView dloss = call.input(0), logits = call.input(1), labels = call.input(2), lse = call.input(3);
    if (!this->fits(call, logits, {&dloss, &labels, &lse})) return;
    auto* const out = static_cast<float*>(call.output(0, logits.dims));
    if (!call.ok()) return;
    const auto classes = static_cast<size_t>(logits.dims.back());
    const int64_t bad = cross_entropy_grad(dloss.as<float>(), logits.as<float>(), labels.as<I>(), lse.as<float>(), labels.count(), classes, this->ignore_, this->smoothing_, out, call.parallel());
    this->check(call, bad, logits, labels);
  }
};

template <typename I>
void add(std::vector<const CustomOp*>& ops) {
  const OpSlot x = kFloat32, index = ElementTypeOf<I>::value;
  ops.push_back(customOp<CrossEntropy<I>>("CrossEntropy", {x, index}, {x, optional(kFloat32)}));
  ops.push_back(customOp<CrossEntropyGrad<I>>("CrossEntropyGrad", {x, x, index, x}, {x}));
}

}  // namespace

void crossEntropyOps(std::vector<const CustomOp*>& ops) {
  add<int64_t>(ops);
  add<int32_t>(ops);
}

}  // namespace accelerate_ts
