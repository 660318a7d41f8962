// See ops.h. Shapes and arguments are checked as in ../../ops; what only the numbers say (labels, indices) is not read, for that would wait for the device.
#include "ops.h"

#include <optional>
#include <string>

#include "../../ort.h"
#include "library.h"

namespace accelerate_ts {
namespace {

const cuda::Kernels* launches = nullptr;

constexpr const char* provider = "CUDAExecutionProvider";

cuda::Number number(ElementType type) { return static_cast<cuda::Number>(type); }
uint64_t last(const TensorView& x) { return x.dims.empty() ? 1 : static_cast<uint64_t>(x.dims.back()); }
uint64_t rows_of(const TensorView& x) { return last(x) == 0 ? 0 : x.count() / last(x); }

/// The stream of a call, and what CUDA said to a launch.
class Launch {
 public:
  explicit Launch(KernelCall& call) : call_(call) { call.check(ort()->api.KernelContext_GetGPUComputeStream(call.context(), &stream_)); }
  operator void*() const { return stream_; }
  void done(int status) const {
    if (status == 0) return;
    call_.fail(status == cudaErrorInvalidValue ? "CUDA's kernel takes no such sizes" : "CUDA's error " + std::to_string(status) + " at a launch");
  }

 private:
  static constexpr int cudaErrorInvalidValue = 1;
  KernelCall& call_;
  void* stream_ = nullptr;
};

/// Memory of the device for the time of a call: what is queued on the call's stream before its end has it to itself.
class Scratch {
 public:
  Scratch(KernelCall& call, size_t bytes) {
    const OrtFunctions& api = ort()->api;
    const OrtValue* first = nullptr;
    const OrtMemoryInfo* memory = nullptr;
    OrtAllocator* allocator = nullptr;
    if (!call.check(api.KernelContext_GetInput(call.context(), 0, &first)) || !call.check(api.GetTensorMemoryInfo(first, &memory))) return;
    if (!call.check(api.KernelContext_GetAllocator(call.context(), memory, &allocator))) return;
    allocator_.reset(allocator);
    call.check(api.AllocatorAlloc(allocator, bytes, &data));
  }
  ~Scratch() {
    if (data != nullptr) takeStatus(ort()->api.AllocatorFree(allocator_.get(), data));
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  void* data = nullptr;

 private:
  struct Release { void operator()(OrtAllocator* allocator) const { ort()->api.ReleaseAllocator(allocator); } };
  std::unique_ptr<OrtAllocator, Release> allocator_;
};

/// The masks for rows of a tensor; their key is null where the node has none. Tells `call` of what does not fit.
cuda::Masks masks_of(KernelCall& call, const std::vector<int64_t>& dims, const TensorView& key, const TensorView& places, uint32_t site, float ratio) {
  cuda::Masks masks = {nullptr, nullptr, 1, 1, 0, site, ratio};
  if (!call.ok() || !key.given) return masks;
  if (key.count() != 4) return call.fail("dropout takes a key of 4 numbers (seed, rank, step, call), got " + std::to_string(key.count())), masks;
  if (!(ratio >= 0 && ratio <= 1)) return call.fail("dropout takes a ratio of 0 to 1"), masks;
  masks.key = key.as<int64_t>();
  if (places.given) {
    int64_t rows = 1;
    for (size_t d = 0; d + 1 < dims.size(); d++) rows *= dims[d];
    if (places.dims.size() != 2 || places.dims[0] != rows || places.dims[1] < 1 || places.dims[1] > 3) return call.fail("dropout takes 1 to 3 coordinates for each of the " + std::to_string(rows) + " rows"), masks;
    masks.places = places.as<int64_t>();
    masks.coordinates = static_cast<uint32_t>(places.dims[1]);
    return masks;
  }
  if (dims.empty() || dims.size() > 4) return call.fail("dropout takes tensors of rank 1 to 4, x has rank " + std::to_string(dims.size())), masks;
  if (dims.size() >= 3) masks.size1 = static_cast<uint64_t>(dims[1]);
  if (dims.size() >= 4) masks.size2 = static_cast<uint64_t>(dims[2]);
  return masks;
}

/// Attributes of ops that drop.
struct Drops {
  explicit Drops(const KernelInfo& info) : ratio(info.real("ratio", 0.5f)), site(static_cast<uint32_t>(info.integer("site", 0))) {}
  const float ratio;
  const uint32_t site;
};

template <ElementType type> class Dropout {
 public:
  explicit Dropout(const KernelInfo& info) : drops_(info) {}
  void compute(KernelCall& call) const {
    const TensorView x = call.input(0), key = call.input(1), places = call.input(2);
    const cuda::Masks masks = masks_of(call, x.dims, key, places, drops_.site, drops_.ratio);
    void* const y = call.output(0, x.dims);
    const Launch launch(call);
    if (call.ok()) launch.done(launches->dropout({number(type), x.data, y, rows_of(x), last(x), masks}, launch));
  }

 private:
  const Drops drops_;
};

std::vector<int64_t> statistics_of(std::vector<int64_t> dims) {
  dims.back() = 1;
  return dims;
}
/// Ends the call unless every given vector has one number per column.
bool vectors_fit(KernelCall& call, uint64_t columns, std::initializer_list<const TensorView*> vectors) {
  for (const TensorView* vector : vectors) {
    if (!vector->given || vector->count() == columns) continue;
    call.fail("layer normalization over " + std::to_string(columns) + " columns got a vector of " + std::to_string(vector->count()));
    return false;
  }
  return true;
}

template <ElementType type> class DropoutAddLayerNorm {
 public:
  explicit DropoutAddLayerNorm(const KernelInfo& info) : epsilon_(info.real("epsilon", 1e-5f)), drops_(info) {}
  void compute(KernelCall& call) const {
    const TensorView x = call.input(0), bias = call.input(1), residual = call.input(2), scale = call.input(3), shift = call.input(4), key = call.input(5), places = call.input(6);
    if (!call.ok()) return;
    if (x.dims.empty()) return call.fail("layer normalization of a scalar");
    if (!vectors_fit(call, last(x), {&bias, &scale, &shift})) return;
    if (residual.given && residual.count() != x.count()) return call.fail("the residual is not like x");
    const cuda::Masks masks = masks_of(call, x.dims, key, places, drops_.site, drops_.ratio);
    const std::vector<int64_t> rows = statistics_of(x.dims);
    void *const y = call.output(0, x.dims), *const sum = call.output(1, x.dims);
    auto *const mean = static_cast<float*>(call.output(2, rows)), *const inverse = static_cast<float*>(call.output(3, rows));
    const Launch launch(call);
    if (!call.ok()) return;
    launch.done(launches->layer_norm({number(type), x.data, bias.data, residual.data, scale.data, shift.data, y, sum, mean, inverse, rows_of(x), last(x), epsilon_, masks}, launch));
  }

 private:
  const float epsilon_;
  const Drops drops_;
};

template <ElementType type> class DropoutAddLayerNormGrad {
 public:
  explicit DropoutAddLayerNormGrad(const KernelInfo& info) : drops_(info) {}
  void compute(KernelCall& call) const {
    const TensorView dy = call.input(0), dsum = call.input(1), sum = call.input(2), mean = call.input(3), inverse = call.input(4), scale = call.input(5), key = call.input(6), places = call.input(7);
    if (!call.ok()) return;
    if (sum.dims.empty()) return call.fail("layer normalization of a scalar");
    if (!vectors_fit(call, last(sum), {&scale})) return;
    const uint64_t rows = rows_of(sum);
    if (dy.count() != sum.count() || (dsum.given && dsum.count() != sum.count()) || (last(sum) > 0 && (mean.count() != rows || inverse.count() != rows)))
      return call.fail("the gradient of layer normalization got tensors of other sizes than its input");
    const cuda::Masks masks = masks_of(call, sum.dims, key, places, drops_.site, drops_.ratio);
    const std::vector<int64_t> vector = {static_cast<int64_t>(last(sum))};
    void* dx = call.output(0, sum.dims);
    void *const dresidual = call.output(1, sum.dims), *const dscale = call.output(2, vector), *const dshift = call.output(3, vector), *const dbias = call.output(4, vector);
    const Launch launch(call);
    if (!call.ok()) return;
    // The bias' gradient is made of dx, also where nobody reads that.
    std::optional<Scratch> scratch;
    if (dbias != nullptr && dx == nullptr && sum.count() > 0) {
      scratch.emplace(call, sum.count() * (type == kFloat32 ? 4 : 2));
      dx = scratch->data;
    }
    if (!call.ok()) return;
    launch.done(launches->layer_norm_grad(
        {number(type), dy.data, dsum.data, sum.data, mean.as<float>(), inverse.as<float>(), scale.data, dx, dresidual, dscale, dshift, dx == nullptr ? nullptr : dbias, rows, last(sum), masks}, launch));
  }

 private:
  const Drops drops_;
};

template <ElementType type> class BiasGelu {
 public:
  explicit BiasGelu(const KernelInfo& info) : tanh_(info.text("approximate", "none") == "tanh") {}
  void compute(KernelCall& call) const {
    const TensorView x = call.input(0), bias = call.input(1);
    if (!call.ok()) return;
    if (bias.given && bias.count() != last(x)) return call.fail("GELU of " + std::to_string(last(x)) + " columns got a bias of " + std::to_string(bias.count()));
    void* const y = call.output(0, x.dims);
    const Launch launch(call);
    if (call.ok()) launch.done(launches->gelu({number(type), x.data, bias.data, y, rows_of(x), last(x), tanh_}, launch));
  }

 private:
  const bool tanh_;
};

template <ElementType type> class BiasGeluGrad {
 public:
  explicit BiasGeluGrad(const KernelInfo& info) : tanh_(info.text("approximate", "none") == "tanh") {}
  void compute(KernelCall& call) const {
    const TensorView dy = call.input(0), x = call.input(1), bias = call.input(2);
    if (!call.ok()) return;
    if (bias.given && bias.count() != last(x)) return call.fail("GELU of " + std::to_string(last(x)) + " columns got a bias of " + std::to_string(bias.count()));
    if (dy.count() != x.count()) return call.fail("the gradient of GELU got a dy of another size than x");
    void *const dx = call.output(0, x.dims), *const dbias = call.output(1, {static_cast<int64_t>(last(x))});
    const Launch launch(call);
    if (call.ok()) launch.done(launches->gelu_grad({number(type), dy.data, x.data, bias.data, dx, dbias, rows_of(x), last(x), tanh_}, launch));
  }

 private:
  const bool tanh_;
};

template <ElementType type> class MaskedSoftmax {
 public:
  explicit MaskedSoftmax(const KernelInfo&) {}
  void compute(KernelCall& call) const {
    const TensorView x = call.input(0), bias = call.input(1);
    if (!call.ok()) return;
    if (x.dims.empty() || x.dims.size() > cuda::most_dims + 1) return call.fail("softmax takes 1 to " + std::to_string(cuda::most_dims + 1) + " dims");
    cuda::SoftmaxCall softmax = {};
    softmax.rank = static_cast<uint32_t>(x.dims.size() - 1);
    for (uint32_t d = 0; d < softmax.rank; d++) softmax.dims[d] = static_cast<uint64_t>(x.dims[d]);
    if (bias.dims.size() > x.dims.size()) return call.fail("the mask does not broadcast to the scores");
    uint64_t step = 1;
    for (size_t k = 1; k <= bias.dims.size(); k++) {
      const int64_t size = bias.dims[bias.dims.size() - k];
      if (size != 1 && size != x.dims[x.dims.size() - k]) return call.fail("the mask does not broadcast to the scores");
      const uint64_t stride = size == 1 ? 0 : step;
      if (k == 1) softmax.step = stride;
      else softmax.strides[x.dims.size() - k] = stride;
      step *= static_cast<uint64_t>(size);
    }
    void* const y = call.output(0, x.dims);
    const Launch launch(call);
    softmax.type = number(type), softmax.x = x.data, softmax.bias = bias.data, softmax.y = y, softmax.rows = rows_of(x), softmax.columns = last(x);
    if (call.ok()) launch.done(launches->softmax(softmax, launch));
  }
};

template <ElementType type> class SoftmaxGrad {
 public:
  explicit SoftmaxGrad(const KernelInfo&) {}
  void compute(KernelCall& call) const {
    const TensorView dy = call.input(0), y = call.input(1);
    if (!call.ok()) return;
    if (y.dims.empty() || dy.count() != y.count()) return call.fail("the gradient of softmax got a dy of another size than y");
    void* const dx = call.output(0, y.dims);
    const Launch launch(call);
    if (call.ok()) launch.done(launches->softmax_grad({number(type), dy.data, y.data, dx, rows_of(y), last(y)}, launch));
  }
};

/// Whether every tensor has one number per row of the logits.
bool losses_fit(KernelCall& call, const TensorView& logits, std::initializer_list<const TensorView*> rows) {
  if (!call.ok()) return false;
  bool fit = !logits.dims.empty() && logits.dims.back() > 0;
  for (const TensorView* row : rows) fit = fit && row->count() * last(logits) == logits.count();
  if (!fit) call.fail("cross entropy takes one label for each row of logits, and at least one class");
  return fit;
}

template <ElementType type, ElementType index> class CrossEntropy {
 public:
  explicit CrossEntropy(const KernelInfo& info) : ignore_(info.integer("ignore_index", -100)), smoothing_(info.real("smoothing", 0)) {}
  void compute(KernelCall& call) const {
    const TensorView logits = call.input(0), labels = call.input(1);
    if (!losses_fit(call, logits, {&labels})) return;
    void *const loss = call.output(0, labels.dims), *const lse = call.output(1, labels.dims);
    const Launch launch(call);
    if (call.ok()) launch.done(launches->cross_entropy({number(type), number(index), logits.data, labels.data, loss, lse, labels.count(), last(logits), ignore_, smoothing_}, launch));
  }

 private:
  const int64_t ignore_;
  const float smoothing_;
};

template <ElementType type, ElementType index> class CrossEntropyGrad {
 public:
  explicit CrossEntropyGrad(const KernelInfo& info) : ignore_(info.integer("ignore_index", -100)), smoothing_(info.real("smoothing", 0)) {}
  void compute(KernelCall& call) const {
    const TensorView dloss = call.input(0), logits = call.input(1), labels = call.input(2), lse = call.input(3);
    if (!losses_fit(call, logits, {&dloss, &labels, &lse})) return;
    void* const out = call.output(0, logits.dims);
    const Launch launch(call);
    if (call.ok())
      launch.done(launches->cross_entropy_grad({number(type), number(index), dloss.data, logits.data, labels.data, lse.data, out, labels.count(), last(logits), ignore_, smoothing_}, launch));
  }

 private:
  const int64_t ignore_;
  const float smoothing_;
};

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

/// Attributes, and what both ops check.
class AttentionBase {
 public:
  explicit AttentionBase(const KernelInfo& info)
      : heads_(info.integer("heads", 1)), scale_(info.real("scale", 1)), causal_(info.integer("causal", 0) != 0), ratio_(info.real("ratio", 0)), site_(static_cast<uint32_t>(info.integer("site", 0))) {}

