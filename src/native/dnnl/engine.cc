// Products of matrices by oneDNN (https://oneapi-src.github.io/oneDNN/dev_guide_matmul.html), releases 2 and 3: one call computes on the calling thread alone, whatever oneDNN's own threads are.
#include <oneapi/dnnl/dnnl.hpp>
#if DNNL_CPU_RUNTIME == DNNL_RUNTIME_THREADPOOL
#include <oneapi/dnnl/dnnl_threadpool.hpp>
#elif DNNL_CPU_RUNTIME != DNNL_RUNTIME_OMP && DNNL_CPU_RUNTIME != DNNL_RUNTIME_SEQ
#error "this oneDNN computes on threads (of TBB, SYCL) that a worker cannot keep to its own cores: take one whose DNNL_CPU_RUNTIME is OMP, SEQ or THREADPOOL"
#endif

#include <cstdio>
#include <cstring>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "../gemm_engine.h"

// Of the OpenMP library that oneDNN brings along, if it does.
extern "C" __attribute__((weak)) void omp_set_num_threads(int);

namespace accelerate_ts {
namespace {

using dnnl::memory;

// All of a call that decides which code computes it.
struct Shape {
  int64_t m, n, k, lda, ldb, ldy, ld_residual;
  int32_t transpose_a, transpose_b, type, activation, bias, residual;
  float alpha;
  int32_t padding;

  bool operator==(const Shape& other) const { return std::memcmp(this, &other, sizeof(Shape)) == 0; }
};
struct ShapeHash {
  size_t operator()(const Shape& shape) const {
    uint64_t words[sizeof(Shape) / 8], hash = 1469598103934665603u;
    std::memcpy(words, &shape, sizeof(Shape));
    for (const uint64_t word : words) hash = (hash ^ word) * 1099511628211u ^ (hash >> 29);
    return static_cast<size_t>(hash);
  }
};
static_assert(sizeof(Shape) % 8 == 0, "no bytes without a value");

struct Product {
  dnnl::matmul primitive;
  memory::desc a, b, bias, residual, y, scratchpad;
};

const dnnl::engine& cpu() {
  // Leaked on purpose, as all statics here: threads may compute while the process ends.
  static const auto* engine = new dnnl::engine(dnnl::engine::kind::cpu, 0);
  return *engine;
}

memory::desc matrix(int64_t rows, int64_t columns, memory::data_type type, int64_t ld, bool transposed) {
  return memory::desc({rows, columns}, type, transposed ? memory::dims{1, ld} : memory::dims{ld, 1});
}

void append(dnnl::post_ops& ops, dnnl::algorithm algorithm, float alpha, float beta) {
#if DNNL_VERSION_MAJOR >= 3
  ops.append_eltwise(algorithm, alpha, beta);
#else
  ops.append_eltwise(1.0f, algorithm, alpha, beta);
#endif
}

std::shared_ptr<const Product> make(const Shape& s) {
  auto product = std::make_shared<Product>();
  const auto type = s.type == 16 ? memory::data_type::bf16 : memory::data_type::f32;
  product->a = matrix(s.m, s.k, type, s.lda, s.transpose_a != 0);
  product->b = matrix(s.k, s.n, type, s.ldb, s.transpose_b != 0);
  product->y = matrix(s.m, s.n, memory::data_type::f32, s.ldy, false);
  product->bias = memory::desc({1, s.n}, memory::data_type::f32, memory::dims{s.n, 1});
  product->residual = matrix(s.m, s.n, memory::data_type::f32, s.ld_residual, false);
  dnnl::post_ops ops;
  if (s.alpha != 1) append(ops, dnnl::algorithm::eltwise_linear, s.alpha, 0);
  // Its own bias is nearly free, but would be scaled, too.
  const bool own_bias = s.bias != 0 && s.alpha == 1;
  if (s.bias != 0 && !own_bias) ops.append_binary(dnnl::algorithm::binary_add, product->bias);
  switch (static_cast<Activation>(s.activation)) {
    case Activation::none: break;
    case Activation::relu: append(ops, dnnl::algorithm::eltwise_relu, 0, 0); break;
    case Activation::gelu: append(ops, dnnl::algorithm::eltwise_gelu_erf, 0, 0); break;
    case Activation::gelu_tanh: append(ops, dnnl::algorithm::eltwise_gelu_tanh, 0, 0); break;
  }
  if (s.residual != 0) ops.append_binary(dnnl::algorithm::binary_add, product->residual);
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  attributes.set_post_ops(ops);
#if DNNL_VERSION_MAJOR >= 3
  const dnnl::matmul::primitive_desc description(cpu(), product->a, product->b, own_bias ? product->bias : memory::desc(), product->y, attributes);
#else
  const dnnl::matmul::primitive_desc description(dnnl::matmul::desc(product->a, product->b, own_bias ? product->bias : memory::desc(), product->y), attributes, cpu());
#endif
  product->scratchpad = description.scratchpad_desc();
  product->primitive = dnnl::matmul(description);
  return product;
}

// Making a product generates code, up to a third of a millisecond and some 80 KiB: those used last are kept, here instead of in oneDNN. Padding-free batches have a new number of rows nearly every time.
class Products {
 public:
  std::shared_ptr<const Product> get(const Shape& shape) {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      const auto found = places_.find(shape);
      if (found != places_.end()) {
        order_.splice(order_.begin(), order_, found->second);
        return found->second->second;
      }
    }
    auto made = make(shape);
    std::lock_guard<std::mutex> lock(mutex_);
    if (places_.find(shape) == places_.end()) {
      order_.emplace_front(shape, made);
      places_[shape] = order_.begin();
      if (order_.size() > kept) {
        places_.erase(order_.back().first);
        order_.pop_back();
      }
    }
    return made;
  }

