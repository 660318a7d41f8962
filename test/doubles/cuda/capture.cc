// Capture of streams, and graphs: what is captured is queued when its graph is launched.
#include "streams.h"

namespace doubled {
namespace {
int captures = 0;
}

cudaError_t forbidCapture(const char* function) {
  if (captures == 0) return cudaSuccess;
  for (const auto& [handle, stream] : streams) {
    if (!stream->capture) continue;
    stream->capture->broken = true;
    violation("%s while stream %zu is captured", function, stream->index);
    return cudaErrorStreamCaptureUnsupported;
  }
  return cudaSuccess;
}

}  // namespace doubled

using namespace doubled;

extern "C" {

cudaError_t cudaStreamBeginCapture(cudaStream_t handle, cudaStreamCaptureMode) {
  DOUBLED(cudaStreamBeginCapture);
  Guard guard(lock);
  const auto stream = streamOf(handle);
  if (!stream) return result(cudaErrorInvalidResourceHandle);
  if (stream->legacy) return result(cudaErrorStreamCaptureUnsupported);
  if (stream->capture) return result(cudaErrorIllegalState);
  stream->capture = std::make_shared<Capture>();
  stream->capture->origin = stream;
  captures++;
  return cudaSuccess;
}
cudaError_t cudaStreamEndCapture(cudaStream_t handle, cudaGraph_t* graph) {
  DOUBLED(cudaStreamEndCapture);
  Guard guard(lock);
  const auto stream = streamOf(handle);
  if (!stream) return result(cudaErrorInvalidResourceHandle);
  if (!stream->capture) return result(cudaErrorIllegalState);
  const auto capture = stream->capture;
  if (capture->origin != stream) return result(cudaErrorStreamCaptureUnmatched);
  for (const auto& weak : all)
    if (const auto other = weak.lock(); other && other->capture == capture) other->capture = nullptr;
  captures--;
  capture->origin = nullptr;
  *graph = nullptr;
  if (capture->broken) return result(cudaErrorStreamCaptureInvalidated);
  auto* made = new std::shared_ptr<Capture>(capture);
  born("graph", made, call.caller);
  *graph = reinterpret_cast<cudaGraph_t>(made);
  return cudaSuccess;
}
cudaError_t cudaStreamIsCapturing(cudaStream_t handle, cudaStreamCaptureStatus* status) {
  DOUBLED(cudaStreamIsCapturing);
  Guard guard(lock);
  const auto stream = streamOf(handle);
  if (!stream) return result(cudaErrorInvalidResourceHandle);
  *status = !stream->capture ? cudaStreamCaptureStatusNone : stream->capture->broken ? cudaStreamCaptureStatusInvalidated : cudaStreamCaptureStatusActive;
  return cudaSuccess;
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph, unsigned long long) {
  DOUBLED(cudaGraphInstantiate);
  if (!alive("graph", graph)) return result(cudaErrorInvalidValue);
  auto* made = new std::shared_ptr<Capture>(*reinterpret_cast<std::shared_ptr<Capture>*>(graph));
  born("graph exec", made, call.caller);
  *exec = reinterpret_cast<cudaGraphExec_t>(made);
  return cudaSuccess;
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t handle) {
  DOUBLED(cudaGraphLaunch);
  Guard guard(lock);
  const auto stream = streamOf(handle);
  if (!stream || !alive("graph exec", exec)) return result(cudaErrorInvalidValue);
  const auto capture = *reinterpret_cast<std::shared_ptr<Capture>*>(exec);
  Operation operation;
  operation.what = "cudaGraphLaunch";
  operation.run = [capture] {
    for (const Operation& step : capture->operations)
      if (step.run) step.run();
  };
  for (const Operation& step : capture->operations) operation.duration += step.duration;
  for (const Touch& touch : capture->touches)
    if (find(touch.address) == nullptr && inDeviceRange(touch.address)) violation("a graph that is launched touches %s", describe(touch.address).c_str());
  enqueue(stream, std::move(operation), capture->touches);
  totals.graphLaunches++;
  log("\"graph\":%lu,\"stream\":%zu", capture->launches, stream->index);
  return cudaSuccess;
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  DOUBLED(cudaGraphDestroy);
  if (!died("graph", graph)) return result(cudaErrorInvalidValue);
  delete reinterpret_cast<std::shared_ptr<Capture>*>(graph);
  return cudaSuccess;
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
  DOUBLED(cudaGraphExecDestroy);
  if (!died("graph exec", exec)) return result(cudaErrorInvalidValue);
  delete reinterpret_cast<std::shared_ptr<Capture>*>(exec);
  return cudaSuccess;
}
}
