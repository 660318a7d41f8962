// Streams are queues, each worked off by a thread that is late at random, or as late as is modelled (times.cc).
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "streams.h"

namespace doubled {

std::map<Stream*, std::shared_ptr<Stream>>& streams = *new std::map<Stream*, std::shared_ptr<Stream>>;
std::vector<std::weak_ptr<Stream>>& all = *new std::vector<std::weak_ptr<Stream>>;

namespace {

std::map<int, std::shared_ptr<Stream>>& legacies = *new std::map<int, std::shared_ptr<Stream>>;
thread_local std::map<int, std::shared_ptr<Stream>> perThread;

/** Each stream's worker; ends with its stream. */
void work(std::shared_ptr<Stream> stream) {
  Guard guard(lock);
  for (;;) {
    if (stream->queue.empty()) {
      stream->running = false;
      return;
    }
    Operation operation = std::move(stream->queue.front());
    stream->queue.pop_front();
    for (const Dependency& before : operation.after) progress.wait(guard, [&] { return before.stream->done >= before.sequence; });
    const Settings set = settings();
    stream->random = stream->random * 6364136223846793005ull + 1442695040888963407ull;
    const unsigned drawn = unsigned(stream->random >> 33);
    if (set.times.on) beginSpan(*stream, operation);
    guard.unlock();
    if (!set.times.on && !operation.noDelay && set.delay != 0 && set.delayEvery != 0 && drawn % set.delayEvery == 0) usleep(drawn / set.delayEvery % set.delay);
    if (operation.run && stickyError() == cudaSuccess) operation.run();
    if (set.times.on) endSpan(*stream, operation);
    guard.lock();
    if (set.times.on) {
      stream->ends.resize(operation.sequence, stream->ends.empty() ? 0 : stream->ends.back());
      stream->ends.back() = span().end;
    }
    span().on = false;
    stream->done = operation.sequence;
    progress.notify_all();
  }
}

void start(const std::shared_ptr<Stream>& stream) {
  if (stream->running) return;
  stream->running = true;
  std::thread(work, stream).detach();
}

}  // namespace

thread_local bool insideHostFunction = false;

std::shared_ptr<Stream> makeStream(int device, unsigned flags, int priority, const char* owner) {
  auto stream = std::make_shared<Stream>();
  stream->index = all.size();
  stream->device = device;
  stream->flags = flags;
  stream->priority = priority;
  stream->owner = owner;
  stream->random = settings().seed * 0x9E3779B97F4A7C15ull + stream->index * 1099511628211ull;
  all.push_back(stream);
  return stream;
}

std::shared_ptr<Stream> streamOf(cudaStream_t handle) {
  if (handle == nullptr || handle == cudaStreamLegacy) {
    auto& legacy = legacies[currentDevice()];
    if (!legacy) {
      legacy = makeStream(currentDevice(), cudaStreamDefault, 0, "other");
      legacy->legacy = true;
    }
    return legacy;
  }
  if (handle == cudaStreamPerThread) {
    auto& own = perThread[currentDevice()];
    if (!own) own = makeStream(currentDevice(), cudaStreamDefault, 0, "other");
    return own;
  }
  const auto found = streams.find(reinterpret_cast<Stream*>(handle));
  if (found != streams.end()) return found->second;
  violation("%p is no stream (destroyed, or never made)", static_cast<void*>(handle));
  return nullptr;
}

uint64_t enqueue(const std::shared_ptr<Stream>& stream, Operation operation, const std::vector<Touch>& touches) {
  if (stream->capture) {
    stream->capture->operations.push_back(std::move(operation));
    stream->capture->touches.insert(stream->capture->touches.end(), touches.begin(), touches.end());
    return 0;
  }
  stream->clock.join(host);
  // The legacy stream waits for all streams of its device that do not opt out, and they for it.
  const auto order = [&](const std::shared_ptr<Stream>& other) {
    if (!other || other == stream || other->device != stream->device) return;
    if (other->done < other->queued) operation.after.push_back({other, other->queued, nullptr});
    stream->clock.join(other->clock);
  };
  if (stream->legacy) {
    for (const auto& weak : all)
      if (const auto other = weak.lock(); other && !(other->flags & cudaStreamNonBlocking)) order(other);
  } else if (!(stream->flags & cudaStreamNonBlocking)) {
    if (const auto legacy = legacies.find(stream->device); legacy != legacies.end()) order(legacy->second);
  }
  for (const Dependency& before : operation.after) stream->clock.join(before.clock ? *before.clock : before.stream->clock);
  operation.queuedAt = microseconds();
  operation.sequence = ++stream->queued;
  stream->clock.advance(stream->index, operation.sequence);
  for (const Touch& touch : touches) check({stream->index, operation.sequence, operation.what}, stream->clock, touch);
  stream->queue.push_back(std::move(operation));
  start(stream);
  return stream->queued;
}

bool waitFor(Guard& guard, const std::shared_ptr<Stream>& stream, uint64_t sequence) {
  const Clock clock = stream->clock;
  progress.wait(guard, [&] { return stream->done >= sequence; });
  host.join(clock);
  return stickyError() == cudaSuccess;
}

cudaError_t waitDevice(Guard& guard, int device) {
  for (size_t i = 0; i < all.size(); i++)
    if (const auto stream = all[i].lock(); stream && stream->device == device) waitFor(guard, stream, stream->queued);
  return stickyError();
}

}  // namespace doubled

