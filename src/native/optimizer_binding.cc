// Optimizer kernels as jobs of the run thread, so that they follow the backward runs submitted before them.
//
// Memory and ranges come as typed arrays. `ranges` is a Float64Array of quadruples (offset, length, row, contributors) in elements; `rows` a Float64Array of the constants of
// each row in the order of the kernel's struct (kernels/optimizer.h). Nothing is computed on the JS thread but the bounds of the ranges.
#include <algorithm>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "job.h"
#include "kernels/optimizer.h"
#include "modules.h"

namespace accelerate_ts {
namespace {

constexpr size_t range_fields = 4;
constexpr size_t adam_fields = sizeof(AdamConstants) / sizeof(float), sgd_fields = sizeof(SgdConstants) / sizeof(float);

Napi::Value refuse(Napi::Env env, const std::string& message) {
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", Napi::String::New(env, "ERR_ARGUMENT"));
  error.ThrowAsJavaScriptException();
  return env.Undefined();
}

/// What every job here has: arrays that live as long as it, and ranges inside them.
class RangeJob : public Job {
 public:
  float* memory(const Napi::Value& value) {
    if (value.IsUndefined() || value.IsNull()) return nullptr;
    auto array = value.As<Napi::Float32Array>();
    keep(array);
    if (array.ElementLength() < limit_) limit_ = array.ElementLength();
    return array.Data();
  }
  /// Gradients: one array, or { arrays, factor } that are added up.
  const float* gradients(const Napi::Value& value) {
    if (value.IsTypedArray()) return memory(value);
    const auto object = value.As<Napi::Object>();
    const auto arrays = object.Get("arrays").As<Napi::Array>();
    sources_ = std::make_unique<GradientSources>();
    sources_->factor = object.Get("factor").As<Napi::Number>().FloatValue();
    sources_->count = std::min<size_t>(arrays.Length(), max_sources);
    for (size_t k = 0; k < sources_->count; k++) sources_->arrays[k] = memory(arrays.Get(static_cast<uint32_t>(k)));
    return nullptr;
  }
  /// To be called after memory(...). False: a range leaves the shortest array or names a row that is not there.
  bool ranges(const Napi::Value& value, size_t rows) {
    const auto array = value.As<Napi::Float64Array>();
    ranges_.resize(array.ElementLength() / range_fields);
    for (size_t i = 0; i < ranges_.size(); i++) {
      const double* field = array.Data() + i * range_fields;
      if (!(field[0] >= 0 && field[1] >= 0 && field[0] + field[1] <= static_cast<double>(limit_) && field[2] >= 0 && field[2] < static_cast<double>(rows) && field[3] >= 0 && field[3] < 0x1p53)) return false;
      ranges_[i] = {static_cast<size_t>(field[0]), static_cast<size_t>(field[1]), static_cast<size_t>(field[2]), static_cast<uint64_t>(field[3])};
    }
    return true;
  }

 protected:
  std::vector<OptimizerRange> ranges_;
  std::unique_ptr<GradientSources> sources_;

 private:
  size_t limit_ = std::numeric_limits<size_t>::max();
};

/// The rows' constants as structs of floats.
template <typename Constants> std::vector<Constants> constants(const Napi::Value& value) {
  const auto array = value.As<Napi::Float64Array>();
  constexpr size_t fields = sizeof(Constants) / sizeof(float);
  std::vector<Constants> rows(array.ElementLength() / fields);
  auto* out = reinterpret_cast<float*>(rows.data());
  for (size_t i = 0; i < rows.size() * fields; i++) out[i] = static_cast<float>(array.Data()[i]);
  return rows;
}

class AdamJob : public RangeJob {
 public:
  float *values = nullptr, *m = nullptr, *v = nullptr;
  const float* gradient = nullptr;
  std::vector<AdamConstants> rows;
  void execute(const Parallel& parallel) override { adam_step(values, gradient, sources_.get(), m, v, ranges_.data(), ranges_.size(), rows.data(), parallel); }
};

class SgdJob : public RangeJob {
 public:
  float *values = nullptr, *momentum = nullptr;
  const float* gradient = nullptr;
  std::vector<SgdConstants> rows;
  void execute(const Parallel& parallel) override { sgd_step(values, gradient, sources_.get(), momentum, ranges_.data(), ranges_.size(), rows.data(), parallel); }
};

class SumJob : public RangeJob {
 public:
  float* out = nullptr;
  void execute(const Parallel& parallel) override { sum(out, *sources_, ranges_.data(), ranges_.size(), parallel); }
};

class NormJob : public RangeJob {
 public:
  const float* data = nullptr;
  NormKind kind = NormKind::squares;
  double exponent = 2;
  void execute(const Parallel& parallel) override {
    std::vector<NormResult> scratch(norm_chunks(ranges_.data(), ranges_.size()));
    norm_ = norm(data, ranges_.data(), ranges_.size(), kind, exponent, scratch.data(), parallel);
  }
  Napi::Value result(Napi::Env env) override {
    Napi::Object out = Napi::Object::New(env);
    out.Set("value", norm_.value);
    out.Set("nonFinite", static_cast<double>(norm_.nonFinite));
    return out;
  }

