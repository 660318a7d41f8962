// How fast matrices are multiplied: a session of ONNX Runtime against the library of gemm_engine.h, in turns on the calling thread and the threads it may use.
#include <time.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "gemm_engine.h"
#include "kernels/compress.h"
#include "modules.h"
#include "ort.h"
#include "session.h"

namespace accelerate_ts {
namespace {

// Numbers between -0.5 and 0.5: zeros would be multiplied faster on some processors.
std::vector<float> numbers(size_t count) {
  std::vector<float> out(count);
  uint32_t state = 12345;
  for (float& x : out) {
    state = state * 1664525u + 1013904223u;
    x = static_cast<float>(state >> 8) / 16777216.0f - 0.5f;
  }
  return out;
}

std::vector<uint16_t> halves(const std::vector<float>& x, int32_t type) {
  std::vector<uint16_t> out(type == kBFloat16 ? x.size() : 0);
  narrow(Half::bfloat16, out.data(), x.data(), out.size(), Parallel{});
  return out;
}

// A session with inputs a and b and the output y, bound to the memory of a call.
class BoundSession {
 public:
  BoundSession(Bytes model, GemmCall call) {
    const OrtFunctions& api = ort()->api;
    OrtSessionOptions* options = nullptr;
    OrtSession* session = nullptr;
    OrtIoBinding* binding = nullptr;
    if (good(api.CreateSessionOptions(&options))) {
      options_.reset(options);
      good(api.DisablePerSessionThreads(options)) && good(api.AddSessionConfigEntry(options, "session.use_env_allocators", "1")) &&
          good(api.AddSessionConfigEntry(options, "session.set_denormal_as_zero", "1")) && good(api.AddSessionConfigEntry(options, "session.force_spinning_stop", "1")) &&
          good(api.CreateSessionFromArray(ort()->env, model.data, model.length, options, &session));
    }
    session_.reset(session);
    if (error.empty() && good(api.CreateIoBinding(session, &binding))) binding_.reset(binding);
    bind(api.BindInput, "a", const_cast<void*>(call.a), call.transpose_a ? call.k : call.m, call.lda);
    bind(api.BindInput, "b", const_cast<void*>(call.b), call.transpose_b ? call.n : call.k, call.ldb);
    bind(api.BindOutput, "y", call.y, call.m, call.n);
  }

  void run() { good(ort()->api.RunWithBinding(session_.get(), nullptr, binding_.get())); }
  std::string error;

 private:
  bool good(OrtStatus* status) {
    const std::string message = takeStatus(status);
    if (error.empty()) error = message;
    return message.empty();
  }

  template <typename Bind>
  void bind(Bind into, const char* name, void* data, int64_t rows, int64_t columns) {
    if (!error.empty()) return;
    const int64_t dims[] = {rows, columns};
    OrtValue* value = nullptr;
    if (!good(ort()->api.CreateTensorWithDataAsOrtValue(ort()->cpu, data, static_cast<size_t>(rows * columns) * sizeof(float), dims, 2, kFloat32, &value))) return;
    const OrtPtr<OrtValue> held(value);
    good(into(binding_.get(), name, value));
  }

  OrtPtr<OrtSessionOptions> options_;
  OrtPtr<OrtSession> session_;
  OrtPtr<OrtIoBinding> binding_;
};

// With one thread its own time, which other processes do not count in; that of a pool's threads nobody adds up.
double now() {
  if (ort()->threads > 1) return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
  timespec time = {};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

template <typename Body>
double seconds(const Body& body) {
  const double begin = now();
  body();
  return now() - begin;
}

// raceGemm(model: Uint8Array | undefined, m, n, k, transA, transB, bias, type: 1 | 16, seconds): { session?, engine? }, the best time of each, in seconds.
// The model has inputs a and b and the output y; it is raced in float32, and adds a bias of its own where one is told. Blocks the calling thread for about `seconds` in all.
Napi::Value raceGemm(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto refuse = [&](const std::string& message) {
    Napi::Error::New(env, message).ThrowAsJavaScriptException();
    return env.Undefined();
  };
  GemmCall call = {};
  call.m = info[1].As<Napi::Number>().Int64Value(), call.n = info[2].As<Napi::Number>().Int64Value(), call.k = info[3].As<Napi::Number>().Int64Value();
  call.transpose_a = info[4].As<Napi::Boolean>(), call.transpose_b = info[5].As<Napi::Boolean>();
  call.lda = call.transpose_a ? call.m : call.k, call.ldb = call.transpose_b ? call.k : call.n, call.ldy = call.ld_residual = call.n;
  call.type = info[7].As<Napi::Number>().Int32Value(), call.alpha = 1;
  const std::vector<float> bias(info[6].As<Napi::Boolean>() ? static_cast<size_t>(call.n) : 0);
  call.bias = bias.empty() ? nullptr : bias.data();
  const double budget = info[8].As<Napi::Number>().DoubleValue();
  const std::vector<float> a = numbers(static_cast<size_t>(call.m * call.k)), b = numbers(static_cast<size_t>(call.k * call.n));
  std::vector<float> y(static_cast<size_t>(call.m * call.n));
  const std::vector<uint16_t> short_a = halves(a, call.type), short_b = halves(b, call.type);
  call.a = a.data(), call.b = b.data(), call.y = y.data();

  std::unique_ptr<BoundSession> session;
  if (info[0].IsTypedArray()) session = std::make_unique<BoundSession>(bytesOf(env, info[0]), call);
  if (session && !session->error.empty()) return refuse(session->error);
  const GemmEngine* engine = gemmEngine();
  const Parallel parallel = ort()->pool->parallel();
  std::string error;
  double best[2] = {1e9, 1e9};
  // The first round only warms up.
  constexpr int least = 4, most = 100;
  const double begin = now();
  for (int round = 0; round < most; round++) {
    if (session) {
      const double time = seconds([&] { session->run(); });
      if (round > 0) best[0] = std::min(best[0], time);
      if (!session->error.empty()) return refuse(session->error);
    }
    if (engine != nullptr) {
      if (call.type != kFloat32) call.a = short_a.data(), call.b = short_b.data();
      const double time = seconds([&] { error = multiply(*engine, call, parallel); });
      if (round > 0) best[1] = std::min(best[1], time);
      if (!error.empty()) return refuse(error);
    }
    if (round + 1 >= least && now() - begin > budget) break;
  }
  Napi::Object result = Napi::Object::New(env);
  if (session) result.Set("session", best[0]);
  if (engine != nullptr) result.Set("engine", best[1]);
  return result;
}

void init(Napi::Env env, Napi::Object exports) { exports.Set("raceGemm", Napi::Function::New(env, raceGemm)); }
const Module module(init);

}  // namespace
}  // namespace accelerate_ts
