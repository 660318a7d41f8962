// accelerate_ts:Tap(gradients...) -> number of the bucket: says in the middle of a run that these gradients are written, so that others may read them while the run goes on.
#include "tap.h"

#include "../ops.h"
#include "../ort.h"

namespace accelerate_ts {

TapSink*& tap_sink() noexcept {
  static thread_local TapSink* sink = nullptr;
  return sink;
}

namespace {

class Tap {
 public:
  explicit Tap(const KernelInfo& info) : bucket_(info.integer("bucket", 0)) {}

  void compute(KernelCall& call) const {
    auto* number = static_cast<float*>(call.output(0, {}));
    if (!call.ok()) return;
    if (number != nullptr) *number = static_cast<float>(bucket_);
    if (TapSink* sink = tap_sink()) sink->ready(bucket_, call.parallel());
  }

 private:
  const int64_t bucket_;
};

/// On CUDA nothing is computed and nothing is waited for: whoever listens notes how far the stream has come. The number is not written, for nobody reads it.
class TapOnCuda {
 public:
  explicit TapOnCuda(const KernelInfo& info) : bucket_(info.integer("bucket", 0)) {}

  void compute(KernelCall& call) const {
    call.output(0, {});
    TapSink* const sink = tap_sink();
    void* stream = nullptr;
    if (sink == nullptr || !call.ok() || !call.check(ort()->api.KernelContext_GetGPUComputeStream(call.context(), &stream))) return;
    const std::string error = sink->queued(bucket_, stream);
    if (!error.empty()) call.fail(error);
  }

 private:
  const int64_t bucket_;
};

template <typename Kernel>
CustomOp* tap() {
  CustomOp* op = customOp<Kernel>("Tap", {kFloat32}, {kFloat32});
  op->GetInputCharacteristic = [](const OrtCustomOp*, size_t) -> OrtCustomOpInputOutputCharacteristic { return 2; };  // any number of them
  return op;
}

}  // namespace

void tapOps(std::vector<const CustomOp*>& ops) {
  ops.push_back(tap<Tap>());
  CustomOp* const onCuda = tap<TapOnCuda>();
  onCuda->provider = "CUDAExecutionProvider";
  ops.push_back(onCuda);
}

}  // namespace accelerate_ts
