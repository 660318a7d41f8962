// Sums of gradients on a thread of their own, while the run thread goes on with the backward that they come from.
#include <memory>
#include <utility>

#include "../job.h"
#include "../kernels/optimizer.h"
#include "../modules.h"
#include "../range_job.h"
#include "../thread_pool.h"

namespace accelerate_ts {
namespace {

class SumBeside : public RangeJob {
 public:
  float* out = nullptr;
  void execute(const Parallel& parallel) override {
    // As on the run thread, so that the bits are the same; nothing else runs on this one.
    flushDenormals();
    sum(out, *sources_, ranges_.data(), ranges_.size(), parallel);
  }
};

struct Beside {
  explicit Beside(Napi::Env env) : lane(env) {}
  CommLane lane;
};

// sumBeside(out, { arrays, factor, rows? }, ranges): Promise<void>
Napi::Value sumBeside(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  auto** beside = static_cast<Beside**>(info.Data());
  auto job = std::make_unique<SumBeside>();
  job->out = job->memory(info[0]);
  job->gradients(info[1]);
  if (!job->ranges(info[2], 1)) return refuse(env, bad_ranges);
  if (*beside == nullptr) *beside = new Beside(env);
  return (*beside)->lane.submit(env, std::move(job));
}

void init(Napi::Env env, Napi::Object exports) {
  auto** beside = new Beside*(nullptr);
  env.AddCleanupHook(
      [](Beside** held) {
        delete *held;
        delete held;
      },
      beside);
  exports.Set("sumBeside", Napi::Function::New(env, sumBeside, "sumBeside", beside));
}
const Module module(init);

}  // namespace
}  // namespace accelerate_ts
