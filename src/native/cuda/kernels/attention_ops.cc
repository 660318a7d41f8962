// Attention for CUDA's provider, with the biases of its inputs or without, and its gradient.
#include "op_call.h"

namespace accelerate_ts {
namespace {

/// Attributes, and what both ops check.
class AttentionBase {
 public:
  explicit AttentionBase(const KernelInfo& info)
      : heads_(info.integer("heads", 1)), scale_(info.real("scale", 1)), causal_(info.integer("causal", 0) != 0), ratio_(info.real("ratio", 0)), site_(static_cast<uint32_t>(info.integer("site", 0))) {}

 protected:
  /// q, k, v from `at` on, the optional inputs from `more` on; behind them, if `biased`, vectors that are added to q, k and v. False: the call has failed.
  bool read(KernelCall& call, ElementType type, bool biased, size_t at, size_t more, TensorView& q, TensorView& k, TensorView& v, cuda::AttentionCall& out) const {
    q = call.input(at), k = call.input(at + 1), v = call.input(at + 2);
    const TensorView bias = call.input(more), key = call.input(more + 1), qPlaces = call.input(more + 2), kPlaces = call.input(more + 3);
    if (!call.ok()) return false;
    const auto refuse = [&](const char* why) {
      call.fail(std::string("attention: ") + why);
      return false;
    };
    if (kPlaces.given) return refuse("CUDA's kernel takes dense keys");
    if (k.dims.size() != 3 || v.dims.size() != 3 || v.dims[0] != k.dims[0] || v.dims[1] != k.dims[1]) return refuse("k and v are [B, S, heads * d]");
    const bool packed = qPlaces.given;
    if (q.dims.size() != (packed ? 2 : 3) || (!packed && q.dims[0] != k.dims[0])) return refuse("q is [B, S, heads * d], or [T, heads * d] with places int64 [T, 2]");
    if (packed && qPlaces.dims != std::vector<int64_t>{q.dims[0], 2}) return refuse("the places are not int64 [T, 2]");
    const int64_t width = q.dims.back(), valueWidth = v.dims[2];
    if (heads_ < 1 || k.dims[2] != width || width < heads_ || width % heads_ != 0 || valueWidth < heads_ || valueWidth % heads_ != 0) return refuse("the last dims do not hold the heads");
    const auto size = static_cast<uint64_t>(width / heads_), valueSize = static_cast<uint64_t>(valueWidth / heads_);
    if (size > cuda::most_head_size || valueSize > cuda::most_head_size) return refuse("CUDA's kernel takes heads of up to 128 numbers");
    if (!(ratio_ >= 0 && ratio_ <= 1)) return refuse("the ratio of dropout must be 0 to 1");
    out.type = static_cast<cuda::Number>(type), out.q = q.data, out.k = k.data, out.v = v.data;
    if (bias.given) {
      if (bias.dims.size() != 2 || bias.dims[1] != k.dims[1] || (bias.dims[0] != k.dims[0] && bias.dims[0] != 1)) return refuse("the key bias has not the rows of k");
      out.bias = bias.data;
      out.shared_bias = bias.dims[0] == 1;
    }
    if (key.given && key.count() != 4) return refuse("the dropout key has not 4 numbers");
    const auto vector = [&](size_t index, int64_t width, const void*& data) {
      const TensorView given = call.input(index);
      data = given.data;
      return call.ok() && (!given.given || given.dims == std::vector<int64_t>{width});
    };
    if (biased && !(vector(more + 4, width, out.q_bias) && vector(more + 5, width, out.k_bias) && vector(more + 6, valueWidth, out.v_bias))) return refuse("a bias is not a vector over the last dim");
    out.places = packed ? qPlaces.as<int64_t>() : nullptr;
    out.batch = static_cast<uint64_t>(k.dims[0]), out.queries = static_cast<uint64_t>(q.dims[packed ? 0 : 1]), out.keys = static_cast<uint64_t>(k.dims[1]);
    out.heads = static_cast<uint64_t>(heads_), out.size = size, out.value_size = valueSize, out.scale = scale_, out.causal = causal_;
    out.masks = {ratio_ > 0 && key.given ? key.as<int64_t>() : nullptr, nullptr, 1, 1, 0, site_, ratio_};
    return true;
  }
  int64_t heads() const { return heads_; }
  /// The dims of q with another width.
  static std::vector<int64_t> like(const TensorView& q, int64_t width) {
    std::vector<int64_t> dims = q.dims;
    dims.back() = width;
    return dims;
  }

 private:
  const int64_t heads_;
  const float scale_;
  const bool causal_;
  const float ratio_;
  const uint32_t site_;
};

template <ElementType type, bool biased> class Attention : AttentionBase {
 public:
  using AttentionBase::AttentionBase;
  void compute(KernelCall& call) const {
    TensorView q, k, v;
    cuda::AttentionCall attention = {};
    if (!read(call, type, biased, 0, 3, q, k, v, attention)) return;
    attention.y = call.output(0, like(q, v.dims[2]));
    attention.lse = call.output(1, like(q, heads()));
    const Launch launch(call);
    if (call.ok()) launch.done(launches->attention(attention, launch));
  }
};

template <ElementType type, bool biased> class AttentionGrad : AttentionBase {
 public:
  using AttentionBase::AttentionBase;
  void compute(KernelCall& call) const {
    TensorView q, k, v;
    cuda::AttentionCall attention = {};
    const TensorView dy = call.input(0);
    if (!read(call, type, biased, 1, 4, q, k, v, attention)) return;
    if (dy.dims != like(q, v.dims[2])) return call.fail("the gradient of attention got a dy of another size than y");
    attention.dy = dy.data;
    attention.dq = call.output(0, q.dims), attention.dk = call.output(1, k.dims), attention.dv = call.output(2, v.dims);
    if (biased) {
      attention.dq_bias = static_cast<float*>(call.output(3, {q.dims.back()}));
      attention.dk_bias = static_cast<float*>(call.output(4, {k.dims.back()}));
      attention.dv_bias = static_cast<float*>(call.output(5, {v.dims.back()}));
    }
    const Launch launch(call);
    if (!call.ok()) return;
    const uint64_t stats = q.count() / static_cast<uint64_t>(q.dims.back()) * attention.heads * 3;
    std::optional<Scratch> scratch;
    if (stats > 0) {
      scratch.emplace(call, stats * sizeof(float));
      attention.stats = static_cast<float*>(scratch->data);
    }
    if (call.ok()) launch.done(launches->attention_grad(attention, launch));
  }
};

template <ElementType type> void add(Registry ops) {
  const OpSlot x = type, maybe = optional(type), index = optional(kInt64), sum = optional(kFloat32);
  ops.add<Attention<type, false>>("Attention", {x, x, x, maybe, index, index, index}, {x, maybe});
  ops.add<AttentionGrad<type, false>>("AttentionGrad", {x, x, x, x, maybe, index, index, index}, {x, x, x});
  ops.add<Attention<type, true>>("BiasAttention", {x, x, x, maybe, index, index, index, maybe, maybe, maybe}, {x, maybe});
  ops.add<AttentionGrad<type, true>>("BiasAttentionGrad", {x, x, x, x, maybe, index, index, index, maybe, maybe, maybe}, {x, x, x, sum, sum, sum});
}

}  // namespace

void cudaAttentionOps(Registry ops) {
  add<kFloat32>(ops);
  add<kFloat16>(ops);
  add<kBFloat16>(ops);
}

}  // namespace accelerate_ts
