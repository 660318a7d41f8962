// Copies and memsets: what crosses, whether all of it is there, and that the host leaves pinned memory alone meanwhile.
#include <cstring>

#include "double.h"

using namespace doubled;

namespace {

uint64_t hash(const char* bytes, size_t count) {
  uint64_t value = 1469598103934665603ull;
  size_t i = 0;
  for (; i + 8 <= count; i += 8) {
    uint64_t word;
    memcpy(&word, bytes + i, 8);
    value = (value ^ word) * 1099511628211ull;
  }
  for (; i < count; i++) value = (value ^ uint64_t(static_cast<unsigned char>(bytes[i]))) * 1099511628211ull;
  return value;
}

/** One side of a copy: where it lies, and whether all of it is there. */
struct Side {
  bool device = false;
  bool pinned = false;
  bool whole = true;
  int on = 0;
};
Side sideOf(const void* address, size_t bytes) {
  Side side;
  side.device = inDeviceRange(address);
  const Allocation* held = find(address);
  if (held != nullptr) {
    side.on = held->device;
    side.pinned = !side.device;
    side.whole = static_cast<const char*>(address) + bytes <= held->address + held->bytes;
  } else {
    side.whole = !side.device;
  }
  return side;
}

struct Rows {
  size_t toPitch, fromPitch, width, height;
};

cudaError_t copy(const Call& call, void* to, const void* from, Rows rows, cudaMemcpyKind kind, cudaStream_t handle, bool synchronous) {
  const size_t bytes = rows.width * rows.height;
  if (bytes == 0) return cudaSuccess;
  const size_t toSpan = rows.toPitch * (rows.height - 1) + rows.width, fromSpan = rows.fromPitch * (rows.height - 1) + rows.width;
  Guard guard(lock);
  if (synchronous)
    if (const cudaError_t error = forbidCapture(call.function)) return result(error);
  const auto stream = streamOf(handle);
  if (!stream) return result(cudaErrorInvalidResourceHandle);
  const Side target = sideOf(to, toSpan), source = sideOf(from, fromSpan);
  for (const auto& [side, address, role] : {std::tuple<const Side&, const void*, const char*>(target, to, "into"), std::tuple<const Side&, const void*, const char*>(source, from, "out of")}) {
    if (side.whole) continue;
    violation("%s of %zu bytes %s %s goes beyond it", call.function, bytes, role, describe(address).c_str());
    return result(cudaErrorInvalidValue);
  }
  const cudaMemcpyKind is = target.device ? (source.device ? cudaMemcpyDeviceToDevice : cudaMemcpyHostToDevice) : source.device ? cudaMemcpyDeviceToHost : cudaMemcpyHostToHost;
  if (kind != cudaMemcpyDefault && kind != is) {
    violation("%s says it copies as kind %d, but it is %d: from %s into %s", call.function, int(kind), int(is), describe(from).c_str(), describe(to).c_str());
    return result(cudaErrorInvalidValue);
  }
  const char* what = interned(std::string(is == cudaMemcpyHostToDevice ? "the copy up" : is == cudaMemcpyDeviceToHost ? "the copy down" : "the copy") + " by " + call.caller);
  log("\"copy\":\"%s\",\"bytes\":%zu,\"stream\":%zu,\"pinned\":%s,\"from\":\"%s\"", is == cudaMemcpyHostToDevice ? "up" : is == cudaMemcpyDeviceToHost ? "down" : is == cudaMemcpyDeviceToDevice ? "device" : "host",
      bytes, stream->index, (target.device || target.pinned) && (source.device || source.pinned) ? "true" : "false", call.caller);
  if (is == cudaMemcpyHostToDevice) totals.hostToDevice++, totals.bytesUp += bytes;
  else if (is == cudaMemcpyDeviceToHost) totals.deviceToHost++, totals.bytesDown += bytes;
  else if (is == cudaMemcpyDeviceToDevice) totals.deviceToDevice++;

  Operation operation;
  operation.what = what;
  if (is != cudaMemcpyHostToHost) operation.duration = is == cudaMemcpyDeviceToDevice ? settings().times.launch : settings().times.ofCopy(bytes);
  char *into = real(to), *outOf = real(from);
  const auto move = [rows](char* a, const char* b, size_t bPitch) {
    for (size_t row = 0; row < rows.height; row++) memmove(a + row * rows.toPitch, b + row * bPitch, rows.width);
  };
  const bool pageableSource = !source.device && !source.pinned, pageableTarget = !target.device && !target.pinned;
  if (pageableSource) {
    // The driver has staged the bytes when the call returns.
    auto staged = std::make_shared<std::string>(bytes, '\0');
    for (size_t row = 0; row < rows.height; row++) memcpy(staged->data() + row * rows.width, outOf + row * rows.fromPitch, rows.width);
    operation.run = [into, staged, move, rows] { move(into, staged->data(), rows.width); };
  } else if (!source.device && rows.height == 1) {
    const uint64_t before = hash(outOf, bytes);
    operation.run = [into, outOf, move, rows, before, bytes, what] {
      if (hash(outOf, bytes) != before) violation("the host has changed pinned memory that %s had yet to read (%zu bytes)", what, bytes);
      move(into, outOf, rows.fromPitch);
    };
  } else {
    operation.run = [into, outOf, move, rows] { move(into, outOf, rows.fromPitch); };
  }
  // Who reads before the copy is done reads rubbish.
  if (target.pinned && source.device && rows.height == 1 && !stream->capture && quiet(to, bytes)) memset(to, 0xA5, bytes);
  const std::vector<Touch> touches = {{from, fromSpan, false}, {to, toSpan, true}};
  const uint64_t sequence = enqueue(stream, std::move(operation), touches);
  const bool wait = pageableTarget || (synchronous && is != cudaMemcpyDeviceToDevice);
  if (wait && stream->capture) return result(forbidCapture(call.function));
  if (wait) waitFor(guard, stream, sequence);
  return result(wait ? stickyError() : cudaSuccess);
}

cudaError_t fill(const Call& call, void* to, int value, size_t bytes, cudaStream_t handle) {
  if (bytes == 0) return cudaSuccess;
  Guard guard(lock);
  const auto stream = streamOf(handle);
  if (!stream) return result(cudaErrorInvalidResourceHandle);
  const Side target = sideOf(to, bytes);
  if (!target.whole || !(target.device || target.pinned)) {
    violation("%s of %zu bytes goes beyond %s", call.function, bytes, describe(to).c_str());
    return result(cudaErrorInvalidValue);
  }
  totals.memsets++;
  log("\"memset\":%zu,\"stream\":%zu,\"from\":\"%s\"", bytes, stream->index, call.caller);
  Operation operation;
  operation.what = interned(std::string("the memset by ") + call.caller);
  operation.duration = settings().times.launch;
  char* at = real(to);
  operation.run = [at, value, bytes] { memset(at, value, bytes); };
  enqueue(stream, std::move(operation), {{to, bytes, true}});
  return cudaSuccess;
}

}  // namespace

