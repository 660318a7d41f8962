// Groups over shared memory for JS: their making, and collectives as jobs of the comm thread.
#include "../modules.h"

#if defined(__linux__)
#include <cinttypes>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "../job.h"
#include "../objects.h"
#include "group.h"
#include "reduce.h"
#include "transfer.h"

namespace accelerate_ts::comm {
namespace {

using Handle = std::shared_ptr<Group>;

/// What JS holds: the group, and the thread on which its calls wait.
struct Membership {
  Handle group;
  std::unique_ptr<CommLane> lane;
};

Membership& membershipOf(const Napi::Value& value) { return *value.As<Napi::External<Membership>>().Data(); }
Handle& groupOf(const Napi::Value& value) { return membershipOf(value).group; }

Napi::Value refuse(Napi::Env env, const std::string& code, const std::string& message) {
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", Napi::String::New(env, code));
  error.ThrowAsJavaScriptException();
  return env.Undefined();
}

std::vector<int> numbersOf(const Napi::Value& value) {
  const auto array = value.As<Napi::Array>();
  std::vector<int> numbers;
  Napi::Number number;
  for (uint32_t i = 0; i < array.Length() && read(array, i, number); i++) numbers.push_back(number.Int32Value());
  return numbers;
}

int64_t nanoseconds(const Napi::Value& milliseconds) { return static_cast<int64_t>(milliseconds.As<Napi::Number>().DoubleValue() * static_cast<double>(kMillisecond)); }

void copyText(const Napi::Value& value, char* into, size_t room) {
  size_t length = 0;
  into[0] = 0;
  if (value.IsString()) napi_get_value_string_utf8(value.Env(), value, into, room, &length);
}

/// A collective under way. It holds the group, so that the memory outlives it.
class CallJob : public Job {
 public:
  explicit CallJob(Handle group) : group_(std::move(group)) {}

  void interrupt() noexcept override {
    Job::interrupt();
    ending_.store(true, std::memory_order_relaxed);
    group_->wakeAll();
  }

  Call call;
  int64_t timeout = 0;

 protected:
  /// After a call that was not carried out.
  void explain() {
    const Fault fault = group_->fault();
    if (!fault.code.empty()) fail(fault.code, fault.message);
    else if (group_->departed()) fail("ERR_GROUP_CLOSED", "the group is closed");
    else fail("ERR_ABORTED", "the process ends");
  }

  const Handle group_;
  std::atomic<bool> ending_{false};
};

class TransferJob : public CallJob {
 public:
  using CallJob::CallJob;
  Buffers buffers;
  void execute(const Parallel&) override {
    if (!transfer(*group_, call, buffers, timeout, ending_)) explain();
    else if (call.op == Op::join) group_->settleIn();
  }
};

class AllocateJob : public CallJob {
 public:
  using CallJob::CallJob;
  bool reserve = true;
  void execute(const Parallel&) override {
    std::string error;
    if (!allocate(*group_, call, reserve, timeout, ending_, memory_, error)) explain();
    else if (!error.empty()) fail("ERR_SHARED_MEMORY", error);
  }
  Napi::Value result(Napi::Env env) override {
    auto* memory = new Mapping(std::move(memory_));
    napi_value buffer = nullptr;
    // As in memory.cc. A failure leaves a JS exception, which becomes the promise's.
    napi_create_external_arraybuffer(
        env, memory->data(), static_cast<size_t>(call.count), [](napi_env, void*, void* mapping) { delete static_cast<Mapping*>(mapping); }, memory, &buffer);
    return Napi::Value(env, buffer);
  }