 private:
  NormResult norm_ = {0, 0};
};

class FactorJob : public RangeJob {
 public:
  float* data = nullptr;
  float factor = 1;
  bool clamps = false;
  void execute(const Parallel& parallel) override {
    if (clamps) clamp(data, ranges_.data(), ranges_.size(), factor, parallel);
    else scale(data, ranges_.data(), ranges_.size(), factor, parallel);
  }
};

constexpr const char* bad_ranges = "a range of an optimizer kernel leaves its memory or names constants that were not given";

// adamStep(values, gradients, m, v, ranges, rows): Promise<void>
Napi::Value adamStep(const Napi::CallbackInfo& info) {
  auto job = std::make_unique<AdamJob>();
  job->values = job->memory(info[0]);
  job->gradient = job->gradients(info[1]);
  job->m = job->memory(info[2]);
  job->v = job->memory(info[3]);
  job->rows = constants<AdamConstants>(info[5]);
  if (!job->ranges(info[4], job->rows.size())) return refuse(info.Env(), bad_ranges);
  return submit(info.Env(), std::move(job));
}

// sgdStep(values, gradients, momentum | undefined, ranges, rows): Promise<void>
Napi::Value sgdStep(const Napi::CallbackInfo& info) {
  auto job = std::make_unique<SgdJob>();
  job->values = job->memory(info[0]);
  job->gradient = job->gradients(info[1]);
  job->momentum = job->memory(info[2]);
  job->rows = constants<SgdConstants>(info[4]);
  if (!job->ranges(info[3], job->rows.size())) return refuse(info.Env(), bad_ranges);
  return submit(info.Env(), std::move(job));
}

// sum(out, { arrays, factor }, ranges): Promise<void>
Napi::Value rangeSum(const Napi::CallbackInfo& info) {
  auto job = std::make_unique<SumJob>();
  job->out = job->memory(info[0]);
  job->gradients(info[1]);
  if (!job->ranges(info[2], 1)) return refuse(info.Env(), bad_ranges);
  return submit(info.Env(), std::move(job));
}

// norm(data, ranges, kind: 0 squares | 1 absolutes | 2 maximum | 3 power, exponent): Promise<{ value, nonFinite }>
Napi::Value rangeNorm(const Napi::CallbackInfo& info) {
  auto job = std::make_unique<NormJob>();
  job->data = job->memory(info[0]);
  job->kind = static_cast<NormKind>(info[2].As<Napi::Number>().Int32Value());
  job->exponent = info[3].As<Napi::Number>().DoubleValue();
  if (!job->ranges(info[1], 1)) return refuse(info.Env(), bad_ranges);
  return submit(info.Env(), std::move(job));
}

Napi::Value factorJob(const Napi::CallbackInfo& info, bool clamps) {
  auto job = std::make_unique<FactorJob>();
  job->data = job->memory(info[0]);
  job->factor = info[2].As<Napi::Number>().FloatValue();
  job->clamps = clamps;
  if (!job->ranges(info[1], 1)) return refuse(info.Env(), bad_ranges);
  return submit(info.Env(), std::move(job));
}
// scale(data, ranges, factor): Promise<void>
Napi::Value rangeScale(const Napi::CallbackInfo& info) { return factorJob(info, false); }
// clamp(data, ranges, limit): Promise<void>
Napi::Value rangeClamp(const Napi::CallbackInfo& info) { return factorJob(info, true); }

void init(Napi::Env env, Napi::Object exports) {
  Napi::Object kernels = Napi::Object::New(env);
  kernels.Set("adamStep", Napi::Function::New(env, adamStep));
  kernels.Set("sgdStep", Napi::Function::New(env, sgdStep));
  kernels.Set("sum", Napi::Function::New(env, rangeSum));
  kernels.Set("norm", Napi::Function::New(env, rangeNorm));
  kernels.Set("scale", Napi::Function::New(env, rangeScale));
  kernels.Set("clamp", Napi::Function::New(env, rangeClamp));
  kernels.Set("adamFields", static_cast<double>(adam_fields));
  kernels.Set("sgdFields", static_cast<double>(sgd_fields));
  exports.Set("optimizerKernels", kernels);
}
const Module module(init);

}  // namespace
}  // namespace accelerate_ts