extern "C" {

cudaError_t cudaMemcpy(void* to, const void* from, size_t bytes, cudaMemcpyKind kind) {
  DOUBLED(cudaMemcpy);
  return copy(call, to, from, {bytes, bytes, bytes, 1}, kind, nullptr, true);
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind, cudaStream_t stream) {
  DOUBLED(cudaMemcpyAsync);
  return copy(call, to, from, {bytes, bytes, bytes, 1}, kind, stream, false);
}
cudaError_t cudaMemcpyPeerAsync(void* to, int, const void* from, int, size_t bytes, cudaStream_t stream) {
  DOUBLED(cudaMemcpyPeerAsync);
  return copy(call, to, from, {bytes, bytes, bytes, 1}, cudaMemcpyDeviceToDevice, stream, false);
}
cudaError_t cudaMemcpy2DAsync(void* to, size_t toPitch, const void* from, size_t fromPitch, size_t width, size_t height, cudaMemcpyKind kind, cudaStream_t stream) {
  DOUBLED(cudaMemcpy2DAsync);
  return copy(call, to, from, {toPitch, fromPitch, width, height}, kind, stream, false);
}
cudaError_t cudaMemset(void* to, int value, size_t bytes) {
  DOUBLED(cudaMemset);
  return fill(call, to, value, bytes, nullptr);
}
cudaError_t cudaMemsetAsync(void* to, int value, size_t bytes, cudaStream_t stream) {
  DOUBLED(cudaMemsetAsync);
  return fill(call, to, value, bytes, stream);
}
cudaError_t cudaMemcpyFromSymbol(void* to, const void*, size_t bytes, size_t, cudaMemcpyKind) {
  DOUBLED(cudaMemcpyFromSymbol);
  memset(to, 0, bytes);
  return cudaSuccess;
}
}
