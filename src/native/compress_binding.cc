// Compression of gradients as jobs of the run thread (kernels/compress.h). Lengths are checked here: nothing is read or written beyond the arrays.
#include <memory>
#include <string>
#include <utility>

#include "job.h"
#include "kernels/compress.h"
#include "modules.h"

namespace accelerate_ts {
namespace {

template <typename Body> class BodyJob : public Job {
 public:
  explicit BodyJob(Body body) : body_(std::move(body)) {}
  void execute(const Parallel& parallel) override { body_(parallel); }

 private:
  Body body_;
};

template <typename Body> Napi::Value submit_body(const Napi::CallbackInfo& info, Body body) {
  auto job = std::make_unique<BodyJob<Body>>(std::move(body));
  for (size_t i = 0; i < info.Length(); i++)
    if (info[i].IsTypedArray()) job->keep(info[i].As<Napi::Object>());
  return submit(info.Env(), std::move(job));
}

Napi::Value refuse(Napi::Env env, const char* message) {
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", Napi::String::New(env, "ERR_ARGUMENT"));
  error.ThrowAsJavaScriptException();
  return env.Undefined();
}

constexpr const char* bad_length = "the arrays of a compression kernel do not fit together";

Half half_of(const Napi::Value& value) { return value.As<Napi::Number>().Int32Value() == static_cast<int>(Half::bfloat16) ? Half::bfloat16 : Half::float16; }
size_t size_of(const Napi::Value& value) {
  const int64_t number = value.As<Napi::Number>().Int64Value();
  return number < 1 ? 0 : static_cast<size_t>(number);
}

// narrow(format: 10 | 16, out: Uint16Array, in: Float32Array): Promise<void>
Napi::Value narrowAll(const Napi::CallbackInfo& info) {
  const Half format = half_of(info[0]);
  auto out = info[1].As<Napi::Uint16Array>();
  auto in = info[2].As<Napi::Float32Array>();
  if (out.ElementLength() < in.ElementLength()) return refuse(info.Env(), bad_length);
  return submit_body(info, [format, to = out.Data(), from = in.Data(), count = in.ElementLength()](const Parallel& parallel) { narrow(format, to, from, count, parallel); });
}

// widen(format: 10 | 16, out: Float32Array, in: Uint16Array): Promise<void>
Napi::Value widenAll(const Napi::CallbackInfo& info) {
  const Half format = half_of(info[0]);
  auto out = info[1].As<Napi::Float32Array>();
  auto in = info[2].As<Napi::Uint16Array>();
  if (in.ElementLength() < out.ElementLength()) return refuse(info.Env(), bad_length);
  return submit_body(info, [format, to = out.Data(), from = in.Data(), count = out.ElementLength()](const Parallel& parallel) { widen(format, to, from, count, parallel); });
}

/// (matrix, rows, cols, k, left, right) of every product.
struct Product {
  float *matrix, *left, *right;
  Matrix size;
  bool fits;
  explicit Product(const Napi::CallbackInfo& info) : size{size_of(info[1]), size_of(info[2]), size_of(info[3])} {
    auto m = info[0].As<Napi::Float32Array>(), l = info[4].As<Napi::Float32Array>(), r = info[5].As<Napi::Float32Array>();
    matrix = m.Data();
    left = l.Data();
    right = r.Data();
    constexpr size_t most = size_t{1} << 31;
    fits = size.rows > 0 && size.cols > 0 && size.k > 0 && size.rows < most && size.cols < most && size.k < most && m.ElementLength() >= size.rows * size.cols &&
           l.ElementLength() >= size.rows * size.k && r.ElementLength() >= size.cols * size.k;
  }
};

// project(matrix, rows, cols, k, left, right): Promise<void>
Napi::Value projectAll(const Napi::CallbackInfo& info) {
  const Product p(info);
  if (!p.fits) return refuse(info.Env(), bad_length);
  return submit_body(info, [p](const Parallel& parallel) { project(p.matrix, p.size, p.right, p.left, parallel); });
}

// projectBack(matrix, rows, cols, k, left, right): Promise<void>
Napi::Value projectBackAll(const Napi::CallbackInfo& info) {
  const Product p(info);
  if (!p.fits) return refuse(info.Env(), bad_length);
  return submit_body(info, [p](const Parallel& parallel) { project_back(p.matrix, p.size, p.left, p.right, parallel); });
}

// rebuild(matrix, rows, cols, k, left, right, error | undefined, part): Promise<void>
Napi::Value rebuildAll(const Napi::CallbackInfo& info) {
  const Product p(info);
  float* error = nullptr;
  bool fits = p.fits;
  if (info[6].IsTypedArray()) {
    auto array = info[6].As<Napi::Float32Array>();
    error = array.Data();
    fits = fits && array.ElementLength() >= p.size.rows * p.size.cols;
  }
  if (!fits) return refuse(info.Env(), bad_length);
  const float part = info[7].As<Napi::Number>().FloatValue();
  return submit_body(info, [p, error, part](const Parallel& parallel) { rebuild(p.matrix, p.size, p.left, p.right, error, part, parallel); });
}

void init(Napi::Env env, Napi::Object exports) {
  Napi::Object kernels = Napi::Object::New(env);
  kernels.Set("narrow", Napi::Function::New(env, narrowAll));
  kernels.Set("widen", Napi::Function::New(env, widenAll));
  kernels.Set("project", Napi::Function::New(env, projectAll));
  kernels.Set("projectBack", Napi::Function::New(env, projectBackAll));
  kernels.Set("rebuild", Napi::Function::New(env, rebuildAll));
  exports.Set("compressKernels", kernels);
}
const Module module(init);

}  // namespace
}  // namespace accelerate_ts
