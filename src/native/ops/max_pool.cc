// accelerate_ts:MaxPoolGrad(x, y, dy, windows int64[4 n]) -> dx: the gradient of MaxPool over n spatial dims; windows: kernel, strides, dilations, pads before, n numbers of each.
#include "../kernels/max_pool.h"

#include "../ops.h"

namespace accelerate_ts {
namespace {

template <typename T>
class MaxPoolGrad {
 public:
  explicit MaxPoolGrad(const KernelInfo&) {}

  void compute(KernelCall& call) const {
    const TensorView x = call.input(0), y = call.input(1), dy = call.input(2), given = call.input(3);
    if (!call.ok()) return;
    const size_t rank = x.dims.size();
    if (rank < 3 || rank > 5 || y.dims.size() != rank || dy.count() != y.count() || given.count() != 4 * (rank - 2) || x.dims[0] != y.dims[0] || x.dims[1] != y.dims[1])
      return call.fail("MaxPoolGrad takes x and y of one rank from 3 to 5, dy like y and 4 numbers for each spatial dim");
    PoolWindows windows;
    const size_t n = rank - 2;
    const int64_t* const numbers = given.as<int64_t>();
    for (size_t i = 0; i < n; i++) {
      const size_t at = 3 - n + i;
      windows.in[at] = x.dims[i + 2];
      windows.out[at] = y.dims[i + 2];
      windows.kernel[at] = numbers[i];
      windows.stride[at] = numbers[n + i];
      windows.dilation[at] = numbers[2 * n + i];
      windows.before[at] = numbers[3 * n + i];
      if (numbers[i] < 1 || numbers[n + i] < 1 || numbers[2 * n + i] < 1 || numbers[3 * n + i] < 0) return call.fail("MaxPoolGrad got windows that are none");
    }
    auto* const dx = static_cast<T*>(call.output(0, x.dims));
    if (!call.ok()) return;
    max_pool_grad(x.as<T>(), y.as<T>(), dy.as<T>(), static_cast<size_t>(x.dims[0] * x.dims[1]), windows, dx, call.parallel());
  }
};

template <typename T>
CustomOp* op() {
  const ElementType type = ElementTypeOf<T>::value;
  return customOp<MaxPoolGrad<T>>("MaxPoolGrad", {type, type, type, kInt64}, {type});
}

}  // namespace

void maxPoolOps(std::vector<const CustomOp*>& ops) {
  ops.push_back(op<float>());
  ops.push_back(op<double>());
}

}  // namespace accelerate_ts
