// Single kernels as jobs, with the number of threads and the instruction set given: for tests and benches, which compare them with their TypeScript oracles.
#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "../job.h"
#include "../modules.h"
#include "adafactor.h"
#include "dropout.h"
#include "embedding_grad.h"
#include "optimizer.h"
#include "philox.h"

namespace accelerate_ts {
namespace {

/// The job's threads under another number: chunks are made for `threads`, whoever runs them.
Parallel as_if(const Parallel& parallel, size_t threads) {
  Parallel other = parallel;
  other.threads = threads == 0 ? parallel.threads : threads;
  return other;
}

/// Instruction set `level`, or the best that there is if that is less; -1: the best.
Isa isa_of(int level) { return level < 0 ? best_isa() : static_cast<Isa>(std::min(level, static_cast<int>(best_isa()))); }

/// A kernel call in a closure.
template <typename Body> class BodyJob : public Job {
 public:
  explicit BodyJob(Body body) : body_(std::move(body)) {}
  void execute(const Parallel& parallel) override { value_ = body_(parallel); }
  Napi::Value result(Napi::Env env) override { return Napi::Number::New(env, value_); }

 private:
  Body body_;
  double value_ = 0;
};

template <typename Body> Napi::Value submit_body(const Napi::CallbackInfo& info, Body body) {
  auto job = std::make_unique<BodyJob<Body>>(std::move(body));
  for (size_t i = 0; i < info.Length(); i++) if (info[i].IsTypedArray()) job->keep(info[i].As<Napi::Object>());
  return submit(info.Env(), std::move(job));
}

template <typename T> T* data_of(const Napi::Value& value) { return static_cast<T*>(static_cast<void*>(static_cast<char*>(value.As<Napi::TypedArray>().ArrayBuffer().Data()) + value.As<Napi::TypedArray>().ByteOffset())); }
bool is_double(const Napi::Value& value) { return value.As<Napi::TypedArray>().TypedArrayType() == napi_float64_array; }
size_t size_of(const Napi::Value& value) { return static_cast<size_t>(value.As<Napi::Number>().Int64Value()); }

// dropout(x, key: BigInt64Array, site, ratio, dims: BigInt64Array, y, threads, isa): Promise<number>
Napi::Value dropoutKernel(const Napi::CallbackInfo& info) {
  const void* x = data_of<void>(info[0]);
  void* y = data_of<void>(info[5]);
  const bool wide = is_double(info[0]);
  std::vector<int64_t> key(data_of<int64_t>(info[1]), data_of<int64_t>(info[1]) + 4);
  const auto site = info[2].As<Napi::Number>().Uint32Value();
  const float ratio = info[3].As<Napi::Number>().FloatValue();
  const int64_t* dims = data_of<int64_t>(info[4]);
  std::vector<int64_t> shape(dims, dims + info[4].As<Napi::TypedArray>().ElementLength());
  const size_t threads = size_of(info[6]);
  const Isa isa = isa_of(info[7].As<Napi::Number>().Int32Value());
  return submit_body(info, [=](const Parallel& parallel) {
    if (wide) dropout(static_cast<const double*>(x), key.data(), site, ratio, shape.data(), shape.size(), static_cast<double*>(y), as_if(parallel, threads), isa);
    else dropout(static_cast<const float*>(x), key.data(), site, ratio, shape.data(), shape.size(), static_cast<float*>(y), as_if(parallel, threads), isa);
    return 0.0;
  });
}

template <typename T> double embedding_grad_of(bool narrow, const void* indices, size_t count, const void* dy, size_t outer, size_t rows, size_t inner, int64_t padding, void* out, const Parallel& parallel) {
  if (narrow) return static_cast<double>(embedding_grad(static_cast<const int32_t*>(indices), count, static_cast<const T*>(dy), outer, rows, inner, padding, static_cast<T*>(out), parallel));
  return static_cast<double>(embedding_grad(static_cast<const int64_t*>(indices), count, static_cast<const T*>(dy), outer, rows, inner, padding, static_cast<T*>(out), parallel));
}

// embeddingGrad(indices, dy, outer, rows, inner, padding, out, threads): Promise<number>, the place of the first bad index or -1
Napi::Value embeddingGradKernel(const Napi::CallbackInfo& info) {
  const void *indices = data_of<void>(info[0]), *dy = data_of<void>(info[1]);
  void* out = data_of<void>(info[6]);
  const size_t count = info[0].As<Napi::TypedArray>().ElementLength(), outer = size_of(info[2]), rows = size_of(info[3]), inner = size_of(info[4]), threads = size_of(info[7]);
  const int64_t padding = info[5].As<Napi::Number>().Int64Value();
  const bool narrow = info[0].As<Napi::TypedArray>().TypedArrayType() == napi_int32_array, wide = is_double(info[1]);
  return submit_body(info, [=](const Parallel& parallel) {
    const Parallel threaded = as_if(parallel, threads);
    return wide ? embedding_grad_of<double>(narrow, indices, count, dy, outer, rows, inner, padding, out, threaded)
                : embedding_grad_of<float>(narrow, indices, count, dy, outer, rows, inner, padding, out, threaded);
  });
}

template <typename Constants> Constants constants_of(const Napi::Value& value) {
  Constants constants;
  for (size_t i = 0; i < sizeof(constants) / sizeof(float); i++) reinterpret_cast<float*>(&constants)[i] = static_cast<float>(data_of<double>(value)[i]);
  return constants;
}
float* floats_or_null(const Napi::Value& value) { return value.IsTypedArray() ? data_of<float>(value) : nullptr; }

// adam(values, gradients, m, v, row: Float64Array, threads, isa): Promise<number>, over the whole arrays
Napi::Value adamKernel(const Napi::CallbackInfo& info) {
  float *p = data_of<float>(info[0]), *g = data_of<float>(info[1]), *m = data_of<float>(info[2]), *v = data_of<float>(info[3]);
  const size_t length = info[0].As<Napi::TypedArray>().ElementLength(), threads = size_of(info[5]);
  const auto constants = constants_of<AdamConstants>(info[4]);
  const Isa isa = isa_of(info[6].As<Napi::Number>().Int32Value());
  return submit_body(info, [=](const Parallel& parallel) {
    const OptimizerRange range = {0, length, 0, 1};
    adam_step(p, g, nullptr, m, v, &range, 1, &constants, as_if(parallel, threads), isa);
    return 0.0;
  });
}

/// (values, gradients, state, state | undefined, state | undefined, row: Float64Array, threads, isa): Promise<number>, over the whole arrays
template <typename Constants, typename Kernel> Napi::Value rule_kernel(const Napi::CallbackInfo& info, Kernel kernel) {
  float *p = data_of<float>(info[0]), *g = data_of<float>(info[1]), *a = floats_or_null(info[2]), *b = floats_or_null(info[3]), *c = floats_or_null(info[4]);
  const size_t length = info[0].As<Napi::TypedArray>().ElementLength(), threads = size_of(info[6]);
  const auto constants = constants_of<Constants>(info[5]);
  const Isa isa = isa_of(info[7].As<Napi::Number>().Int32Value());
  return submit_body(info, [=](const Parallel& parallel) {
    const OptimizerRange range = {0, length, 0, 1};
    float* const states[] = {a, b, c};
    kernel(p, g, nullptr, states, &range, 1, &constants, as_if(parallel, threads), isa);
    return 0.0;
  });
}
Napi::Value rmspropKernel(const Napi::CallbackInfo& info) { return rule_kernel<RmspropConstants>(info, rmsprop_step); }
Napi::Value adagradKernel(const Napi::CallbackInfo& info) { return rule_kernel<AdagradConstants>(info, adagrad_step); }
Napi::Value lionKernel(const Napi::CallbackInfo& info) { return rule_kernel<LionConstants>(info, lion_step); }

// adafactor(values, gradients, rows, columns, average | undefined, rms, matrices, rows, row: Float64Array, threads, isa): Promise<number>, one factored parameter
Napi::Value adafactorKernel(const Napi::CallbackInfo& info) {
  float *p = data_of<float>(info[0]), *g = data_of<float>(info[1]);
  const AdafactorStates states = {data_of<float>(info[2]), data_of<float>(info[3]), nullptr, floats_or_null(info[4]), data_of<float>(info[5])};
  const size_t length = info[0].As<Napi::TypedArray>().ElementLength(), matrices = size_of(info[6]), rows = size_of(info[7]), threads = size_of(info[9]);
  const auto constants = constants_of<AdafactorConstants>(info[8]);
  const Isa isa = isa_of(info[10].As<Napi::Number>().Int32Value());
  return submit_body(info, [=](const Parallel& parallel) {
    const AdafactorParameter parameter = {0, 0, 1, matrices, rows, length / matrices / rows, 0, 0, 0, 0};
    adafactor_step(p, g, nullptr, states, &parameter, 1, &constants, as_if(parallel, threads), isa);
    return 0.0;
  });
}

// squares(data, threads, isa): Promise<number>
Napi::Value squaresKernel(const Napi::CallbackInfo& info) {
  const float* data = data_of<float>(info[0]);
  const size_t length = info[0].As<Napi::TypedArray>().ElementLength(), threads = size_of(info[1]);
  const Isa isa = isa_of(info[2].As<Napi::Number>().Int32Value());
  return submit_body(info, [=](const Parallel& parallel) {
    const OptimizerRange range = {0, length, 0, 1};
    std::vector<NormResult> scratch(norm_chunks(&range, 1));
    return norm(data, &range, 1, NormKind::squares, 2, scratch.data(), as_if(parallel, threads), isa).value;
  });
}

// copy(into, from): Promise<number>, the bytes of `from`
Napi::Value copyKernel(const Napi::CallbackInfo& info) {
  void* into = data_of<void>(info[0]);
  const void* from = data_of<void>(info[1]);
  const size_t bytes = std::min(info[0].As<Napi::TypedArray>().ByteLength(), info[1].As<Napi::TypedArray>().ByteLength());
  return submit_body(info, [=](const Parallel& parallel) {
    copy(into, from, bytes, parallel);
    return static_cast<double>(bytes);
  });
}

// philox(c0, c1, c2, c3, k0, k1): number[4]
Napi::Value philoxWords(const Napi::CallbackInfo& info) {
  uint32_t in[6];
  for (size_t i = 0; i < 6; i++) in[i] = info[i].As<Napi::Number>().Uint32Value();
  const PhiloxWords words = philox4x32_10({{in[0], in[1], in[2], in[3]}}, {in[4], in[5]});
  Napi::Array out = Napi::Array::New(info.Env(), 4);
  for (uint32_t i = 0; i < 4; i++) out.Set(i, static_cast<double>(words.w[i]));
  return out;
}

// limit(isa, threads): until it is called again, custom ops run as on a processor without what is above `isa`, and as with so many threads; -1 and 0: as it is.
Napi::Value limitKernels(const Napi::CallbackInfo& info) {
  const int isa = info[0].As<Napi::Number>().Int32Value();
  isa_limit().store(isa < 0 ? static_cast<int>(Isa::avx512) : isa);
  thread_limit().store(size_of(info[1]));
  return info.Env().Undefined();
}

void init(Napi::Env env, Napi::Object exports) {
  Napi::Object kernels = Napi::Object::New(env);
  kernels.Set("dropout", Napi::Function::New(env, dropoutKernel));
  kernels.Set("embeddingGrad", Napi::Function::New(env, embeddingGradKernel));
  kernels.Set("adam", Napi::Function::New(env, adamKernel));
  kernels.Set("rmsprop", Napi::Function::New(env, rmspropKernel));
  kernels.Set("adagrad", Napi::Function::New(env, adagradKernel));
  kernels.Set("lion", Napi::Function::New(env, lionKernel));
  kernels.Set("adafactor", Napi::Function::New(env, adafactorKernel));
  kernels.Set("squares", Napi::Function::New(env, squaresKernel));
  kernels.Set("copy", Napi::Function::New(env, copyKernel));
  kernels.Set("philox", Napi::Function::New(env, philoxWords));
  kernels.Set("limit", Napi::Function::New(env, limitKernels));
  kernels.Set("isa", static_cast<double>(supported_isa()));
  exports.Set("testKernels", kernels);
}
const Module module(init);

}  // namespace
}  // namespace accelerate_ts
