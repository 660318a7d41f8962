// Streams are queues, each worked off by a thread that is late at random; events order them. Whatever is queued says which bytes it touches: bytes that another
// stream's operation touches without an order between the two are reported when they are queued, so a missing event is seen in every run, not only in unlucky ones.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <set>
#include <thread>

#include "double.h"

namespace doubled {

void Clock::advance(size_t stream, uint64_t sequence) {
  if (stream >= at.size()) at.resize(stream + 1);
  at[stream] = std::max(at[stream], sequence);
}
void Clock::join(const Clock& other) {
  if (other.at.size() > at.size()) at.resize(other.at.size());
  for (size_t i = 0; i < other.at.size(); i++) at[i] = std::max(at[i], other.at[i]);
}

namespace {

std::map<Stream*, std::shared_ptr<Stream>>& streams = *new std::map<Stream*, std::shared_ptr<Stream>>;
std::map<int, std::shared_ptr<Stream>>& legacies = *new std::map<int, std::shared_ptr<Stream>>;
/** Every stream ever made: the checker names them by index. */
std::vector<std::weak_ptr<Stream>>& all = *new std::vector<std::weak_ptr<Stream>>;
std::set<Event*>& events = *new std::set<Event*>;
thread_local int current = 0;
thread_local std::map<int, std::shared_ptr<Stream>> perThread;
int captures = 0;

/** What CUDA_VISIBLE_DEVICES leaves of the machine's devices: up to the first entry that is none. */
const std::vector<int>& visible() {
  static const std::vector<int> found = [] {
    std::vector<int> list;
    const int count = settings().devices;
    const char* text = getenv("CUDA_VISIBLE_DEVICES");
    if (text == nullptr) {
      for (int i = 0; i < count; i++) list.push_back(i);
      return list;
    }
    for (const char* at = text; *at != '\0';) {
      char* end;
      const long index = strtol(at, &end, 10);
      if (end == at || index < 0 || index >= count) break;
      list.push_back(int(index));
      at = *end == ',' ? end + 1 : end;
      if (*end != ',' && *end != '\0') break;
    }
    return list;
  }();
  return found;
}

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

/** Splits segments so that one begins and one ends at each bound, fills gaps; returns the first one of the range. */
std::map<size_t, Segment>::iterator carve(Allocation& held, size_t begin, size_t end) {
  auto& segments = held.segments;
  const auto split = [&](size_t at) {
    auto found = segments.upper_bound(at);
    if (found == segments.begin()) return;
    --found;
    if (found->first == at || found->second.end <= at) return;
    Segment tail = found->second;
    found->second.end = at;
    segments.emplace(at, std::move(tail));
  };
  split(begin);
  split(end);
  size_t at = begin;
  for (auto next = segments.lower_bound(begin); at < end;) {
    if (next == segments.end() || next->first >= end) {
      segments.emplace(at, Segment{end, {}, {}});
      break;
    }
    if (next->first > at) segments.emplace(at, Segment{next->first, {}, {}});
    at = next->second.end;
    ++next;
  }
  return segments.lower_bound(begin);
}

void race(const Allocation& held, size_t offset, const Access& earlier, bool earlierWrote, const Access& later, bool writes) {
  static std::set<std::pair<std::string, std::string>>& told = *new std::set<std::pair<std::string, std::string>>;
  if (told.size() > 50 || !told.insert({earlier.what, later.what}).second) return;
  violation("%s on stream %zu %s bytes that %s on stream %zu %s, and nothing orders the two (an event or a wait is missing): %s", later.what, later.stream, writes ? "writes" : "reads",
            earlier.what, earlier.stream, earlierWrote ? "writes" : "reads", describe(held.address + offset).c_str());
}

void check(const Access& access, const Clock& clock, const Touch& touch) {
  Allocation* held = touch.bytes > 0 ? find(touch.address) : nullptr;
  if (held == nullptr) return;
  const size_t begin = size_t(static_cast<const char*>(touch.address) - held->address), end = std::min(begin + touch.bytes, held->bytes);
  const auto unordered = [&](const Access& earlier) { return earlier.what != nullptr && earlier.stream != access.stream && clock.of(earlier.stream) < earlier.sequence; };
  for (auto at = carve(*held, begin, end); at != held->segments.end() && at->first < end; ++at) {
    Segment& segment = at->second;
    if (unordered(segment.write)) race(*held, at->first, segment.write, true, access, touch.write);
    if (touch.write) {
      for (const Access& read : segment.reads)
        if (unordered(read)) race(*held, at->first, read, false, access, true);
      segment.write = access;
      segment.reads.clear();
    } else {
      const auto same = std::find_if(segment.reads.begin(), segment.reads.end(), [&](const Access& read) { return read.stream == access.stream; });
      if (same != segment.reads.end()) *same = access;
      else segment.reads.push_back(access);
    }
  }
}

}  // namespace

thread_local bool insideHostFunction = false;

int currentDevice() { return current; }
int deviceCount() { return int(visible().size()); }
int physicalDevice(int device) { return visible().at(size_t(device)); }

const char* interned(const std::string& text) {
  static std::mutex& guarded = *new std::mutex;
  static std::set<std::string>& texts = *new std::set<std::string>;
  std::lock_guard<std::mutex> guard(guarded);
  return texts.insert(text).first->c_str();
}

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
    auto& legacy = legacies[current];
    if (!legacy) {
      legacy = makeStream(current, cudaStreamDefault, 0, "other");
      legacy->legacy = true;
    }
    return legacy;
  }
  if (handle == cudaStreamPerThread) {
    auto& own = perThread[current];
    if (!own) own = makeStream(current, cudaStreamDefault, 0, "other");
    return own;
  }
  const auto found = streams.find(reinterpret_cast<Stream*>(handle));
  if (found != streams.end()) return found->second;
  violation("%p is no stream (destroyed, or never made)", static_cast<void*>(handle));
  return nullptr;
}

