// Opening of the library that multiplies matrices, once per process, and products that are parted between threads.
#include "gemm_engine.h"

#include <dlfcn.h>
#include <napi.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <string>
#include <vector>

#include "modules.h"

namespace accelerate_ts {
namespace {

std::mutex opening;
std::atomic<const GemmEngine*> opened{nullptr};

// Never closed: kernels call it as long as the process lives.
const GemmEngine* openEngine(const std::string& path, std::string& error) {
  std::lock_guard<std::mutex> lock(opening);
  if (opened.load() != nullptr) return opened.load();
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* reason = dlerror();
    error = reason == nullptr ? path + " cannot be opened" : reason;
    return nullptr;
  }
  const auto entry = reinterpret_cast<GemmEngineEntry>(dlsym(handle, kGemmEngineEntry));
  const GemmEngine* engine = entry == nullptr ? nullptr : entry();
  if (engine == nullptr || engine->version != kGemmEngineVersion) {
    error = path + " was built for another release of this package";
    return nullptr;
  }
  opened.store(engine);
  return engine;
}

// openGemmEngine(path): { name, processor, bfloat16 }; the first one that opens stays. Throws what the system says of a library that does not.
Napi::Value openGemmEngine(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  std::string error;
  const GemmEngine* engine = openEngine(info[0].As<Napi::String>(), error);
  if (engine == nullptr) {
    Napi::Error::New(env, error).ThrowAsJavaScriptException();
    return env.Undefined();
  }
  Napi::Object result = Napi::Object::New(env);
  result.Set("name", engine->name);
  result.Set("processor", engine->processor);
  result.Set("bfloat16", static_cast<double>(engine->bfloat16));
  return result;
}

// Rows or columns that are not parted: a multiple of what kernels compute at once.
constexpr int64_t kBlock = 64;

const void* at(const GemmCall& call, const void* data, int64_t offset) { return static_cast<const char*>(data) + offset * (call.type == 1 ? 4 : 2); }

GemmCall rowsOf(GemmCall call, int64_t begin, int64_t end) {
  call.m = end - begin;
  call.a = at(call, call.a, call.transpose_a ? begin : begin * call.lda);
  call.y += begin * call.ldy;
  if (call.residual != nullptr) call.residual += begin * call.ld_residual;
  return call;
}

GemmCall columnsOf(GemmCall call, int64_t begin, int64_t end) {
  call.n = end - begin;
  call.b = at(call, call.b, call.transpose_b ? begin * call.ldb : begin);
  call.y += begin;
  if (call.bias != nullptr) call.bias += begin;
  if (call.residual != nullptr) call.residual += begin;
  return call;
}

void init(Napi::Env env, Napi::Object exports) { exports.Set("openGemmEngine", Napi::Function::New(env, openGemmEngine)); }
const Module module(init);

}  // namespace

const GemmEngine* gemmEngine() noexcept { return opened.load(std::memory_order_acquire); }

// The longer side in one part per thread.
std::string multiply(const GemmEngine& engine, const GemmCall& whole, const Parallel& parallel) {
  const bool by_rows = whole.m >= whole.n;
  const int64_t length = by_rows ? whole.m : whole.n;
  const int64_t parts = std::clamp<int64_t>(length / kBlock, 1, static_cast<int64_t>(parallel.threads));
  const int64_t step = parts == 1 ? length : ((length + parts - 1) / parts + kBlock - 1) / kBlock * kBlock;
  std::vector<std::string> errors(static_cast<size_t>(parts));
  parallel.each(errors.size(), [&](size_t chunk) {
    const int64_t begin = static_cast<int64_t>(chunk) * step, end = std::min(begin + step, length);
    if (begin >= end) return;
    const GemmCall part = by_rows ? rowsOf(whole, begin, end) : columnsOf(whole, begin, end);
    char error[256] = "";
    if (engine.multiply(&part, error, sizeof(error)) != 0) errors[chunk] = error;
  });
  for (const std::string& error : errors)
    if (!error.empty()) return error;
  return {};
}

}  // namespace accelerate_ts
