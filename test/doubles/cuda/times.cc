// Modelled time: how long work would take on a GPU, so that what runs beside what can be measured on a machine without one. Off unless lines of the script
// (ACCELERATE_TS_DOUBLE_SCRIPT names it; `script` of runOnGpus) say:
//   time launch 20              microseconds of every kernel and memset
//   time kernel PART 300        microseconds of kernels with PART in their names (cublasGemm, LayerNorm, ...); the first line that fits counts
//   time copy 12 5              copies between host and device: GB/s, and microseconds each
//   time network 1.5 20         collectives, sends, receives: GB/s of each rank, and microseconds each (once for a group of calls)
// A stream's entry begins when the one before it has ended, all that it waits for has, and the host has queued it; a collective begins when it could on all ranks. Its end is seen
// by the host (events, waits) no earlier than modelled. Volumes are those of a ring of n ranks: reduce-scatter and all-gather (n-1)/n of the whole, all-reduce twice that,
// broadcast and reduce the whole. Streams do not slow each other down, random delays are off. Times depend on when the host queues, not on how late this machine's threads wake
// up: take durations that are long beside the host's work, or the host is what is measured.
// The log (ACCELERATE_TS_DOUBLE_LOG) has a line per entry of a stream, times in microseconds of the monotonic clock, alike in all processes (process.hrtime() is it):
//   {"ran":"kernel x","stream":3,"ready":1.0,"begin":1.0,"end":21.0,"late":4.0}
// ready: this rank could begin; late: how much later than modelled the work was really done. Where `late` grows to milliseconds the machine was too slow for the model.
#include <sys/prctl.h>
#include <time.h>

#include <algorithm>
#include <sstream>

#include "double.h"

namespace doubled {
namespace {
thread_local Span current;
}

double microseconds() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return double(time.tv_sec) * 1e6 + double(time.tv_nsec) * 1e-3;
}

bool Times::read(std::istringstream& words) {
  std::string what;
  if (!(words >> what)) return false;
  on = true;
  if (what == "launch") return bool(words >> launch);
  if (what == "copy") return bool(words >> copyRate >> copyEach);
  if (what == "network") return bool(words >> networkRate >> networkEach);
  std::pair<std::string, double> kernel;
  if (what != "kernel" || !(words >> kernel.first >> kernel.second)) return false;
  kernels.push_back(kernel);
  return true;
}
double Times::ofKernel(const std::string& name) const {
  for (const auto& [part, duration] : kernels)
    if (name.find(part) != std::string::npos) return duration;
  return launch;
}
double Times::ofCopy(size_t bytes) const { return copyEach + (copyRate > 0 ? double(bytes) / copyRate * 1e-3 : 0); }
double Times::ofNetwork(double bytes) const { return networkRate > 0 ? bytes / networkRate * 1e-3 : 0; }

Span& span() { return current; }

double endOf(const Stream& stream, uint64_t sequence) { return sequence == 0 || sequence > stream.ends.size() ? 0 : stream.ends[sequence - 1]; }

void beginSpan(const Stream& stream, const Operation& operation) {
  current = {true, operation.queuedAt, 0, 0};
  current.ready = std::max(current.ready, endOf(stream, operation.sequence - 1));
  for (const Dependency& before : operation.after) current.ready = std::max(current.ready, endOf(*before.stream, before.sequence));
  current.begin = current.ready;
  current.end = current.begin + operation.duration;
}

void endSpan(const Stream& stream, const Operation& operation) {
  static thread_local const bool precise = prctl(PR_SET_TIMERSLACK, 1) == 0;
  const double late = microseconds() - current.end;
  if (late < 0 && precise) {
    timespec until{};
    until.tv_sec = time_t(current.end * 1e-6);
    until.tv_nsec = long((current.end - double(until.tv_sec) * 1e6) * 1e3);
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr) != 0) {}
  }
  log("\"ran\":%s,\"stream\":%zu,\"ready\":%.1f,\"begin\":%.1f,\"end\":%.1f,\"late\":%.1f", quoted(operation.what).c_str(), stream.index, current.ready, current.begin, current.end, std::max(0.0, late));
}

}  // namespace doubled