Event* eventOf(cudaEvent_t handle) {
  Event* event = reinterpret_cast<Event*>(handle);
  if (events.count(event)) return event;
  violation("%p is no event (destroyed, or never made)", static_cast<void*>(handle));
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

bool quiet(const void* address, size_t bytes) {
  Allocation* held = find(address);
  if (held == nullptr) return true;
  const size_t begin = size_t(static_cast<const char*>(address) - held->address);
  const auto done = [&](const Access& access) {
    if (access.what == nullptr) return true;
    const auto stream = all[access.stream].lock();
    return !stream || stream->done >= access.sequence;
  };
  for (const auto& [at, segment] : held->segments) {
    if (at >= begin + bytes || segment.end <= begin) continue;
    if (!done(segment.write) || !std::all_of(segment.reads.begin(), segment.reads.end(), done)) return false;
  }
  return true;
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

// --- devices

cudaError_t cudaGetDeviceCount(int* count) {
  DOUBLED(cudaGetDeviceCount);
  *count = deviceCount();
  return result(*count == 0 ? cudaErrorNoDevice : cudaSuccess);
}
cudaError_t cudaSetDevice(int device) {
  DOUBLED(cudaSetDevice);
  if (device < 0 || device >= deviceCount()) return result(deviceCount() == 0 ? cudaErrorNoDevice : cudaErrorInvalidDevice);
  current = device;
  return cudaSuccess;
}
cudaError_t cudaGetDevice(int* device) {
  DOUBLED(cudaGetDevice);
  *device = current;
  return cudaSuccess;
}
cudaError_t cudaDeviceSynchronize(void) {
  DOUBLED(cudaDeviceSynchronize);
  Guard guard(lock);
  if (const cudaError_t error = forbidCapture("cudaDeviceSynchronize")) return result(error);
  return result(waitDevice(guard, current));
}

// --- streams

cudaError_t cudaStreamCreateWithPriority(cudaStream_t* handle, unsigned int flags, int priority) {
  DOUBLED(cudaStreamCreateWithPriority);
  if (handle == nullptr || (flags & ~unsigned(cudaStreamNonBlocking))) return result(cudaErrorInvalidValue);
  Guard guard(lock);
  auto stream = makeStream(current, flags, std::max(-5, std::min(0, priority)), call.caller);
  streams[stream.get()] = stream;
  born("stream", stream.get(), call.caller);
  *handle = reinterpret_cast<cudaStream_t>(stream.get());
  log("\"stream\":%zu,\"device\":%d,\"flags\":%u,\"of\":\"%s\"", stream->index, current, flags, call.caller);
  return cudaSuccess;
}
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* handle, unsigned int flags) {
  DOUBLED(cudaStreamCreateWithFlags);
  if (handle == nullptr || (flags & ~unsigned(cudaStreamNonBlocking))) return result(cudaErrorInvalidValue);
  Guard guard(lock);
  auto stream = makeStream(current, flags, 0, call.caller);
  streams[stream.get()] = stream;
  born("stream", stream.get(), call.caller);
  *handle = reinterpret_cast<cudaStream_t>(stream.get());
  log("\"stream\":%zu,\"device\":%d,\"flags\":%u,\"of\":\"%s\"", stream->index, current, flags, call.caller);
  return cudaSuccess;
}
cudaError_t cudaStreamCreate(cudaStream_t* handle) {
  DOUBLED(cudaStreamCreate);
  if (handle == nullptr) return result(cudaErrorInvalidValue);
  Guard guard(lock);
  auto stream = makeStream(current, cudaStreamDefault, 0, call.caller);
  streams[stream.get()] = stream;
  born("stream", stream.get(), call.caller);
  *handle = reinterpret_cast<cudaStream_t>(stream.get());
  log("\"stream\":%zu,\"device\":%d,\"flags\":0,\"of\":\"%s\"", stream->index, current, call.caller);
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

// --- capture

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

// --- events

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* handle, unsigned int flags) {
  DOUBLED(cudaEventCreateWithFlags);
  if (handle == nullptr || flags > 7) return result(cudaErrorInvalidValue);
  Guard guard(lock);
  auto* event = new Event;
  event->device = current;
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
  event->device = current;
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
}
