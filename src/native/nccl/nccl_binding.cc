// Communicators for JS: their making, and collectives as jobs of two threads, one that calls and one that waits for the device.
#include "../modules.h"

#if defined(__linux__)
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "../job.h"
#include "../objects.h"
#include "communicator.h"
#include "device_place.h"
#include "nccl_jobs.h"

namespace accelerate_ts::nccl {
namespace {

using std::chrono::milliseconds;

const Api* api = nullptr;

struct Membership {
  Handle communicator;
  std::unique_ptr<CommLane> calls, watch;
};
using Held = Napi::External<Membership>;

Membership& membershipOf(const Napi::Value& value) { return *value.As<Held>().Data(); }
Handle& communicatorOf(const Napi::Value& value) { return membershipOf(value).communicator; }

Napi::Value refuse(Napi::Env env, const std::string& code, const std::string& message) {
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", Napi::String::New(env, code));
  error.ThrowAsJavaScriptException();
  return env.Undefined();
}

// By the numbers of ONNX; of bool the larger one is "any".
bool dtypeOf(int onnx, ncclDataType_t& into) {
  static constexpr struct {
    int onnx;
    ncclDataType_t own;
  } kTypes[] = {{1, ncclFloat32}, {2, ncclUint8}, {3, ncclInt8}, {6, ncclInt32}, {7, ncclInt64}, {9, ncclUint8}, {10, ncclFloat16}, {11, ncclFloat64}, {16, ncclBfloat16}};
  for (const auto& type : kTypes) {
    if (type.onnx != onnx) continue;
    into = type.own;
    return true;
  }
  return false;
}

// A group that was closed meanwhile has no threads.
Napi::Value submitTo(Napi::Env env, const std::unique_ptr<CommLane>& lane, std::unique_ptr<Job> job) {
  return lane ? lane->submit(env, std::move(job)) : refuse(env, "ERR_GROUP_CLOSED", "the group is closed");
}

milliseconds millisecondsOf(const Napi::Value& value) { return milliseconds(static_cast<int64_t>(value.As<Napi::Number>().DoubleValue())); }

std::vector<std::string> textsOf(const Napi::Value& value) {
  const auto array = value.As<Napi::Array>();
  std::vector<std::string> texts;
  Napi::String text;
  for (uint32_t i = 0; i < array.Length() && read(array, i, text); i++) texts.push_back(text);
  return texts;
}

// open(nccl: names, cuda: names): { version, library, cudaVersion, cudaLibrary }
Napi::Value open(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  std::string error;
  api = openApi(textsOf(info[0]), textsOf(info[1]), error);
  if (api == nullptr) return refuse(env, "ERR_NCCL_MISSING", error);
  Napi::Object result = Napi::Object::New(env);
  result.Set("version", versionText(api->ncclVersion));
  result.Set("library", api->ncclLibrary);
  result.Set("cudaVersion", static_cast<double>(api->cudaVersion));
  result.Set("cudaLibrary", api->cudaLibrary);
  return result;
}

// uniqueId(): Uint8Array
Napi::Value uniqueId(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  ncclUniqueId id = {};
  const ncclResult_t made = api->ncclGetUniqueId(&id);
  if (made != ncclSuccess) return refuse(env, "ERR_NCCL", std::string("ncclGetUniqueId: ") + api->ncclGetErrorString(made));
  Napi::Uint8Array bytes = Napi::Uint8Array::New(env, sizeof id.internal);
  std::memcpy(bytes.Data(), id.internal, sizeof id.internal);
  return bytes;
}

// busId(device): string
Napi::Value busId(const Napi::CallbackInfo& info) {
  char text[32] = {};
  const cudaError_t asked = api->cudaDeviceGetPCIBusId(text, sizeof text, info[0].As<Napi::Number>().Int32Value());
  if (asked == cudaSuccess) return Napi::String::New(info.Env(), text);
  api->cudaGetLastError();
  return refuse(info.Env(), "ERR_NCCL", std::string("cudaDeviceGetPCIBusId: ") + api->cudaGetErrorString(asked) + " (CUDA error " + std::to_string(asked) + ")");
}

// create(device, rank, size): communicator
Napi::Value create(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto number = [&](size_t i) { return info[i].As<Napi::Number>().Int32Value(); };
  auto* membership = new Membership{std::make_shared<Communicator>(*api, number(0), number(1), number(2)), std::make_unique<CommLane>(env), std::make_unique<CommLane>(env)};
  return Held::New(env, membership, [](Napi::Env, Membership* held) { delete held; });
}

// connect(communicator, id, timeoutMs): Promise<void>
Napi::Value connect(const Napi::CallbackInfo& info) {
  auto job = std::make_unique<ConnectJob>(communicatorOf(info[0]));
  const auto id = info[1].As<Napi::Uint8Array>();
  if (id.ByteLength() != sizeof job->id.internal) return refuse(info.Env(), "ERR_ARGUMENT", "a unique id has 128 bytes");
  std::memcpy(job->id.internal, id.Data(), sizeof job->id.internal);
  job->timeout = millisecondsOf(info[2]);
  return submitTo(info.Env(), membershipOf(info[0]).calls, std::move(job));
}

// reduce: 0 sum, 1 mean, 2 max, 3 sum of products with factor
bool reductionOf(int reduce, double factor, Operation& into) {
  static constexpr ncclRedOp_t kReductions[] = {ncclSum, ncclAvg, ncclMax, ncclSum};
  if (reduce < 0 || reduce > 3) return false;
  into.reduce = kReductions[reduce];
  into.premultiplied = reduce == 3;
  into.factor = factor;
  return true;
}

// collective(communicator, kind, dtype, reduce, factor, peer, count, timeoutMs, input, output): Promise<void>; numbers of the host
Napi::Value collective(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  auto job = std::make_unique<CollectiveJob>(communicatorOf(info[0]));
  const auto number = [&](size_t i) { return info[i].As<Napi::Number>(); };
  Operation& op = job->operation;
  const int kind = number(1).Int32Value();
  op.kind = static_cast<Kind>(kind);
  op.peer = number(5).Int32Value();
  op.count = static_cast<size_t>(number(6).Int64Value());
  job->timeout = millisecondsOf(info[7]);
  const size_t size = static_cast<size_t>(job->operation.peer >= 0 ? communicatorOf(info[0])->size() : 0);
  bool good = kind >= 0 && kind <= static_cast<int>(Kind::receive) && size > 0 && static_cast<size_t>(op.peer) < size && dtypeOf(number(2).Int32Value(), op.dtype) &&
              reductionOf(number(3).Int32Value(), number(4).DoubleValue(), op);
  if (good) {
    const size_t in = op.count * bytesOf(op.dtype), out = op.kind == Kind::reduceScatter ? in / size : op.kind == Kind::allGather ? in * size : in;
    const auto memory = [&](const Napi::Value& value, size_t bytes, void*& data) {
      if (!value.IsTypedArray()) return bytes == 0;
      size_t length;
      napi_typedarray_type type;
      if (napi_get_typedarray_info(env, value, &type, &length, &data, nullptr, nullptr) != napi_ok) return false;
      job->keep(value.As<Napi::Object>());
      return value.As<Napi::TypedArray>().ByteLength() >= bytes;
    };
    void* input = nullptr;
    good = (op.kind == Kind::receive || memory(info[8], in, input)) && (op.kind == Kind::send || memory(info[9], out, op.output));
    op.input = input;
  }
  if (!good) return refuse(env, "ERR_ARGUMENT", "a collective whose arrays do not fit its call");
  return submitTo(env, membershipOf(info[0]).calls, std::move(job));
}

// enqueue(communicator, context, operations: [kind, dtype, reduce, factor, peer, count, input, output][], joins, after: number of a moment or undefined): Promise<ticket>; numbers of the device
Napi::Value enqueue(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  auto job = std::make_unique<EnqueueJob>(communicatorOf(info[0]));
  const size_t size = static_cast<size_t>(communicatorOf(info[0])->size());
  const auto list = info[2].As<Napi::Array>();
  bool good = streamOf(info[1], job->order.compute, job->device);
  for (uint32_t i = 0; good && i < list.Length(); i++) {
    Napi::Array row;
    if (!read(list, i, row)) return env.Undefined();
    const auto number = [&](uint32_t at) {
      Napi::Number value;
      return read(row, at, value) && value.IsNumber() ? value.DoubleValue() : -1;
    };
    Operation op;
    op.kind = static_cast<Kind>(static_cast<int>(number(0)));
    op.peer = static_cast<int>(number(4));
    op.count = static_cast<size_t>(number(5));
    good = number(0) >= 0 && number(0) <= static_cast<int>(Kind::zeros) && number(5) >= 0 && op.peer >= 0 && static_cast<size_t>(op.peer) < size && dtypeOf(static_cast<int>(number(1)), op.dtype) &&
           reductionOf(static_cast<int>(number(2)), number(3), op);
    const size_t in = op.count * bytesOf(op.dtype), out = op.kind == Kind::reduceScatter ? in / size : op.kind == Kind::allGather ? in * size : in;
    const auto memory = [&](uint32_t at, size_t bytes, void*& data) {
      Napi::Value value;
      size_t length = 0;
      return read(row, at, value) && placeOf(value, data, length, job->arrays) && length >= bytes;
    };
    void* input = nullptr;
    good = good && (op.kind == Kind::receive || op.kind == Kind::zeros || memory(6, in, input)) && (op.kind == Kind::send || memory(7, out, op.output));
    op.input = input;
    job->operations.push_back(op);
  }
  if (!good) return refuse(env, "ERR_ARGUMENT", "a collective whose arrays do not fit its call");
  job->order.joins = info[3].As<Napi::Boolean>();
  if (info[4].IsNumber()) job->order.after = static_cast<size_t>(info[4].As<Napi::Number>().Int64Value());
  return submitTo(env, membershipOf(info[0]).calls, std::move(job));
}

// join(communicator, context): Promise<void>; what the device is given later comes behind all operations so far
Napi::Value join(const Napi::CallbackInfo& info) {
  auto job = std::make_unique<JoinJob>(communicatorOf(info[0]));
  if (!streamOf(info[1], job->compute, job->device)) return refuse(info.Env(), "ERR_ARGUMENT", "a device without streams");
  return submitTo(info.Env(), membershipOf(info[0]).calls, std::move(job));
}

// moments(communicator): handle; for openTaps, and by number for enqueue
Napi::Value moments(const Napi::CallbackInfo& info) { return handleOf(info.Env(), communicatorOf(info[0])->moments()); }

// await(communicator, ticket, timeoutMs): Promise<void>
Napi::Value awaitTicket(const Napi::CallbackInfo& info) {
  auto job = std::make_unique<AwaitJob>(communicatorOf(info[0]));
  job->ticket = static_cast<uint64_t>(info[1].As<Napi::Number>().Int64Value());
  job->timeout = millisecondsOf(info[2]);
  return submitTo(info.Env(), membershipOf(info[0]).watch, std::move(job));
}

// stop(communicator, code, message): ends all waits at once
void stop(const Napi::CallbackInfo& info) { communicatorOf(info[0])->stop({info[1].As<Napi::String>(), info[2].As<Napi::String>()}); }

// abort(communicator): Promise<void>; after stop
Napi::Value abortAll(const Napi::CallbackInfo& info) { return submitTo(info.Env(), membershipOf(info[0]).watch, std::make_unique<AbortJob>(communicatorOf(info[0]))); }

// close(communicator, timeoutMs): Promise<void>; when nothing waits any more
Napi::Value close(const Napi::CallbackInfo& info) {
  auto job = std::make_unique<CloseJob>(communicatorOf(info[0]));
  job->timeout = millisecondsOf(info[1]);
  return submitTo(info.Env(), membershipOf(info[0]).calls, std::move(job));
}

// release(communicator), closed: ends its threads
void release(const Napi::CallbackInfo& info) {
  Membership& membership = membershipOf(info[0]);
  membership.calls.reset();
  membership.watch.reset();
}

// stage(communicator): number of enum Stage
Napi::Value stage(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), static_cast<int>(communicatorOf(info[0])->stage())); }