using namespace doubled;

extern "C" {

// --- streams

cudaError_t cudaStreamCreateWithPriority(cudaStream_t* handle, unsigned int flags, int priority) {
  DOUBLED(cudaStreamCreateWithPriority);
  if (handle == nullptr || (flags & ~unsigned(cudaStreamNonBlocking))) return result(cudaErrorInvalidValue);
  Guard guard(lock);
  auto stream = makeStream(currentDevice(), flags, std::max(-5, std::min(0, priority)), call.caller);
  streams[stream.get()] = stream;
  born("stream", stream.get(), call.caller);
  *handle = reinterpret_cast<cudaStream_t>(stream.get());
  log("\"stream\":%zu,\"device\":%d,\"flags\":%u,\"of\":\"%s\"", stream->index, currentDevice(), flags, call.caller);
  return cudaSuccess;
}
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* handle, unsigned int flags) {
  DOUBLED(cudaStreamCreateWithFlags);
  if (handle == nullptr || (flags & ~unsigned(cudaStreamNonBlocking))) return result(cudaErrorInvalidValue);
  Guard guard(lock);
  auto stream = makeStream(currentDevice(), flags, 0, call.caller);
  streams[stream.get()] = stream;
  born("stream", stream.get(), call.caller);
  *handle = reinterpret_cast<cudaStream_t>(stream.get());
  log("\"stream\":%zu,\"device\":%d,\"flags\":%u,\"of\":\"%s\"", stream->index, currentDevice(), flags, call.caller);
  return cudaSuccess;
}
cudaError_t cudaStreamCreate(cudaStream_t* handle) {
  DOUBLED(cudaStreamCreate);
  if (handle == nullptr) return result(cudaErrorInvalidValue);
  Guard guard(lock);
  auto stream = makeStream(currentDevice(), cudaStreamDefault, 0, call.caller);
  streams[stream.get()] = stream;
  born("stream", stream.get(), call.caller);
  *handle = reinterpret_cast<cudaStream_t>(stream.get());
  log("\"stream\":%zu,\"device\":%d,\"flags\":0,\"of\":\"%s\"", stream->index, currentDevice(), call.caller);
  return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t handle) {
  DOUBLED(cudaStreamDestroy);
  Guard guard(lock);
  if (streams.erase(reinterpret_cast<Stream*>(handle)) == 0) {
    violation("cudaStreamDestroy of %p, which is no stream", static_cast<void*>(handle));
    return result(cudaErrorInvalidResourceHandle);
  }
  died("stream", handle);
  return cudaSuccess;
}
cudaError_t cudaStreamQuery(cudaStream_t handle) {
  DOUBLED(cudaStreamQuery);
  Guard guard(lock);
  const auto stream = streamOf(handle);
  if (!stream) return result(cudaErrorInvalidResourceHandle);
  if (stream->capture) return result(cudaErrorStreamCaptureUnsupported);
  if (stream->done < stream->queued) return cudaErrorNotReady;
  host.join(stream->clock);
  return result(stickyError());
}
cudaError_t cudaStreamSynchronize(cudaStream_t handle) {
  DOUBLED(cudaStreamSynchronize);
  Guard guard(lock);
  const auto stream = streamOf(handle);
  if (!stream) return result(cudaErrorInvalidResourceHandle);
  if (const cudaError_t error = forbidCapture("cudaStreamSynchronize")) return result(error);
  waitFor(guard, stream, stream->queued);
  return result(stickyError());
}
cudaError_t cudaStreamGetDevice(cudaStream_t handle, int* device) {
  DOUBLED(cudaStreamGetDevice);
  Guard guard(lock);
  const auto stream = streamOf(handle);
  if (!stream) return result(cudaErrorInvalidResourceHandle);
  *device = stream->device;
  return cudaSuccess;
}
cudaError_t cudaStreamGetFlags(cudaStream_t handle, unsigned int* flags) {
  DOUBLED(cudaStreamGetFlags);
  Guard guard(lock);
  const auto stream = streamOf(handle);
  if (!stream) return result(cudaErrorInvalidResourceHandle);
  *flags = stream->flags;
  return cudaSuccess;
}
cudaError_t cudaStreamGetPriority(cudaStream_t handle, int* priority) {
  DOUBLED(cudaStreamGetPriority);
  Guard guard(lock);
  const auto stream = streamOf(handle);
  if (!stream) return result(cudaErrorInvalidResourceHandle);
  *priority = stream->priority;
  return cudaSuccess;
}
cudaError_t cudaDeviceGetStreamPriorityRange(int* least, int* greatest) {
  DOUBLED(cudaDeviceGetStreamPriorityRange);
  *least = 0;
  *greatest = -5;
  return cudaSuccess;
}
cudaError_t cudaLaunchHostFunc(cudaStream_t handle, cudaHostFn_t function, void* data) {
  DOUBLED(cudaLaunchHostFunc);
  Guard guard(lock);
  const auto stream = streamOf(handle);
  if (!stream) return result(cudaErrorInvalidResourceHandle);
  Operation operation;
  operation.what = "cudaLaunchHostFunc";
  operation.run = [function, data] {
    insideHostFunction = true;
    function(data);
    insideHostFunction = false;
  };
  enqueue(stream, std::move(operation));
  return cudaSuccess;
}
}
