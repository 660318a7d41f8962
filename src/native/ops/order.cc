// accelerate_ts:After(x, other) -> x: nothing is computed, but it waits for the other value. What is made from it is neither made early nor merged with what was made from x.
#include <cstring>

#include "../ops.h"

namespace accelerate_ts {
namespace {

template <typename T>
class After {
 public:
  explicit After(const KernelInfo&) {}

  void compute(KernelCall& call) const {
    const TensorView x = call.input(0);
    if (!call.ok()) return;
    void* y = call.output(0, x.dims);
    if (call.ok() && y != x.data && x.count() > 0) std::memcpy(y, x.data, x.count() * sizeof(T));
  }
};

template <typename T>
CustomOp* op() {
  return inPlace(customOp<After<T>>("After", {ElementTypeOf<T>::value, ElementTypeOf<T>::value}, {ElementTypeOf<T>::value}));
}

}  // namespace

void orderOps(std::vector<const CustomOp*>& ops) {
  ops.push_back(op<float>());
  ops.push_back(op<double>());
}

}  // namespace accelerate_ts
