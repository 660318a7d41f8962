// A CUDA machine without a GPU, for tests: what the doubled libraries (runtime, BLAS, cuDNN, NCCL) share.
// Kernels compute nothing. All around them is done as a GPU's driver does it, but stricter: memory that faults when the host touches it, streams that work late,
// a check that whatever touches the same bytes is ordered by streams, events or waits of the host, failures on demand, a log.
#pragma once

#include <cuda_runtime_api.h>

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <iosfwd>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#pragma GCC visibility push(default)
namespace doubled {

/** Guards all state below; held for moments, never while data moves or anything waits. */
extern std::mutex& lock;
extern std::condition_variable& progress;
using Guard = std::unique_lock<std::mutex>;

// --- script, log (script.cc)

/** Modelled time (times.cc), in microseconds; rates in GB/s, 0: without end. */
struct Times {
  bool on = false;
  double launch = 0, copyRate = 0, copyEach = 0, networkRate = 0, networkEach = 0;
  std::vector<std::pair<std::string, double>> kernels;
  /** A line of the script, after "time"; false: none that is known. */
  bool read(std::istringstream& words);
  double ofKernel(const std::string& name) const;
  double ofCopy(size_t bytes) const;
  /** Without what each collective costs besides. */
  double ofNetwork(double bytes) const;
};
struct Settings {
  int devices = 8;
  size_t memory = size_t{2} << 30;
  /** Microseconds; one operation of `delayEvery` waits up to so long. */
  unsigned delay = 300;
  unsigned delayEvery = 8;
  unsigned seed = 1;
  /** Fresh device memory is filled with this byte; -1: zeros. */
  int poison = -1;
  bool abortOnViolation = false;
  int computeMajor = 8;
  int computeMinor = 0;
  int driver = CUDART_VERSION;
  bool remoteErrors = false;
  Times times;
};
Settings settings();

/** Who called: "addon", "provider", "nccl", "other". */
const char* callerOf(const void* returnAddress);

/** One line of JSON; `fields` is the inside of an object. */
void log(const char* format, ...) __attribute__((format(printf, 1, 2)));
std::string quoted(const std::string& text);
/** Something a GPU would have punished, now or one day. */
void violation(const char* format, ...) __attribute__((format(printf, 1, 2)));

/** What the script wants of a call; counted per rule. `hang` never returns. */
int scripted(const char* function, const char* caller, bool* later = nullptr);
void hangForEver();

/** An error that stays for the process's life, as after an illegal address. */
cudaError_t stickyError();
void setStickyError(cudaError_t error);

/** One call of an exported function: counts it, applies the script. */
struct Call {
  Call(const char* function, const void* returnAddress);
  const char* function;
  const char* caller;
  cudaError_t error = cudaSuccess;
};
cudaError_t result(cudaError_t error);
#define DOUBLED(name)                                           \
  const ::doubled::Call call(#name, __builtin_return_address(0)); \
  if (call.error != cudaSuccess) return ::doubled::result(call.error)

// --- clocks: which operations of which streams are known to be done before

struct Clock {
  std::vector<uint64_t> at;
  uint64_t of(size_t stream) const { return stream < at.size() ? at[stream] : 0; }
  void advance(size_t stream, uint64_t sequence);
  void join(const Clock& other);
};
/** What the host has waited for. One for all of its threads: they order each other by means that are not seen here. */
extern Clock& host;

// --- memory (memory.cc)

struct Access {
  size_t stream = 0;
  uint64_t sequence = 0;
  const char* what = nullptr;
};
struct Segment {
  size_t end = 0;
  Access write;
  std::vector<Access> reads;
};
enum class Kind { device, pinned, registered };
struct Allocation {
  uint64_t id = 0;
  Kind kind = Kind::device;
  int device = 0;
  char* address = nullptr;
  size_t bytes = 0;
  const char* owner = "";
  std::map<size_t, Segment> segments;
};
/** nullptr where a limit is reached. */
Allocation* allocate(Kind kind, int device, size_t bytes, const char* owner, void* registered = nullptr);
bool release(void* address, Kind kind);
/** The allocation that holds the byte, live ones only. */
Allocation* find(const void* address);
/** In some device's range, whether allocated or not. */
bool inDeviceRange(const void* address);
/** Where the bytes of device memory really lie; other addresses as they are. */
char* real(const void* address);
size_t used(int device);
/** "freed", "never allocated", ... for messages. */
std::string describe(const void* address);
/** Gives the bytes of a released allocation back to the system. */
void forget(void* address, size_t bytes);

// --- streams, events (streams.cc)

struct Stream;
struct Dependency {
  std::shared_ptr<Stream> stream;
  uint64_t sequence;
  /** What was done by then; all that the stream was given, where there is none. */
  std::shared_ptr<const Clock> clock = nullptr;
};
struct Touch {
  const void* address;
  size_t bytes;
  bool write;
};
struct Operation {
  const char* what = "";
  std::vector<Dependency> after;
  std::function<void()> run;
  uint64_t sequence = 0;
  bool noDelay = false;
  /** Modelled time: of the work, and when the host has queued it. */
  double duration = 0;
  double queuedAt = 0;
};
struct Capture;
struct Stream {
  size_t index = 0;
  int device = 0;
  unsigned flags = 0;
  int priority = 0;
  const char* owner = "";
  bool legacy = false;
  std::deque<Operation> queue;
  uint64_t queued = 0;
  uint64_t done = 0;
  Clock clock;
  /** Modelled ends of what it has done, by sequence. */
  std::vector<double> ends;
  bool running = false;
  uint64_t random = 0;
  std::shared_ptr<Capture> capture;
};
struct Capture {
  std::shared_ptr<Stream> origin;
  std::vector<Operation> operations;
  std::vector<Touch> touches;
  uint64_t launches = 0;
  bool broken = false;
};
struct Event {
  int device = 0;
  unsigned flags = 0;
  const char* owner = "";
  std::shared_ptr<Stream> stream;
  std::shared_ptr<Capture> capture;
  uint64_t sequence = 0;
  Clock clock;
  double time = 0;
};

/** On a stream's thread, in a function of cudaLaunchHostFunc: no function of CUDA may be called there. */
extern thread_local bool insideHostFunction;
int currentDevice();
int deviceCount();
/** Index of the machine's GPU behind an index that CUDA_VISIBLE_DEVICES has left. */
int physicalDevice(int device);
std::shared_ptr<Stream> makeStream(int device, unsigned flags, int priority, const char* owner);
/** nullptr where the handle is none (the violation is reported). The default streams are made when they are asked for. Needs the lock. */
std::shared_ptr<Stream> streamOf(cudaStream_t handle);
Event* eventOf(cudaEvent_t handle);
/** Queues work, checks what it touches against what is not ordered before it; returns its place. Needs the lock. */
uint64_t enqueue(const std::shared_ptr<Stream>& stream, Operation operation, const std::vector<Touch>& touches = {});
/** Waits on the host; the lock is released meanwhile. False where the device has failed. */
bool waitFor(Guard& guard, const std::shared_ptr<Stream>& stream, uint64_t sequence);
cudaError_t waitDevice(Guard& guard, int device);
/** No queued operation still touches the bytes. */
bool quiet(const void* address, size_t bytes);
/** A text that stays. */
const char* interned(const std::string& text);
/** A call that may not be made while the thread's streams are captured: the capture is broken. */
cudaError_t forbidCapture(const char* function);

// --- modelled time (times.cc)

/** The entry that a stream's thread is at; a collective's run() moves it. */
struct Span {
  bool on = false;
  double ready = 0, begin = 0, end = 0;
};
Span& span();
double microseconds();
/** With the lock. */
void beginSpan(const Stream& stream, const Operation& operation);
/** Waits for the modelled end. Without the lock. */
void endSpan(const Stream& stream, const Operation& operation);

struct Totals {
  uint64_t launches = 0, hostToDevice = 0, deviceToHost = 0, deviceToDevice = 0, bytesUp = 0, bytesDown = 0, allocations = 0, pinnedAllocations = 0, memsets = 0, graphLaunches = 0, violations = 0;
};
extern Totals& totals;

/** A kernel, or a library's call that would launch some. */
cudaError_t launch(const Call& call, const std::string& name, cudaStream_t stream, const std::vector<Touch>& touches, const std::string& more = "");

/** Handles that a library gives out: for the report of what was not given back. */
void born(const char* kind, const void* handle, const char* owner);
/** False: no such handle. */
bool died(const char* kind, const void* handle);
bool alive(const char* kind, const void* handle);

}  // namespace doubled
#pragma GCC visibility pop
