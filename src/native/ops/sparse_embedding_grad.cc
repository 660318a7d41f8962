// accelerate_ts:SparseEmbeddingGrad(indices, dY, shape int64[r]) -> rows int64[n], values [n, ..]: the rows of EmbeddingGrad's result (axis 0) that were looked up, in ascending order; attribute
// padding_idx. Each is added up in the order of its lookups, so it has the bits that it has there.
#include <algorithm>

#include "../kernels/row_gradient.h"
#include "../ops.h"

namespace accelerate_ts {
namespace {

template <typename T, typename I>
class SparseEmbeddingGrad {
 public:
  explicit SparseEmbeddingGrad(const KernelInfo& info) : padding_(info.integer("padding_idx", -1)) {}

  void compute(KernelCall& call) const {
    const TensorView indices = call.input(0);
    const TensorView dy = call.input(1);
    const TensorView shape = call.input(2);
    if (!call.ok()) return;
    std::vector<int64_t> dims(shape.as<int64_t>(), shape.as<int64_t>() + shape.count());
    if (dims.empty()) return call.fail("SparseEmbeddingGrad takes a table, got a shape of no dims");
    const auto table = static_cast<size_t>(dims[0]);
    size_t width = 1;
    for (size_t i = 1; i < dims.size(); i++) width *= static_cast<size_t>(dims[i]);
    const size_t count = indices.count();
    if (dy.count() != count * width) {
      return call.fail("SparseEmbeddingGrad takes dY of " + std::to_string(count * width) + " elements (" + std::to_string(count) + " indices), got " + std::to_string(dy.count()));
    }
    const FoundRows found = find_rows(indices.as<I>(), count, table, padding_);
    if (found.bad >= 0) {
      const std::string index = std::to_string(indices.as<I>()[found.bad]);
      return call.fail("index " + index + " at place " + std::to_string(found.bad) + " is outside of the table's " + std::to_string(table) + " rows");
    }
    dims[0] = static_cast<int64_t>(found.rows.size());
    auto* const rows = static_cast<int64_t*>(call.output(0, {dims[0]}));
    auto* const values = static_cast<T*>(call.output(1, dims));
    if (!call.ok()) return;
    if (rows != nullptr) std::copy(found.rows.begin(), found.rows.end(), rows);
    if (values != nullptr) add_rows(found, dy.as<T>(), width, values, call.parallel());
  }

 private:
  const int64_t padding_;
};

template <typename T, typename I>
CustomOp* op() {
  return customOp<SparseEmbeddingGrad<T, I>>("SparseEmbeddingGrad", {ElementTypeOf<I>::value, ElementTypeOf<T>::value, kInt64}, {kInt64, ElementTypeOf<T>::value});
}

}  // namespace

void sparseEmbeddingGradOps(std::vector<const CustomOp*>& ops) {
  ops.push_back(op<float, int64_t>());
  ops.push_back(op<float, int32_t>());
}

}  // namespace accelerate_ts
