// accelerate_ts:Dropout(x, key int64[4]) -> y; attributes ratio, site. The gradient is the same node on dY with the same key and site.
#include "../kernels/dropout.h"

#include <algorithm>
#include <memory>

#include "../ops.h"

namespace accelerate_ts {
namespace {

template <typename T>
class Dropout {
 public:
  explicit Dropout(const KernelInfo& info) : ratio_(info.real("ratio", 0.5f)), site_(static_cast<uint32_t>(info.integer("site", 0))) {}

  void compute(KernelCall& call) const {
    const TensorView x = call.input(0);
    const TensorView key = call.input(1);
    if (!call.ok()) return;
    if (x.dims.empty() || x.dims.size() > 4) return call.fail("Dropout takes tensors of rank 1 to 4, x has rank " + std::to_string(x.dims.size()));
    if (key.count() != 4) return call.fail("Dropout takes a key of 4 numbers (seed, rank, step, call), got " + std::to_string(key.count()));
    if (!(ratio_ >= 0 && ratio_ <= 1)) return call.fail("Dropout takes a ratio of 0 to 1");
    T* y = static_cast<T*>(call.output(0, x.dims));
    if (call.ok()) dropout<T>(x.as<T>(), key.as<int64_t>(), site_, ratio_, x.dims.data(), x.dims.size(), y, call.parallel());
  }

 private:
  const float ratio_;
  const uint32_t site_;
};

template <typename T>
CustomOp* op() {
  CustomOp* op = customOp<Dropout<T>>("Dropout", {ElementTypeOf<T>::value, kInt64}, {ElementTypeOf<T>::value});
  // An element is read once, before it is written: y may take x's memory.
  op->GetMayInplace = [](int** input, int** output) -> size_t {
    *input = new int[1]{0};
    *output = new int[1]{0};
    return 1;
  };
  op->ReleaseMayInplace = [](int* input, int* output) {
    delete[] input;
    delete[] output;
  };
  return op;
}

}  // namespace

void dropoutOps(std::vector<const CustomOp*>& ops) {
  ops.push_back(op<float>());
  ops.push_back(op<double>());
}

}  // namespace accelerate_ts
