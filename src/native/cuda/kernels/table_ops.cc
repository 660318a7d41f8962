// Gradients of tables and maximum pools, casts and copies for CUDA's provider.
#include "op_call.h"

namespace accelerate_ts {
namespace {

template <ElementType type, ElementType index> class EmbeddingGrad {
 public:
  explicit EmbeddingGrad(const KernelInfo& info) : axis_(info.integer("axis", 0)), padding_(info.integer("padding_idx", -1)) {}
  void compute(KernelCall& call) const {
    const TensorView indices = call.input(0), dy = call.input(1), shape = call.input(2);
    if (!call.ok()) return;
    const std::vector<int64_t> dims(shape.as<int64_t>(), shape.as<int64_t>() + shape.count());
    const auto rank = static_cast<int64_t>(dims.size());
    const int64_t axis = axis_ < 0 ? axis_ + rank : axis_;
    if (axis < 0 || axis >= rank) return call.fail("EmbeddingGrad has axis " + std::to_string(axis_) + " for a table of rank " + std::to_string(rank));
    uint64_t outer = 1, inner = 1;
    for (int64_t d = 0; d < rank; d++) (d < axis ? outer : inner) *= d == axis ? 1 : static_cast<uint64_t>(dims[d]);
    const uint64_t count = indices.count();
    if (dy.count() != outer * count * inner) return call.fail("EmbeddingGrad takes dY of " + std::to_string(outer * count * inner) + " elements (" + std::to_string(count) + " indices), got " + std::to_string(dy.count()));
    void* const out = call.output(0, dims);
    const Launch launch(call);
    if (call.ok()) launch.done(launches->embedding_grad({number(type), number(index), indices.data, dy.data, out, count, outer, static_cast<uint64_t>(dims[axis]), inner, padding_}, launch));
  }

 private:
  const int64_t axis_;
  const int64_t padding_;
};

template <ElementType type> class MaxPoolGrad {
 public:
  explicit MaxPoolGrad(const KernelInfo&) {}
  void compute(KernelCall& call) const {
    const TensorView x = call.input(0), y = call.input(1), dy = call.input(2), given = call.input(3);
    if (!call.ok()) return;
    const size_t rank = x.dims.size();
    if (rank < 3 || rank > 5 || y.dims.size() != rank || dy.count() != y.count() || given.count() != 4 * (rank - 2) || x.dims[0] != y.dims[0] || x.dims[1] != y.dims[1])
      return call.fail("MaxPoolGrad takes x and y of one rank from 3 to 5, dy like y and 4 numbers for each spatial dim");
    cuda::MaxPoolGradCall pool = {number(type), x.data, y.data, dy.data, nullptr, static_cast<uint64_t>(x.dims[0] * x.dims[1]), {1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {0, 0, 0}};
    const size_t n = rank - 2;
    const int64_t* const numbers = given.as<int64_t>();
    for (size_t i = 0; i < n; i++) {
      const size_t at = 3 - n + i;
      pool.in[at] = x.dims[i + 2], pool.out[at] = y.dims[i + 2];
      pool.kernel[at] = numbers[i], pool.stride[at] = numbers[n + i], pool.dilation[at] = numbers[2 * n + i], pool.before[at] = numbers[3 * n + i];
      if (numbers[i] < 1 || numbers[n + i] < 1 || numbers[2 * n + i] < 1 || numbers[3 * n + i] < 0) return call.fail("MaxPoolGrad got windows that are none");
    }
    pool.dx = call.output(0, x.dims);
    const Launch launch(call);
    if (call.ok()) launch.done(launches->max_pool_grad(pool, launch));
  }
};

template <ElementType type> class After {
 public:
  explicit After(const KernelInfo&) {}
  void compute(KernelCall& call) const {
    const TensorView x = call.input(0);
    if (!call.ok()) return;
    void* const y = call.output(0, x.dims);
    const Launch launch(call);
    if (call.ok() && y != x.data && x.count() > 0) launch.done(launches->copy({x.data, y, x.count() * (type == kFloat32 ? 4 : 2)}, launch));
  }
};

/// Numbers of `count` arrays to another type.
template <ElementType from, ElementType to> class Casts {
 public:
  explicit Casts(const KernelInfo& info) : count_(static_cast<size_t>(info.integer("count", 1))) {}
  void compute(KernelCall& call) const {
    std::vector<cuda::CastPart> parts;
    parts.reserve(count_);
    for (size_t i = 0; i < count_; i++) {
      const TensorView x = call.input(i);
      if (!call.ok()) return;
      parts.push_back({x.data, call.output(i, x.dims), x.count()});
    }
    const Launch launch(call);
    if (call.ok()) launch.done(launches->casts({number(from), number(to), parts.data(), parts.size()}, launch));
  }

 private:
  const size_t count_;
};

template <ElementType type> void add(Registry ops) {
  const OpSlot x = type;
  ops.add<EmbeddingGrad<type, kInt64>>("EmbeddingGrad", {kInt64, x, onHost(kInt64)}, {x});
  ops.add<EmbeddingGrad<type, kInt32>>("EmbeddingGrad", {kInt32, x, onHost(kInt64)}, {x});
  ops.add<MaxPoolGrad<type>>("MaxPoolGrad", {x, x, x, onHost(kInt64)}, {x});
  inPlace(ops.add<After<type>>("After", {x, x}, {x}));
}

template <ElementType from, ElementType to> void addCasts(Registry ops, const char* name) {
  const auto variadic = [](const OrtCustomOp*, size_t) -> OrtCustomOpInputOutputCharacteristic { return 2; };
  CustomOp* const op = ops.add<Casts<from, to>>(name, {from}, {to});
  op->GetInputCharacteristic = op->GetOutputCharacteristic = variadic;
}

}  // namespace

void cudaTableOps(Registry ops) {
  add<kFloat32>(ops);
  add<kFloat16>(ops);
  add<kBFloat16>(ops);
  addCasts<kFloat32, kFloat16>(ops, "CastsToFloat16");
  addCasts<kFloat32, kBFloat16>(ops, "CastsToBfloat16");
  addCasts<kFloat16, kFloat32>(ops, "CastsToFloat32");
  addCasts<kBFloat16, kFloat32>(ops, "CastsToFloat32");
}

}  // namespace accelerate_ts
