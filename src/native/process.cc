// The process itself, for workers: death together with the launcher, and the cores it may run on.
#include <napi.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#ifdef __linux__
#include <dirent.h>
#include <sched.h>
#include <sys/prctl.h>
#endif

#include "modules.h"
#include "objects.h"

namespace accelerate_ts {
namespace {

Napi::Value fail(Napi::Env env, const char* call) {
  Napi::Error error = Napi::Error::New(env, std::string(call) + ": " + std::strerror(errno));
  error.Set("code", Napi::String::New(env, "ERR_PROCESS"));
  error.ThrowAsJavaScriptException();
  return env.Undefined();
}

#ifdef __linux__

// A mask of any number of processors: cpu_set_t ends at 1024.
class Mask {
 public:
  explicit Mask(size_t processors) : bytes_(CPU_ALLOC_SIZE(processors)), bits_(bytes_ / sizeof(cpu_set_t) + 1) { CPU_ZERO_S(bytes_, bits_.data()); }
  void add(size_t processor) { CPU_SET_S(processor, bytes_, bits_.data()); }
  int apply(pid_t thread) const { return sched_setaffinity(thread, bytes_, bits_.data()); }

 private:
  size_t bytes_;
  std::vector<cpu_set_t> bits_;
};

#endif

// setParentDeathSignal(signal): the signal that this process gets when the thread that started it ends; false where the system has no such thing
Napi::Value setParentDeathSignal(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
#ifdef __linux__
  if (prctl(PR_SET_PDEATHSIG, info[0].As<Napi::Number>().Uint32Value()) != 0) return fail(env, "prctl(PR_SET_PDEATHSIG)");
  return Napi::Boolean::New(env, true);
#else
  return Napi::Boolean::New(env, false);
#endif
}

// setAffinity(cores: number[]): for all threads that there are, and so for those that they start; the number of threads, 0 where there is no affinity
Napi::Value setAffinity(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  uint32_t threads = 0;
#ifdef __linux__
  const Napi::Array cores = info[0].As<Napi::Array>();
  uint32_t highest = 0;
  std::vector<uint32_t> numbers;
  for (uint32_t i = 0; i < cores.Length(); i++) {
    Napi::Number core;
    if (!read(cores, i, core)) return env.Undefined();
    numbers.push_back(core.Uint32Value());
    if (numbers.back() > highest) highest = numbers.back();
  }
  Mask mask(highest + 1);
  for (const uint32_t core : numbers) mask.add(core);
  DIR* folder = opendir("/proc/self/task");
  if (folder == nullptr) return fail(env, "/proc/self/task");
  int refused = 0;
  while (const dirent* entry = readdir(folder)) {
    const pid_t thread = static_cast<pid_t>(std::atoi(entry->d_name));
    if (thread <= 0) continue;
    // ESRCH: the thread has ended meanwhile.
    if (mask.apply(thread) == 0) threads++;
    else if (errno != ESRCH) refused = errno;
  }
  closedir(folder);
  if (refused != 0) {
    errno = refused;
    return fail(env, "sched_setaffinity");
  }
#endif
  return Napi::Number::New(env, threads);
}

void init(Napi::Env env, Napi::Object exports) {
  exports.Set("setParentDeathSignal", Napi::Function::New(env, setParentDeathSignal));
  exports.Set("setAffinity", Napi::Function::New(env, setAffinity));
}
const Module module(init);

}  // namespace
}  // namespace accelerate_ts
