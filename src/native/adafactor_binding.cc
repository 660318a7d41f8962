// Adafactor's step as a job of the run thread; see range_job.h for what comes in.
#include <memory>
#include <utility>
#include <vector>

#include "kernels/adafactor.h"
#include "modules.h"
#include "range_job.h"

namespace accelerate_ts {
namespace {

constexpr size_t adafactor_fields = sizeof(AdafactorConstants) / sizeof(float), parameter_fields = 10;

class AdafactorJob : public RangeJob {
 public:
  float* values = nullptr;
  const float* gradient = nullptr;
  AdafactorStates states = {};
  std::vector<AdafactorConstants> rows;
  /// How many elements values and gradients have, and each state.
  size_t length = 0, lengths[4] = {};

  /// False: a parameter leaves the memory or names a row that is not there.
  bool parameters(const Napi::Value& value) {
    const auto array = value.As<Napi::Float64Array>();
    parameters_.resize(array.ElementLength() / parameter_fields);
    for (size_t i = 0; i < parameters_.size(); i++) {
      const double* field = array.Data() + i * parameter_fields;
      for (size_t k = 0; k < parameter_fields; k++) if (!(field[k] >= 0 && field[k] < 0x1p53)) return false;
      const double matrices = field[3], height = field[4], columns = field[5], lines = matrices * height, across = matrices * columns;
      if (!(field[0] + (height > 0 ? lines * columns : columns) <= static_cast<double>(length) && field[1] < static_cast<double>(rows.size()))) return false;
      if (columns == 0 || (height > 0 && matrices == 0)) return false;
      if (height > 0 ? !(fits(states.rows, field[6] + lines, 0) && fits(states.columns, field[7] + across, 1)) : !fits(states.squares, field[8] + columns, 2)) return false;
      if (states.rms != nullptr && !fits(states.rms, field[9] + 1, 3)) return false;
      const auto whole = [&](size_t k) { return static_cast<size_t>(field[k]); };
      parameters_[i] = {whole(0), whole(1), static_cast<uint64_t>(field[2]), whole(3), whole(4), whole(5), whole(6), whole(7), whole(8), whole(9)};
    }
    return true;
  }
  void execute(const Parallel& parallel) override { adafactor_step(values, gradient, sources_.get(), states, parameters_.data(), parameters_.size(), rows.data(), parallel); }

 private:
  bool fits(const float* state, double end, size_t k) const { return state != nullptr && end <= static_cast<double>(lengths[k]); }
  std::vector<AdafactorParameter> parameters_;
};

// adafactorStep(values, gradients, { rows, columns, squares, average?, rms? }, parameters, rows): Promise<void>; `parameters` holds the fields of AdafactorParameter of each, in their order.
Napi::Value adafactorStep(const Napi::CallbackInfo& info) {
  auto job = std::make_unique<AdafactorJob>();
  job->values = job->memory(info[0]);
  job->gradient = job->gradients(info[1]);
  const auto states = info[2].As<Napi::Object>();
  job->states.average = job->memory(states.Get("average"));
  job->length = job->limit();
  // The other states have layouts of their own.
  const char* const names[4] = {"rows", "columns", "squares", "rms"};
  float** const into[4] = {&job->states.rows, &job->states.columns, &job->states.squares, &job->states.rms};
  for (size_t k = 0; k < 4; k++) {
    const Napi::Value state = states.Get(names[k]);
    *into[k] = job->memory(state);
    if (*into[k] != nullptr) job->lengths[k] = state.As<Napi::Float32Array>().ElementLength();
  }
  job->rows = constants<AdafactorConstants>(info[4]);
  if (!job->rowsFit(job->length) || !job->parameters(info[3])) return refuse(info.Env(), bad_ranges);
  return submit(info.Env(), std::move(job));
}

void init(Napi::Env env, Napi::Object exports) {
  Napi::Object kernels = optimizer_kernels(env, exports);
  kernels.Set("adafactorStep", Napi::Function::New(env, adafactorStep));
  kernels.Set("adafactorFields", static_cast<double>(adafactor_fields));
}
const Module module(init);

}  // namespace
}  // namespace accelerate_ts