 protected:
  /// q, k, v from `at` on, the optional inputs from `more` on. False: the call has failed.
  bool read(KernelCall& call, ElementType type, size_t at, size_t more, TensorView& q, TensorView& k, TensorView& v, cuda::AttentionCall& out) const {
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

template <ElementType type> class Attention : AttentionBase {
 public:
  using AttentionBase::AttentionBase;
  void compute(KernelCall& call) const {
    TensorView q, k, v;
    cuda::AttentionCall attention = {};
    if (!read(call, type, 0, 3, q, k, v, attention)) return;
    attention.y = call.output(0, like(q, v.dims[2]));
    attention.lse = call.output(1, like(q, heads()));
    const Launch launch(call);
    if (call.ok()) launch.done(launches->attention(attention, launch));
  }
};

template <ElementType type> class AttentionGrad : AttentionBase {
 public:
  using AttentionBase::AttentionBase;
  void compute(KernelCall& call) const {
    TensorView q, k, v;
    cuda::AttentionCall attention = {};
    const TensorView dy = call.input(0);
    if (!read(call, type, 1, 4, q, k, v, attention)) return;
    if (dy.dims != like(q, v.dims[2])) return call.fail("the gradient of attention got a dy of another size than y");
    attention.dy = dy.data;
    attention.dq = call.output(0, q.dims), attention.dk = call.output(1, k.dims), attention.dv = call.output(2, v.dims);
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

/// Names of the ops for one type of number, as they are added.
class Registry {
 public:
  explicit Registry(std::vector<const CustomOp*>& ops) : ops_(ops) {}
  template <typename Kernel> CustomOp* add(const char* name, std::initializer_list<OpSlot> inputs, std::initializer_list<OpSlot> outputs) {
    CustomOp* const op = customOp<Kernel>(name, inputs, outputs);
    op->provider = provider;
    ops_.push_back(op);
    return op;
  }

 private:
  std::vector<const CustomOp*>& ops_;
};

/// Inputs and outputs as the CPU's ops have them: those of one name make one op.
template <ElementType type> void add(Registry ops) {
  const OpSlot x = type, maybe = optional(type), key = kInt64, index = optional(kInt64), statistic = kFloat32, maybeStatistic = optional(kFloat32);
  inPlace(ops.add<Dropout<type>>("Dropout", {x, key, index}, {x}));
  ops.add<DropoutAddLayerNorm<type>>("DropoutAddLayerNorm", {x, maybe, maybe, x, maybe, index, index}, {x, maybe, maybeStatistic, maybeStatistic});
  ops.add<DropoutAddLayerNormGrad<type>>("DropoutAddLayerNormGrad", {x, maybe, x, statistic, statistic, x, index, index}, {maybe, maybe, maybe, maybe, maybe});
  ops.add<BiasGelu<type>>("BiasGelu", {x, maybe}, {x});
  ops.add<BiasGeluGrad<type>>("BiasGeluGrad", {x, x, maybe}, {maybe, maybe});
  ops.add<MaskedSoftmax<type>>("MaskedSoftmax", {x, maybe}, {x});
  ops.add<SoftmaxGrad<type>>("SoftmaxGrad", {x, x}, {x});
  ops.add<CrossEntropy<type, kInt64>>("CrossEntropy", {x, kInt64}, {x, maybe});
  ops.add<CrossEntropy<type, kInt32>>("CrossEntropy", {x, kInt32}, {x, maybe});
  ops.add<CrossEntropyGrad<type, kInt64>>("CrossEntropyGrad", {x, x, kInt64, x}, {x});
  ops.add<CrossEntropyGrad<type, kInt32>>("CrossEntropyGrad", {x, x, kInt32, x}, {x});
  ops.add<EmbeddingGrad<type, kInt64>>("EmbeddingGrad", {kInt64, x, onHost(kInt64)}, {x});
  ops.add<EmbeddingGrad<type, kInt32>>("EmbeddingGrad", {kInt32, x, onHost(kInt64)}, {x});
  ops.add<MaxPoolGrad<type>>("MaxPoolGrad", {x, x, x, onHost(kInt64)}, {x});
  ops.add<Attention<type>>("Attention", {x, x, x, maybe, index, index, index}, {x, maybe});
  ops.add<AttentionGrad<type>>("AttentionGrad", {x, x, x, x, maybe, index, index, index}, {x, x, x});
  inPlace(ops.add<After<type>>("After", {x, x}, {x}));
}

}  // namespace

void useCudaKernels(const cuda::Kernels* kernels) { launches = kernels; }

void cudaCustomOps(std::vector<const CustomOp*>& ops) {
  add<kFloat32>(Registry(ops));
  add<kFloat16>(Registry(ops));
  add<kBFloat16>(Registry(ops));
}

std::vector<std::string> cudaOpNames() {
  std::vector<std::string> names;
  for (const char* op : {"Dropout", "DropoutAddLayerNorm", "DropoutAddLayerNormGrad", "BiasGelu", "BiasGeluGrad", "MaskedSoftmax", "SoftmaxGrad", "CrossEntropy", "CrossEntropyGrad", "EmbeddingGrad", "MaxPoolGrad",
                         "Attention", "AttentionGrad", "After"})
    for (const char* type : {"", ":float16", ":bfloat16"}) names.push_back(std::string(op) + type);
  return names;
}

}  // namespace accelerate_ts
