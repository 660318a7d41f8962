// accelerate_ts:Dropout(x, key int64[4], places int64[rows, k]?) -> y; attributes ratio, site. The gradient is the same node on dY with the same key, places and site.
#include "../kernels/dropout.h"

#include "../ops.h"
#include "row_masks.h"

namespace accelerate_ts {
namespace {

template <typename T>
class Dropout {
 public:
  explicit Dropout(const KernelInfo& info) : ratio_(info.real("ratio", 0.5f)), site_(static_cast<uint32_t>(info.integer("site", 0))) {}

  void compute(KernelCall& call) const {
    const TensorView x = call.input(0);
    const TensorView key = call.input(1);
    const TensorView places = call.input(2);
    const std::optional<DropoutRows> masks = row_masks(call, "Dropout", x.dims, key, places, site_, ratio_);
    if (!masks) return;
    T* y = static_cast<T*>(call.output(0, x.dims));
    const size_t length = x.dims.empty() ? 1 : static_cast<size_t>(x.dims.back());
    if (call.ok() && length > 0) dropout<T>(x.as<T>(), *masks, x.count() / length, length, y, call.parallel());
  }

 private:
  const float ratio_;
  const uint32_t site_;
};

template <typename T>
CustomOp* op() {
  return inPlace(customOp<Dropout<T>>("Dropout", {ElementTypeOf<T>::value, kInt64, optional(kInt64)}, {ElementTypeOf<T>::value}));
}

}  // namespace

void dropoutOps(std::vector<const CustomOp*>& ops) {
  ops.push_back(op<float>());
  ops.push_back(op<double>());
}

}  // namespace accelerate_ts