// failure(communicator): { code, message } | undefined
Napi::Value failure(const Napi::CallbackInfo& info) {
  const Failure failure = communicatorOf(info[0])->failure();
  if (failure.code.empty()) return info.Env().Undefined();
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("code", failure.code);
  result.Set("message", failure.message);
  return result;
}

void init(Napi::Env env, Napi::Object exports) {
  Napi::Object nccl = Napi::Object::New(env);
  const std::pair<const char*, Napi::Value (*)(const Napi::CallbackInfo&)> functions[] = {
      {"open", open}, {"uniqueId", uniqueId}, {"busId", busId}, {"create", create}, {"connect", connect}, {"collective", collective}, {"enqueue", enqueue}, {"join", join},
      {"moments", moments}, {"await", awaitTicket}, {"abort", abortAll}, {"close", close}, {"stage", stage}, {"failure", failure}};
  for (const auto& [name, function] : functions) nccl.Set(name, Napi::Function::New(env, function, name));
  const std::pair<const char*, void (*)(const Napi::CallbackInfo&)> procedures[] = {{"stop", stop}, {"release", release}};
  for (const auto& [name, procedure] : procedures) nccl.Set(name, Napi::Function::New(env, procedure, name));
  exports.Set("nccl", nccl);
}
const Module module(init);

}  // namespace
}  // namespace accelerate_ts::nccl
#endif
