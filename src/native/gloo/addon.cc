// What the second addon exports: groups of ranks over gloo.
#include <dlfcn.h>
#include <napi.h>

#include <algorithm>
#include <cstring>
#include <exception>
#include <set>

#include "group.h"
#include "promises.h"
#include "../objects.h"

namespace accelerate_ts {
namespace {

struct AddonData {
  explicit AddonData(Napi::Env env) : promises(env) {}
  Promises promises;
};

Promises& promises(Napi::Env env) { return env.GetInstanceData<AddonData>()->promises; }

Napi::Value raise(Napi::Env env, const std::string& code, const std::string& message) {
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", Napi::String::New(env, code));
  error.ThrowAsJavaScriptException();
  return env.Undefined();
}

// A JS object that owns a group; it may be collected, or closed, at any time.
using Handle = Napi::External<std::shared_ptr<Group>>;
Group& groupOf(const Napi::CallbackInfo& info) { return **info[0].As<Handle>().Data(); }

// All items of an array, or none: in a worker that is being terminated they cannot be read.
template <typename T>
std::vector<T> items(const Napi::Array& array) {
  std::vector<T> all(array.Length());
  for (uint32_t i = 0; i < all.size(); i++) {
    if (!read(array, i, all[i])) return {};
  }
  return all;
}

std::vector<int> ints(const Napi::Array& array) {
  std::vector<int> all;
  for (const Napi::Number& number : items<Napi::Number>(array)) all.push_back(number.Int32Value());
  return all;
}

Napi::Array arrayOf(Napi::Env env, const std::vector<int>& numbers) {
  Napi::Array array = Napi::Array::New(env, numbers.size());
  for (uint32_t i = 0; i < numbers.size(); i++) array.Set(i, numbers[i]);
  return array;
}

// createGroup(rank, jobRanks: number[], address, connectTimeoutMs): { handle, addresses: Uint8Array[] }
Napi::Value createGroup(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Promises& owner = promises(env);
  std::vector<int> ranks = ints(info[1].As<Napi::Array>());
  if (ranks.empty()) return env.Undefined();
  try {
    auto group = std::make_shared<Group>(info[0].As<Napi::Number>().Int32Value(), std::move(ranks), info[2].As<Napi::String>().Utf8Value(),
                                         std::chrono::milliseconds(info[3].As<Napi::Number>().Int64Value()), owner.doer());
    owner.adopt(group);
    Napi::Array addresses = Napi::Array::New(env);
    uint32_t index = 0;
    for (const Mesh::Address& address : group->addresses()) {
      Napi::Uint8Array bytes = Napi::Uint8Array::New(env, address.size());
      std::copy(address.begin(), address.end(), bytes.Data());
      addresses.Set(index++, bytes);
    }
    Napi::Object result = Napi::Object::New(env);
    result.Set("handle", Handle::New(env, new std::shared_ptr<Group>(group), [](Napi::Env, std::shared_ptr<Group>* group) {
                 if (*group) (*group)->halt();
                 delete group;
               }));
    result.Set("addresses", addresses);
    return result;
  } catch (const std::exception& error) {
    return raise(env, "ERR_GLOO_ADDRESS", error.what());
  }
}

// connect(handle, addresses: Uint8Array[], key): Promise<void>
Napi::Value connect(const Napi::CallbackInfo& info) {
  std::vector<Mesh::Address> addresses;
  for (const Napi::Uint8Array& bytes : items<Napi::Uint8Array>(info[1].As<Napi::Array>())) addresses.emplace_back(bytes.Data(), bytes.Data() + bytes.ByteLength());
  auto [work, promise] = promises(info.Env()).begin(info.Env(), info[0].As<Napi::Object>());
  if (!work) return promise;
  groupOf(info).connect(std::move(work), std::move(addresses), info[2].As<Napi::String>());
  return promise;
}

char* bytesOf(const Napi::Value& value) {
  if (!value.IsTypedArray()) return nullptr;
  const auto array = value.As<Napi::TypedArray>();
  return static_cast<char*>(array.ArrayBuffer().Data()) + array.ByteOffset();
}

// collective(handle, number, reduce, dtype, root, divisor, count, input, output, timeoutMs, site, purpose): Promise<void>; null for the arrays: the ranks meet, their numbers are elsewhere
Napi::Value collective(const Napi::CallbackInfo& info) {
  Call call;
  call.header.collective = static_cast<Collective>(info[1].As<Napi::Number>().Uint32Value());
  call.header.reduce = static_cast<Reduce>(info[2].As<Napi::Number>().Uint32Value());
  call.header.dtype = info[3].As<Napi::Number>().Uint32Value();
  call.header.root = info[4].As<Napi::Number>().Int32Value();
  call.header.divisor = info[5].As<Napi::Number>().DoubleValue();
  call.header.count = static_cast<uint64_t>(info[6].As<Napi::Number>().Int64Value());
  call.type = info[7].IsNull() ? nullptr : arithmeticOf(call.header.dtype);
  call.input = bytesOf(info[7]);
  call.output = bytesOf(info[8]);
  call.timeout = std::chrono::milliseconds(info[9].As<Napi::Number>().Int64Value());
  copyText(call.header.site, sizeof(call.header.site), info[10].As<Napi::String>());
  copyText(call.header.purpose, sizeof(call.header.purpose), info[11].As<Napi::String>());
  auto [work, promise] = promises(info.Env()).begin(info.Env(), info[0].As<Napi::Object>());
  if (!work) return promise;
  for (const size_t index : {size_t{7}, size_t{8}}) {
    if (info[index].IsTypedArray()) work->keep(info[index].As<Napi::Object>());
  }
  groupOf(info).collective(std::move(work), call);
  return promise;
}

// leave(handle): Promise<void>
Napi::Value leave(const Napi::CallbackInfo& info) {
  auto [work, promise] = promises(info.Env()).begin(info.Env(), info[0].As<Napi::Object>());
  if (!work) return promise;
  groupOf(info).leave(std::move(work));
  return promise;
}

// depart(handle, reason)
void depart(const Napi::CallbackInfo& info) { groupOf(info).depart(info[1].As<Napi::String>()); }

// release(handle): ends its threads and connections; the handle is of no more use
void release(const Napi::CallbackInfo& info) {
  std::shared_ptr<Group>& group = *info[0].As<Handle>().Data();
  if (group) group->halt();
  group.reset();
}

// abort(handle, code, message, ranks)
void abort(const Napi::CallbackInfo& info) { groupOf(info).abort({info[1].As<Napi::String>(), info[2].As<Napi::String>(), ints(info[3].As<Napi::Array>())}); }

// attend(handle, on)
void attend(const Napi::CallbackInfo& info) { groupOf(info).attend(info[1].As<Napi::Boolean>()); }

// fault(handle): { code, message, ranks } | undefined
Napi::Value fault(const Napi::CallbackInfo& info) {
  const std::optional<Fault> fault = groupOf(info).fault();
  if (!fault) return info.Env().Undefined();
  Napi::Object object = Napi::Object::New(info.Env());
  object.Set("code", fault->code);
  object.Set("message", fault->message);
  object.Set("ranks", arrayOf(info.Env(), fault->ranks));
  return object;
}

Napi::Object headerObject(Napi::Env env, const Header& header) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("sequence", static_cast<double>(header.sequence));
  object.Set("collective", static_cast<uint32_t>(header.collective));
  object.Set("dtype", header.dtype);
  object.Set("count", static_cast<double>(header.count));
  object.Set("site", Napi::String::New(env, header.site, strnlen(header.site, sizeof(header.site))));
  object.Set("purpose", Napi::String::New(env, header.purpose, strnlen(header.purpose, sizeof(header.purpose))));
  return object;
}

// status(handle): { busy, forMs, text, missing: number[], peers: { sequence, ..., gone }[] }
Napi::Value status(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const GroupStatus status = groupOf(info).status();
  Napi::Object result = Napi::Object::New(env);
  result.Set("busy", status.busy);
  result.Set("forMs", status.forMs);
  result.Set("text", describe(status.own));
  result.Set("missing", arrayOf(env, status.missing));
  Napi::Array peers = Napi::Array::New(env, status.peers.size());
  for (uint32_t i = 0; i < status.peers.size(); i++) {
    Napi::Object peer = headerObject(env, status.peers[i]);
    peer.Set("gone", static_cast<bool>(status.gone[i]));
    peers.Set(i, peer);
  }
  result.Set("peers", peers);
  return result;
}

// reduceInOrder(output, parts: TypedArray[], dtype, count, reduce, divisor): at once, for few numbers
void reduceInOrder(const Napi::CallbackInfo& info) {
  const Arithmetic* type = arithmeticOf(info[2].As<Napi::Number>().Uint32Value());
  const Napi::Array array = info[1].As<Napi::Array>();
  std::vector<const void*> parts;
  for (const Napi::Value& part : items<Napi::Value>(array)) parts.push_back(bytesOf(part));
  if (parts.size() != array.Length()) return;
  type->inOrder(bytesOf(info[0]), parts, static_cast<size_t>(info[3].As<Napi::Number>().Int64Value()),
                static_cast<Reduce>(info[4].As<Napi::Number>().Uint32Value()), info[5].As<Napi::Number>().DoubleValue());
}

// widen(dtype, output: Float32Array, input: Uint16Array), narrow(dtype, output: Uint16Array, input: Float32Array): as many as the output holds
void widenHalf(const Napi::CallbackInfo& info) {
  const auto output = info[1].As<Napi::TypedArray>();
  widen(info[0].As<Napi::Number>().Uint32Value(), reinterpret_cast<float*>(bytesOf(info[1])), reinterpret_cast<const uint16_t*>(bytesOf(info[2])), output.ElementLength());
}
void narrowHalf(const Napi::CallbackInfo& info) {
  const auto output = info[1].As<Napi::TypedArray>();
  narrow(info[0].As<Napi::Number>().Uint32Value(), reinterpret_cast<uint16_t*>(bytesOf(info[1])), reinterpret_cast<const float*>(bytesOf(info[2])), output.ElementLength());
}

// Threads of ours outlive a worker_thread that loaded the addon first, so its code must never be unmapped.
void pinCode() {
  Dl_info self;
  if (dladdr(reinterpret_cast<void*>(&pinCode), &self) != 0) dlopen(self.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  pinCode();
  env.SetInstanceData(new AddonData(env));
  const std::pair<const char*, Napi::Value (*)(const Napi::CallbackInfo&)> functions[] = {
      {"createGroup", createGroup}, {"connect", connect}, {"collective", collective}, {"leave", leave}, {"status", status}, {"fault", fault}};
  for (const auto& [name, function] : functions) exports.Set(name, Napi::Function::New(env, function, name));
  const std::pair<const char*, void (*)(const Napi::CallbackInfo&)> procedures[] = {
      {"abort", abort}, {"depart", depart}, {"release", release}, {"attend", attend}, {"reduceInOrder", reduceInOrder}, {"widen", widenHalf}, {"narrow", narrowHalf}};
  for (const auto& [name, procedure] : procedures) exports.Set(name, Napi::Function::New(env, procedure, name));
  return exports;
}

}  // namespace
}  // namespace accelerate_ts

static Napi::Object initialize(Napi::Env env, Napi::Object exports) { return accelerate_ts::init(env, exports); }
NODE_API_MODULE(accelerate_ts_gloo, initialize)