 private:
  static constexpr size_t kept = 1024;
  using Entry = std::pair<Shape, std::shared_ptr<const Product>>;
  std::mutex mutex_;
  std::list<Entry> order_;
  std::unordered_map<Shape, std::list<Entry>::iterator, ShapeHash> places_;
};

Products& products() {
  static auto* products = [] {
    dnnl::set_primitive_cache_capacity(0);
    return new Products;
  }();
  return *products;
}

// What each thread that computes has of its own.
struct Thread {
  dnnl::stream stream;
  std::unique_ptr<char[]> scratchpad;
  size_t size = 0;

  Thread() : stream(make_stream()) {}

  void* space(size_t bytes) {
    constexpr size_t line = 64;
    if (bytes == 0) return nullptr;
    if (bytes + line > size) {
      size = bytes + line;
      scratchpad.reset(new char[size]);
    }
    const auto address = reinterpret_cast<uintptr_t>(scratchpad.get());
    return reinterpret_cast<void*>((address + line - 1) / line * line);
  }

  static dnnl::stream make_stream() {
#if DNNL_CPU_RUNTIME == DNNL_RUNTIME_THREADPOOL
    return dnnl::threadpool_interop::make_stream(cpu(), nullptr);
#else
    // A setting of the thread that calls it: oneDNN makes no threads of its own then.
    if (omp_set_num_threads != nullptr) omp_set_num_threads(1);
    return dnnl::stream(cpu());
#endif
  }
};

Thread& thread() {
  thread_local Thread thread;
  return thread;
}

void* mutableOf(const void* data) { return const_cast<void*>(data); }

void run(const GemmCall& call) {
  Thread& own = thread();
  Shape shape = {};
  shape.m = call.m, shape.n = call.n, shape.k = call.k;
  shape.lda = call.lda, shape.ldb = call.ldb, shape.ldy = call.ldy, shape.ld_residual = call.residual ? call.ld_residual : call.n;
  shape.transpose_a = call.transpose_a != 0, shape.transpose_b = call.transpose_b != 0;
  shape.type = call.type, shape.activation = call.activation, shape.alpha = call.alpha;
  shape.bias = call.bias != nullptr, shape.residual = call.residual != nullptr;
  const std::shared_ptr<const Product> product = products().get(shape);

  std::unordered_map<int, memory> arguments = {
      {DNNL_ARG_SRC, memory(product->a, cpu(), mutableOf(call.a))},
      {DNNL_ARG_WEIGHTS, memory(product->b, cpu(), mutableOf(call.b))},
      {DNNL_ARG_DST, memory(product->y, cpu(), call.y)},
      {DNNL_ARG_SCRATCHPAD, memory(product->scratchpad, cpu(), own.space(product->scratchpad.get_size()))},
  };
  int op = shape.alpha != 1;
  if (call.bias && shape.alpha == 1) arguments.emplace(DNNL_ARG_BIAS, memory(product->bias, cpu(), mutableOf(call.bias)));
  else if (call.bias) arguments.emplace(DNNL_ARG_ATTR_MULTIPLE_POST_OP(op++) | DNNL_ARG_SRC_1, memory(product->bias, cpu(), mutableOf(call.bias)));
  op += call.activation != 0;
  if (call.residual) arguments.emplace(DNNL_ARG_ATTR_MULTIPLE_POST_OP(op) | DNNL_ARG_SRC_1, memory(product->residual, cpu(), mutableOf(call.residual)));
  product->primitive.execute(own.stream, arguments);
  own.stream.wait();
}

int32_t multiply(const GemmCall* call, char* error, size_t size) {
  try {
    run(*call);
    return 0;
  } catch (const dnnl::error& failure) {
    std::snprintf(error, size, "oneDNN: %s (status %d)", failure.what(), static_cast<int>(failure.status));
  } catch (const std::exception& failure) {
    std::snprintf(error, size, "%s", failure.what());
  }
  return 1;
}

// Sets of instructions are sets of bits.
bool has(dnnl::cpu_isa isa) {
  const auto bits = static_cast<unsigned>(isa);
  return (static_cast<unsigned>(dnnl::get_effective_cpu_isa()) & bits) == bits;
}

// See GemmEngine; tried with a small product, because not every processor has one.
int32_t bfloat16() {
  try {
    thread();
    Shape shape = {};
    shape.m = shape.n = shape.k = shape.lda = shape.ldb = shape.ldy = shape.ld_residual = 64;
    shape.type = 16, shape.alpha = 1;
    make(shape);
  } catch (const std::exception&) {
    return 0;
  }
#if defined(__x86_64__)
  return has(dnnl::cpu_isa::avx512_core_bf16) ? 2 : 1;
#else
  return 2;
#endif
}

const char* processor() {
#if defined(__x86_64__)
  if (has(dnnl::cpu_isa::avx512_core_amx)) return "AMX";
  if (has(dnnl::cpu_isa::avx512_core_bf16)) return "AVX-512 with BF16";
  if (has(dnnl::cpu_isa::avx512_core)) return "AVX-512";
  if (has(dnnl::cpu_isa::avx2)) return "AVX2";
#endif
  return "the processor's own";
}

}  // namespace
}  // namespace accelerate_ts

extern "C" __attribute__((visibility("default"))) const accelerate_ts::GemmEngine* accelerate_ts_gemm_engine() {
  using namespace accelerate_ts;
  static const std::string name = [] {
    const dnnl_version_t* version = dnnl_version();
    return "oneDNN " + std::to_string(version->major) + "." + std::to_string(version->minor) + "." + std::to_string(version->patch);
  }();
  static const GemmEngine engine = {kGemmEngineVersion, name.c_str(), bfloat16(), processor(), multiply};
  return &engine;
}
