// accelerate_ts:EmbeddingGrad(indices, dY, shape int64[r]) -> dData: the gradient of Gather(data, indices, axis) with respect to data; attributes axis, padding_idx.
#include "../kernels/embedding_grad.h"

#include "../ops.h"

namespace accelerate_ts {
namespace {

template <typename T, typename I>
class EmbeddingGrad {
 public:
  explicit EmbeddingGrad(const KernelInfo& info) : axis_(info.integer("axis", 0)), padding_(info.integer("padding_idx", -1)) {}

  void compute(KernelCall& call) const {
    const TensorView indices = call.input(0);
    const TensorView dy = call.input(1);
    const TensorView shape = call.input(2);
    if (!call.ok()) return;
    const std::vector<int64_t> dims(shape.as<int64_t>(), shape.as<int64_t>() + shape.count());
    const int64_t rank = static_cast<int64_t>(dims.size());
    const int64_t axis = axis_ < 0 ? axis_ + rank : axis_;
    if (axis < 0 || axis >= rank) return call.fail("EmbeddingGrad has axis " + std::to_string(axis_) + " for a table of rank " + std::to_string(rank));
    const size_t outer = product(dims, 0, axis);
    const size_t rows = static_cast<size_t>(dims[axis]);
    const size_t inner = product(dims, axis + 1, rank);
    const size_t count = indices.count();
    if (dy.count() != outer * count * inner) {
      return call.fail("EmbeddingGrad takes dY of " + std::to_string(outer * count * inner) + " elements (" + std::to_string(count) + " indices), got " + std::to_string(dy.count()));
    }
    T* out = static_cast<T*>(call.output(0, dims));
    if (!call.ok()) return;
    const int64_t bad = embedding_grad<T, I>(indices.as<I>(), count, dy.as<T>(), outer, rows, inner, padding_, out, call.parallel());
    if (bad < 0) return;
    call.fail("index " + std::to_string(indices.as<I>()[bad]) + " at place " + std::to_string(bad) + " is outside of the table's " + std::to_string(rows) + " rows");
  }

 private:
  static size_t product(const std::vector<int64_t>& dims, int64_t begin, int64_t end) {
    size_t product = 1;
    for (int64_t i = begin; i < end; i++) product *= static_cast<size_t>(dims[i]);
    return product;
  }

  const int64_t axis_;
  const int64_t padding_;
};

template <typename T, typename I>
CustomOp* op() {
  return customOp<EmbeddingGrad<T, I>>("EmbeddingGrad", {ElementTypeOf<I>::value, ElementTypeOf<T>::value, kInt64}, {ElementTypeOf<T>::value});
}

}  // namespace

void embeddingGradOps(std::vector<const CustomOp*>& ops) {
  ops.push_back(op<float, int64_t>());
  ops.push_back(op<float, int32_t>());
  ops.push_back(op<double, int64_t>());
  ops.push_back(op<double, int32_t>());
}

}  // namespace accelerate_ts
