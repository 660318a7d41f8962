// Optimizer kernels as jobs of the run thread, so that they follow the backward runs submitted before them.
//
// See range_job.h for what comes in: `ranges` is a Float64Array of quadruples (offset, length, row, contributors) in elements.
#include <memory>
#include <utility>
#include <vector>

#include "kernels/optimizer.h"
#include "modules.h"
#include "range_job.h"

namespace accelerate_ts {
namespace {

constexpr size_t adam_fields = sizeof(AdamConstants) / sizeof(float), sgd_fields = sizeof(SgdConstants) / sizeof(float);

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

/// A rule over the values, a gradient and up to three states: RMSprop, Adagrad, Lion.
template <typename Constants> class StepJob : public RangeJob {
 public:
  using Kernel = void (*)(float* values, const float* gradients, const GradientSources* sources, float* const* states, const OptimizerRange* ranges, size_t count, const Constants* rows,
                          const Parallel& parallel, Isa isa);
  Kernel kernel = nullptr;
  float *values = nullptr, *states[3] = {};
  const float* gradient = nullptr;
  std::vector<Constants> rows;
  void execute(const Parallel& parallel) override { kernel(values, gradient, sources_.get(), states, ranges_.data(), ranges_.size(), rows.data(), parallel, best_isa()); }
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
    norm_ = norm(data, ranges_.data(), ranges_.size(), kind, exponent, scratch.data(), parallel, best_isa(), rows());
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
    if (clamps) clamp(data, ranges_.data(), ranges_.size(), factor, parallel, best_isa(), rows());
    else scale(data, ranges_.data(), ranges_.size(), factor, parallel, best_isa(), rows());
  }
};

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

/// (values, gradients, states ..., ranges, rows): Promise<void>
template <typename Constants> Napi::Value rule_step(const Napi::CallbackInfo& info, typename StepJob<Constants>::Kernel kernel, size_t states) {
  auto job = std::make_unique<StepJob<Constants>>();
  job->kernel = kernel;
  job->values = job->memory(info[0]);
  job->gradient = job->gradients(info[1]);
  for (size_t k = 0; k < states; k++) job->states[k] = job->memory(info[2 + k]);
  job->rows = constants<Constants>(info[3 + states]);
  if (!job->ranges(info[2 + states], job->rows.size())) return refuse(info.Env(), bad_ranges);
  return submit(info.Env(), std::move(job));
}
// rmspropStep(values, gradients, squareAverage, momentum | undefined, gradientAverage | undefined, ranges, rows): Promise<void>
Napi::Value rmspropStep(const Napi::CallbackInfo& info) { return rule_step<RmspropConstants>(info, rmsprop_step, 3); }
// adagradStep(values, gradients, sum, ranges, rows): Promise<void>
Napi::Value adagradStep(const Napi::CallbackInfo& info) { return rule_step<AdagradConstants>(info, adagrad_step, 1); }
// lionStep(values, gradients, m, ranges, rows): Promise<void>
Napi::Value lionStep(const Napi::CallbackInfo& info) { return rule_step<LionConstants>(info, lion_step, 1); }

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
  job->data = job->numbers(info[0]);
  job->kind = static_cast<NormKind>(info[2].As<Napi::Number>().Int32Value());
  job->exponent = info[3].As<Napi::Number>().DoubleValue();
  if (!job->ranges(info[1], 1)) return refuse(info.Env(), bad_ranges);
  return submit(info.Env(), std::move(job));
}

Napi::Value factorJob(const Napi::CallbackInfo& info, bool clamps) {
  auto job = std::make_unique<FactorJob>();
  job->data = job->numbers(info[0]);
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
  Napi::Object kernels = optimizer_kernels(env, exports);
  kernels.Set("adamStep", Napi::Function::New(env, adamStep));
  kernels.Set("sgdStep", Napi::Function::New(env, sgdStep));
  kernels.Set("rmspropStep", Napi::Function::New(env, rmspropStep));
  kernels.Set("adagradStep", Napi::Function::New(env, adagradStep));
  kernels.Set("lionStep", Napi::Function::New(env, lionStep));
  kernels.Set("sum", Napi::Function::New(env, rangeSum));
  kernels.Set("norm", Napi::Function::New(env, rangeNorm));
  kernels.Set("scale", Napi::Function::New(env, rangeScale));
  kernels.Set("clamp", Napi::Function::New(env, rangeClamp));
  kernels.Set("adamFields", static_cast<double>(adam_fields));
  kernels.Set("sgdFields", static_cast<double>(sgd_fields));
  kernels.Set("rmspropFields", static_cast<double>(sizeof(RmspropConstants) / sizeof(float)));
  kernels.Set("adagradFields", static_cast<double>(sizeof(AdagradConstants) / sizeof(float)));
  kernels.Set("lionFields", static_cast<double>(sizeof(LionConstants) / sizeof(float)));
}
const Module module(init);

}  // namespace
}  // namespace accelerate_ts
