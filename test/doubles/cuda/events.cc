// Events: moments of streams that other streams and the host wait for.
#include <set>

#include "streams.h"

namespace doubled {
namespace {
std::set<Event*>& events = *new std::set<Event*>;
}

Event* eventOf(cudaEvent_t handle) {
  Event* event = reinterpret_cast<Event*>(handle);
  if (events.count(event)) return event;
  violation("%p is no event (destroyed, or never made)", static_cast<void*>(handle));
  return nullptr;
}

}  // namespace doubled

using namespace doubled;

extern "C" {

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* handle, unsigned int flags) {
  DOUBLED(cudaEventCreateWithFlags);
  if (handle == nullptr || flags > 7) return result(cudaErrorInvalidValue);
  Guard guard(lock);
  auto* event = new Event;
  event->device = currentDevice();
  event->flags = flags;
  event->owner = call.caller;
  events.insert(event);
  born("event", event, call.caller);
  *handle = reinterpret_cast<cudaEvent_t>(event);
  return cudaSuccess;
}
cudaError_t cudaEventCreate(cudaEvent_t* handle) {
  DOUBLED(cudaEventCreate);
  Guard guard(lock);
  auto* event = new Event;
  event->device = currentDevice();
  event->owner = call.caller;
  events.insert(event);
  born("event", event, call.caller);
  *handle = reinterpret_cast<cudaEvent_t>(event);
  return cudaSuccess;
}
cudaError_t cudaEventDestroy(cudaEvent_t handle) {
  DOUBLED(cudaEventDestroy);
  Guard guard(lock);
  Event* event = eventOf(handle);
  if (event == nullptr) return result(cudaErrorInvalidResourceHandle);
  events.erase(event);
  died("event", event);
  delete event;
  return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t handle, cudaStream_t streamHandle) {
  DOUBLED(cudaEventRecord);
  Guard guard(lock);
  const auto stream = streamOf(streamHandle);
  Event* event = eventOf(handle);
  if (!stream || event == nullptr) return result(cudaErrorInvalidResourceHandle);
  if (event->device != stream->device) {
    violation("an event of cuda:%d is recorded in a stream of cuda:%d", event->device, stream->device);
    return result(cudaErrorInvalidResourceHandle);
  }
  event->capture = stream->capture;
  if (stream->capture) return cudaSuccess;
  Operation operation;
  operation.what = "cudaEventRecord";
  operation.noDelay = true;
  operation.run = [event] {
    Guard inside(lock);
    if (events.count(event)) event->time = span().on ? span().end * 1e-3 : microseconds() * 1e-3;
  };
  event->sequence = enqueue(stream, std::move(operation));
  event->stream = stream;
  event->clock = stream->clock;
  return cudaSuccess;
}
cudaError_t cudaEventQuery(cudaEvent_t handle) {
  DOUBLED(cudaEventQuery);
  Guard guard(lock);
  Event* event = eventOf(handle);
  if (event == nullptr) return result(cudaErrorInvalidResourceHandle);
  if (event->stream && event->stream->done < event->sequence) return cudaErrorNotReady;
  host.join(event->clock);
  return result(stickyError());
}
cudaError_t cudaEventSynchronize(cudaEvent_t handle) {
  DOUBLED(cudaEventSynchronize);
  Guard guard(lock);
  Event* event = eventOf(handle);
  if (event == nullptr) return result(cudaErrorInvalidResourceHandle);
  if (event->capture) return result(forbidCapture("cudaEventSynchronize"));
  const Clock clock = event->clock;
  const auto stream = event->stream;
  const uint64_t sequence = event->sequence;
  if (stream) progress.wait(guard, [&] { return stream->done >= sequence; });
  host.join(clock);
  return result(stickyError());
}
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t from, cudaEvent_t to) {
  DOUBLED(cudaEventElapsedTime);
  Guard guard(lock);
  Event *first = eventOf(from), *second = eventOf(to);
  if (first == nullptr || second == nullptr || !first->stream || !second->stream || ((first->flags | second->flags) & cudaEventDisableTiming)) return result(cudaErrorInvalidResourceHandle);
  if (first->stream->done < first->sequence || second->stream->done < second->sequence) return result(cudaErrorNotReady);
  *milliseconds = float(second->time - first->time);
  return cudaSuccess;
}
cudaError_t cudaStreamWaitEvent(cudaStream_t handle, cudaEvent_t eventHandle, unsigned int) {
  DOUBLED(cudaStreamWaitEvent);
  Guard guard(lock);
  const auto stream = streamOf(handle);
  Event* event = eventOf(eventHandle);
  if (!stream || event == nullptr) return result(cudaErrorInvalidResourceHandle);
  if (event->capture) {
    // The stream joins the capture.
    stream->capture = event->capture;
    return cudaSuccess;
  }
  if (!event->stream) {
    log("\"note\":\"a stream waits for an event that was never recorded\",\"from\":\"%s\"", call.caller);
    return cudaSuccess;
  }
  Operation wait;
  wait.what = "cudaStreamWaitEvent";
  wait.noDelay = true;
  if (stream->capture) {
    stream->capture->broken = true;
    return result(cudaErrorStreamCaptureIsolation);
  }
  // Ordered by the event's clock alone: what its stream was given later is not waited for.
  wait.after.push_back({event->stream, event->sequence, std::make_shared<const Clock>(event->clock)});
  enqueue(stream, std::move(wait));
  return cudaSuccess;
}
}
