// accelerate_ts:Attention(q, k, v, keyBias?, key?, qPlaces?, kPlaces?) -> y, lse?; AttentionGrad(dy, q, k, v, keyBias?, key?, qPlaces?, kPlaces?) -> dq, dk, dv.
// Attributes: heads, scale, causal, ratio, site.
#include "../kernels/attention.h"

#include "../ops.h"

namespace accelerate_ts {
namespace {

std::string shown(const std::vector<int64_t>& dims) {
  std::string text = "[";
  for (size_t i = 0; i < dims.size(); i++) text += (i == 0 ? "" : ", ") + std::to_string(dims[i]);
  return text + "]";
}

/// What both ops share: attributes, and the inputs that describe the problem.
class AttentionBase {
 public:
  explicit AttentionBase(const KernelInfo& info)
      : heads_(info.integer("heads", 1)),
        scale_(info.real("scale", 1)),
        causal_(info.integer("causal", 0) != 0),
        ratio_(info.real("ratio", 0)),
        site_(static_cast<uint32_t>(info.integer("site", 0))) {}

 protected:
  /// Views of the inputs: they keep the dims that the problem was checked by.
  struct Inputs {
    TensorView q, k, v, bias, key, qPlaces, kPlaces;
    AttentionProblem problem = {};
    /// Dims of one side's rows.
    std::vector<int64_t> rows(const TensorView& x, int64_t width) const {
      std::vector<int64_t> dims(x.dims.begin(), x.dims.end() - 1);
      dims.push_back(width);
      return dims;
    }
  };

  /// q, k, v from `at` on, the optional inputs from `more` on. False: the call has failed.
  bool read(KernelCall& call, size_t at, size_t more, Inputs& in) const {
    in.q = call.input(at), in.k = call.input(at + 1), in.v = call.input(at + 2);
    in.bias = call.input(more), in.key = call.input(more + 1), in.qPlaces = call.input(more + 2), in.kPlaces = call.input(more + 3);
    if (!call.ok()) return false;
    AttentionProblem& p = in.problem;
    const auto refuse = [&](const std::string& why) {
      call.fail("attention of q " + shown(in.q.dims) + ", k " + shown(in.k.dims) + ", v " + shown(in.v.dims) + ": " + why);
      return false;
    };
    if (heads_ < 1) return refuse("the number of heads must be 1 or more");
    if (!(ratio_ >= 0 && ratio_ <= 1)) return refuse("the ratio of dropout must be 0 to 1");
    if (!side(in.q, in.qPlaces, p.queries) || !side(in.k, in.kPlaces, p.keys)) return refuse("a side is [B, S, heads * d], or [T, heads * d] with places int64 [T, 2]");
    const int64_t width = in.q.dims.back(), valueWidth = in.v.dims.empty() ? 0 : in.v.dims.back();
    if (in.k.dims.back() != width || width < heads_ || width % heads_ != 0 || valueWidth < heads_ || valueWidth % heads_ != 0) return refuse("the last dims do not hold " + std::to_string(heads_) + " heads");
    if (in.v.dims != in.rows(in.k, valueWidth)) return refuse("v must have the rows of k");
    if (p.queries.places == nullptr && p.keys.places == nullptr && p.queries.batch != p.keys.batch) return refuse("the batches differ");
    if (in.bias.given) {
      const std::vector<int64_t> rows(in.k.dims.begin(), in.k.dims.end() - 1);
      std::vector<int64_t> shared = rows;
      shared[0] = 1;
      p.shared_bias = rows.size() == 2 && rows[0] != 1 && in.bias.dims == shared;
      if (in.bias.dims != rows && !p.shared_bias) return refuse("the key bias is " + shown(in.bias.dims));
      p.bias = in.bias.as<float>();
    }
    const bool drops = ratio_ > 0 && in.key.given;
    if (drops && in.key.count() != 4) return refuse("the dropout key has " + std::to_string(in.key.count()) + " numbers, not 4");
    for (const AttentionSide* one : {&p.queries, &p.keys}) {
      const int64_t bad = bad_place(*one, one == &p.keys);
      if (bad >= 0) return refuse("place " + std::to_string(bad) + " of " + (one == &p.keys ? "k" : "q") + " is negative, or not in order");
    }
    p.q = in.q.as<float>(), p.k = in.k.as<float>(), p.v = in.v.as<float>();
    p.heads = static_cast<size_t>(heads_), p.size = static_cast<size_t>(width / heads_), p.value_size = static_cast<size_t>(valueWidth / heads_);
    p.scale = scale_, p.causal = causal_, p.site = site_;
    p.ratio = drops ? ratio_ : 0;
    p.key = drops ? in.key.as<int64_t>() : nullptr;
    return true;
  }

  int64_t heads() const { return heads_; }

 private:
  static bool side(const TensorView& x, const TensorView& places, AttentionSide& out) {
    if (x.dims.size() != (places.given ? 2u : 3u)) return false;
    out.rows = static_cast<size_t>(x.dims[0]);
    if (!places.given) {
      out.batch = out.rows, out.tokens = static_cast<size_t>(x.dims[1]), out.rows *= out.tokens;
      return true;
    }
    out.places = places.as<int64_t>();
    return places.dims == std::vector<int64_t>{x.dims[0], 2} && (out.places != nullptr || out.rows == 0);
  }

  const int64_t heads_;
  const float scale_;
  const bool causal_;
  const float ratio_;
  const uint32_t site_;
};

class Attention : AttentionBase {
 public:
  using AttentionBase::AttentionBase;

  void compute(KernelCall& call) const {
    Inputs in;
    if (!read(call, 0, 3, in)) return;
    auto* const y = static_cast<float*>(call.output(0, in.rows(in.q, in.v.dims.back())));
    auto* const lse = static_cast<float*>(call.output(1, in.rows(in.q, heads())));
    if (call.ok()) attention(in.problem, y, lse, call.parallel());
  }
};

class AttentionGrad : AttentionBase {
 public:
  using AttentionBase::AttentionBase;

  void compute(KernelCall& call) const {
    Inputs in;
    const TensorView dy = call.input(0);
    if (!read(call, 1, 4, in)) return;
    const std::vector<int64_t> rows = in.rows(in.q, in.v.dims.back());
    if (dy.dims != rows) return call.fail("the gradient of attention got a dy " + shown(dy.dims) + " for " + shown(rows));
    auto* const dq = static_cast<float*>(call.output(0, in.q.dims));
    auto* const dk = static_cast<float*>(call.output(1, in.k.dims));
    auto* const dv = static_cast<float*>(call.output(2, in.v.dims));
    if (call.ok()) attention_grad(in.problem, dy.as<float>(), dq, dk, dv, call.parallel());
  }
};

}  // namespace

void attentionOps(std::vector<const CustomOp*>& ops) {
  const OpSlot bias = optional(kFloat32), whole = optional(kInt64);
  ops.push_back(customOp<Attention>("Attention", {kFloat32, kFloat32, kFloat32, bias, whole, whole, whole}, {kFloat32, optional(kFloat32)}));
  ops.push_back(customOp<AttentionGrad>("AttentionGrad", {kFloat32, kFloat32, kFloat32, kFloat32, bias, whole, whole, whole}, {kFloat32, kFloat32, kFloat32}));
}

}  // namespace accelerate_ts