 private:
  Mapping memory_;
};

Napi::Value handleOf(Napi::Env env, Handle group) {
  auto* membership = new Membership{std::move(group), std::make_unique<CommLane>(env)};
  return Napi::External<Membership>::New(env, membership, [](Napi::Env, Membership* held) { delete held; });
}

// create(names, window): { group, file }
Napi::Value create(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  std::vector<int> names = numbersOf(info[0]);
  const size_t ranks = names.size(), window = static_cast<size_t>(info[1].As<Napi::Number>().Int64Value());
  if (ranks < 1 || ranks > kMaxRanks || window % kLine != 0 || window < ranks * kLine || window < 4096)
    return refuse(env, "ERR_ARGUMENT", "a group over shared memory has 1 to " + std::to_string(kMaxRanks) + " ranks and windows with a cache line for each");
  std::string error;
  const Handle group = Group::create(std::move(names), window, error);
  if (group == nullptr) return refuse(env, "ERR_SHARED_MEMORY", error);
  const FileName& file = group->file();
  char text[160];
  std::snprintf(text, sizeof text, "%" PRId64 " %" PRId64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %s", file.pid, file.fd, file.device, file.inode, file.bytes, group->nonce().c_str());
  Napi::Object result = Napi::Object::New(env);
  result.Set("file", text);
  result.Set("group", handleOf(env, group));
  return result;
}

// attach(file, rank, names): group
Napi::Value attach(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  FileName file;
  char nonce[40] = {};
  const std::string text = info[0].As<Napi::String>();
  const int rank = info[1].As<Napi::Number>().Int32Value();
  std::vector<int> names = numbersOf(info[2]);
  if (std::sscanf(text.c_str(), "%" SCNd64 " %" SCNd64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %39s", &file.pid, &file.fd, &file.device, &file.inode, &file.bytes, nonce) != 6 || rank < 1 ||
      static_cast<size_t>(rank) >= names.size() || names.size() > kMaxRanks)
    return refuse(env, "ERR_SHARED_MEMORY", "the description of the group's memory cannot be read");
  std::string error;
  Handle group = Group::attach(file, nonce, rank, std::move(names), error);
  if (group == nullptr) return refuse(env, "ERR_SHARED_MEMORY", error);
  return handleOf(env, std::move(group));
}

// release(group), when no call is under way: ends the thread and lets go of the memory; the handle is of no use afterwards
void release(const Napi::CallbackInfo& info) {
  Membership& membership = membershipOf(info[0]);
  membership.lane.reset();
  membership.group.reset();
}

// closeFile(group)
void closeFile(const Napi::CallbackInfo& info) { groupOf(info[0])->closeFile(); }

// call(group, op, dtype, reduce, root, count, sequence, timeoutMs, site, purpose, input, output): Promise<void>; null for the arrays: they are elsewhere
Napi::Value call(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  auto job = std::make_unique<TransferJob>(groupOf(info[0]));
  const auto number = [&](size_t i) { return info[i].As<Napi::Number>(); };
  const size_t ranks = static_cast<size_t>(groupOf(info[0])->size());
  Call& call = job->call;
  call.op = static_cast<Op>(number(1).Int32Value());
  call.dtype = static_cast<DType>(number(2).Int32Value());
  call.reduce = static_cast<ReduceOp>(number(3).Int32Value());
  call.root = number(4).Int32Value();
  call.count = static_cast<uint64_t>(number(5).Int64Value());
  call.sequence = static_cast<uint64_t>(number(6).Int64Value());
  job->timeout = nanoseconds(info[7]);
  copyText(info[8], call.site, kSiteChars);
  copyText(info[9], call.purpose, kPurposeChars);
  const bool reduces = call.op == Op::allReduce || call.op == Op::reduceScatter;
  const size_t needed = call.count * bytesOf(call.dtype);
  const size_t output = call.op == Op::reduceScatter ? needed / ranks : call.op == Op::allGather ? needed * ranks : needed;
  const auto memory = [&](const Napi::Value& value, size_t bytes, char*& data) {
    if (!value.IsTypedArray()) return bytes == 0;
    size_t length;
    void* address = nullptr;
    napi_typedarray_type type;
    if (napi_get_typedarray_info(env, value, &type, &length, &address, nullptr, nullptr) != napi_ok) return false;
    data = static_cast<char*>(address);
    job->keep(value.As<Napi::Object>());
    return value.As<Napi::TypedArray>().ByteLength() >= bytes;
  };
  char* in = nullptr;
  job->buffers.elsewhere = info[10].IsNull();
  const bool fits = job->buffers.elsewhere || (memory(info[10], needed, in) && memory(info[11], output, job->buffers.out));
  job->buffers.in = in;
  const bool known = call.op >= Op::allReduce && call.op <= Op::join && call.op != Op::allocate && (!reduces || reduceOf(call.dtype, call.reduce) != nullptr) &&
                     (call.op != Op::broadcast || (call.root >= 0 && static_cast<size_t>(call.root) < ranks)) && (needed == 0 || bytesOf(call.dtype) != 0);
  if (!fits || !known) return refuse(env, "ERR_ARGUMENT", "a collective whose arrays do not fit its call");
  return membershipOf(info[0]).lane->submit(env, std::move(job));
}

// allocate(group, bytes, sequence, timeoutMs, site, purpose, reserve): Promise<ArrayBuffer>
Napi::Value allocateMemory(const Napi::CallbackInfo& info) {
  auto job = std::make_unique<AllocateJob>(groupOf(info[0]));
  job->call.op = Op::allocate;
  job->call.count = static_cast<uint64_t>(info[1].As<Napi::Number>().Int64Value());
  job->call.sequence = static_cast<uint64_t>(info[2].As<Napi::Number>().Int64Value());
  job->timeout = nanoseconds(info[3]);
  copyText(info[4], job->call.site, kSiteChars);
  copyText(info[5], job->call.purpose, kPurposeChars);
  job->reserve = info[6].As<Napi::Boolean>();
  return membershipOf(info[0]).lane->submit(info.Env(), std::move(job));
}

// raise(group, code, message, ranks)
void raise(const Napi::CallbackInfo& info) {
  groupOf(info[0])->raise({info[1].As<Napi::String>(), info[2].As<Napi::String>(), numbersOf(info[3])});
}

// attend(group): looks for ranks whose processes have ended, also while no call waits for them
void attend(const Napi::CallbackInfo& info) { groupOf(info[0])->attend(); }

// fault(group): { code, message, ranks } | undefined
Napi::Value fault(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Fault fault = groupOf(info[0])->fault();
  if (fault.code.empty()) return env.Undefined();
  Napi::Object result = Napi::Object::New(env);
  Napi::Array ranks = Napi::Array::New(env, fault.ranks.size());
  for (uint32_t i = 0; i < fault.ranks.size(); i++) ranks.Set(i, static_cast<double>(fault.ranks[i]));
  result.Set("code", fault.code);
  result.Set("message", fault.message);
  result.Set("ranks", ranks);
  return result;
}

// look(group): per rank { sequence, waiting, op, dtype, count, site, purpose, forMs, gone, behind, text }
Napi::Value look(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Group& group = *groupOf(info[0]);
  Napi::Array ranks = Napi::Array::New(env, static_cast<size_t>(group.size()));
  const int64_t now = monotonic();
  for (int r = 0; r < group.size(); r++) {
    const Glimpse glimpse = group.look(r);
    Napi::Object rank = Napi::Object::New(env);
    rank.Set("sequence", static_cast<double>(glimpse.call.sequence));
    rank.Set("waiting", glimpse.waiting);
    rank.Set("op", static_cast<double>(static_cast<int>(glimpse.call.op)));
    rank.Set("dtype", static_cast<double>(static_cast<int>(glimpse.call.dtype)));
    rank.Set("count", static_cast<double>(glimpse.call.count));
    rank.Set("site", glimpse.call.site);
    rank.Set("purpose", glimpse.call.purpose);
    rank.Set("forMs", static_cast<double>(now - glimpse.since) / kMillisecond);
    rank.Set("gone", glimpse.state == RankState::left || glimpse.state == RankState::failed);
    rank.Set("behind", group.behind(r));
    rank.Set("text", group.describe(glimpse.call));
    ranks.Set(static_cast<uint32_t>(r), rank);
  }
  return ranks;
}

// depart(group, failed, reason)
void depart(const Napi::CallbackInfo& info) {
  groupOf(info[0])->depart(info[1].As<Napi::Boolean>() ? RankState::failed : RankState::left, info[2].As<Napi::String>());
}

void init(Napi::Env env, Napi::Object exports) {
  Napi::Object shm = Napi::Object::New(env);
  shm.Set("create", Napi::Function::New(env, create));
  shm.Set("attach", Napi::Function::New(env, attach));
  shm.Set("closeFile", Napi::Function::New(env, closeFile));
  shm.Set("call", Napi::Function::New(env, call));
  shm.Set("allocate", Napi::Function::New(env, allocateMemory));
  shm.Set("raise", Napi::Function::New(env, raise));
  shm.Set("attend", Napi::Function::New(env, attend));
  shm.Set("fault", Napi::Function::New(env, fault));
  shm.Set("look", Napi::Function::New(env, look));
  shm.Set("release", Napi::Function::New(env, release));
  shm.Set("depart", Napi::Function::New(env, depart));
  exports.Set("shm", shm);
}
const Module module(init);

}  // namespace
}  // namespace accelerate_ts::comm
#endif
