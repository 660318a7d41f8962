// Sessions: made from a model's bytes off the JS thread, described to JS, released behind the runs that still use them.
#include "session.h"

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <mutex>

#include "job_queue.h"
#include "modules.h"

namespace accelerate_ts {
namespace {

struct SessionRequest {
  std::string name;
  std::string profile;
  int optimization = 99;
  std::shared_ptr<Device> device;
  DeviceSessionOptions deviceOptions;
};

class MakeSession : public Job {
 public:
  MakeSession(Bytes model, SessionRequest request) : model_(model), request_(std::move(request)), session_(std::make_shared<Session>()) {}

  void execute(const Parallel&) override {
    const OrtFunctions& api = ort()->api;
    const std::shared_ptr<Device>& device = session_->device = request_.device;
    session_->graph = request_.deviceOptions.graph;
    OrtSessionOptions* raw = nullptr;
    OrtStatus* status = api.CreateSessionOptions(&raw);
    {
      std::lock_guard<std::mutex> lock(mutex_);
      options_.reset(raw);
    }
    if (status == nullptr) status = api.DisablePerSessionThreads(raw);
    // Planned patterns keep a block per shape beside what the arena has: measured over four recurring shapes of an encoder, half as much memory again and no time won.
    if (status == nullptr) status = api.DisableMemPattern(raw);
    if (status == nullptr) status = api.SetSessionGraphOptimizationLevel(raw, request_.optimization);
    // What is replayed writes where it wrote when it was recorded: into memory that nobody else may be given meanwhile, an arena of the session's own.
    if (status == nullptr) status = api.AddSessionConfigEntry(raw, "session.use_env_allocators", request_.deviceOptions.graph ? "0" : "1");
    if (status == nullptr) status = api.AddSessionConfigEntry(raw, "session.set_denormal_as_zero", "1");
    // Threads spin within a run only, so that the pauses between steps do not burn cores.
    if (status == nullptr) status = api.AddSessionConfigEntry(raw, "session.force_spinning_stop", "1");
    if (status == nullptr) status = api.AddCustomOpDomain(raw, device ? device->ops() : ort()->domain);
    if (status == nullptr && !request_.name.empty()) status = api.SetSessionLogId(raw, request_.name.c_str());
    if (status == nullptr && !request_.profile.empty()) status = api.EnableProfiling(raw, request_.profile.c_str());
    if (status == nullptr && device) status = device->join(raw, request_.deviceOptions);
    if (status == nullptr && device) status = api.AddSessionConfigEntry(raw, "session.record_ep_graph_assignment_info", "1");
    OrtSession* session = nullptr;
    if (status == nullptr) {
      const Turn turn = device ? device->turn() : Turn();
      if (!turn.error.empty()) {
        takeStatus(status);
        return fail("ERR_SESSION_CREATE", turn.error);
      }
      status = createSession(raw, &session);
    }
    session_->session.reset(session);
    if (status == nullptr) status = describe(true, session_->inputs);
    if (status == nullptr) status = describe(false, session_->outputs);
    if (status == nullptr && device) status = locateInputs();
    if (status == nullptr && device) status = readPlacement();
    const std::string error = takeStatus(status);
    if (!error.empty()) fail("ERR_SESSION_CREATE", error);
    // ONNX Runtime makes statics in its first session.
    static std::once_flag first;
    std::call_once(first, JobQueue::haltAtExit);
    std::lock_guard<std::mutex> lock(mutex_);
    options_.reset();
  }

  /// ONNX Runtime enters our domain into a table of the process in the first session that has it, without a lock: until one is made, threads take turns.
  OrtStatus* createSession(OrtSessionOptions* options, OrtSession** session) {
    static std::mutex turns;
    static std::atomic<bool> entered{false};
    std::unique_lock<std::mutex> turn(turns, std::defer_lock);
    if (!entered.load()) turn.lock();
    OrtStatus* status = ort()->api.CreateSessionFromArray(ort()->env, model_.data, model_.length, options, session);
    if (status == nullptr) entered.store(true);
    return status;
  }

  void interrupt() noexcept override {
    Job::interrupt();
    std::lock_guard<std::mutex> lock(mutex_);
    if (options_) takeStatus(ort()->api.SessionOptionsSetLoadCancellationFlag(options_.get(), true));
  }

  Napi::Value result(Napi::Env env) override {
    Napi::Object result = Napi::Object::New(env);
    result.Set("inputs", slots(env, session_->inputs));
    result.Set("outputs", slots(env, session_->outputs));
    if (session_->device) {
      Napi::Array placement = Napi::Array::New(env, session_->placement.size());
      for (size_t i = 0; i < session_->placement.size(); i++) {
        const PlacedNode& node = session_->placement[i];
        Napi::Object object = Napi::Object::New(env);
        object.Set("op", node.op);
        object.Set("domain", node.domain);
        object.Set("name", node.name);
        object.Set("provider", node.provider);
        placement.Set(i, object);
      }
      result.Set("placement", placement);
    }
    result.Set("handle", handleOf(env, session_));
    return result;
  }

 private:
  OrtStatus* describe(bool input, std::vector<Slot>& slots) {
    const OrtFunctions& api = ort()->api;
    const OrtSession* session = session_->session.get();
    size_t count = 0;
    OrtStatus* status = input ? api.SessionGetInputCount(session, &count) : api.SessionGetOutputCount(session, &count);
    for (size_t i = 0; status == nullptr && i < count; i++) {
      Slot slot;
      char* name = nullptr;
      status = input ? api.SessionGetInputName(session, i, ort()->allocator, &name) : api.SessionGetOutputName(session, i, ort()->allocator, &name);
      if (status != nullptr) return status;
      slot.name = name;
      takeStatus(api.AllocatorFree(ort()->allocator, name));
      OrtTypeInfo* raw = nullptr;
      status = input ? api.SessionGetInputTypeInfo(session, i, &raw) : api.SessionGetOutputTypeInfo(session, i, &raw);
      const OrtPtr<OrtTypeInfo> info(raw);
      if (status == nullptr) status = describeTensor(info.get(), slot);
      slots.push_back(std::move(slot));
    }
    return status;
  }

  OrtStatus* locateInputs() {
    const OrtFunctions& api = ort()->api;
    std::vector<const OrtMemoryInfo*> memories(session_->inputs.size());
    if (memories.empty()) return nullptr;
    OrtStatus* status = api.SessionGetMemoryInfoForInputs(session_->session.get(), memories.data(), memories.size());
    const char* device = nullptr;
    if (status == nullptr) status = api.MemoryInfoGetName(session_->device->memory(), &device);
    for (size_t i = 0; status == nullptr && i < memories.size(); i++) {
      const char* name = nullptr;
      if (memories[i] != nullptr) status = api.MemoryInfoGetName(memories[i], &name);
      session_->inputs[i].onHost = name == nullptr || std::strcmp(name, device) != 0;
    }
    return status;
  }

  OrtStatus* readPlacement() {
    const OrtFunctions& api = ort()->api;
    const OrtEpAssignedSubgraph* const* subgraphs = nullptr;
    size_t count = 0;
    OrtStatus* status = api.Session_GetEpGraphAssignmentInfo(session_->session.get(), &subgraphs, &count);
    for (size_t i = 0; status == nullptr && i < count; i++) {
      const char* provider = nullptr;
      const OrtEpAssignedNode* const* nodes = nullptr;
      size_t length = 0;
      status = api.EpAssignedSubgraph_GetEpName(subgraphs[i], &provider);
      if (status == nullptr) status = api.EpAssignedSubgraph_GetNodes(subgraphs[i], &nodes, &length);
      for (size_t k = 0; status == nullptr && k < length; k++) {
        const char *op = nullptr, *domain = nullptr, *name = nullptr;
        status = api.EpAssignedNode_GetOperatorType(nodes[k], &op);
        if (status == nullptr) status = api.EpAssignedNode_GetDomain(nodes[k], &domain);
        if (status == nullptr) status = api.EpAssignedNode_GetName(nodes[k], &name);
        if (status == nullptr) session_->placement.push_back({op, domain, name, provider});
      }
    }
    return status;
  }

  static OrtStatus* describeTensor(const OrtTypeInfo* info, Slot& slot) {
    const OrtFunctions& api = ort()->api;
    const OrtTensorTypeAndShapeInfo* tensor = nullptr;
    OrtStatus* status = api.CastTypeInfoToTensorInfo(info, &tensor);
    if (status != nullptr || tensor == nullptr) return status;  // a sequence or map: type 0, which JS refuses
    status = api.GetTensorElementType(tensor, &slot.type);
    size_t rank = 0;
    if (status == nullptr) status = api.GetDimensionsCount(tensor, &rank);
    slot.shaped = api.TensorTypeAndShape_HasShape(tensor);
    slot.dims.resize(rank);
    std::vector<const char*> symbols(rank, "");
    if (status == nullptr) status = api.GetDimensions(tensor, slot.dims.data(), rank);
    if (status == nullptr) status = api.GetSymbolicDimensions(tensor, symbols.data(), rank);
    slot.symbols.assign(symbols.begin(), symbols.end());
    return status;
  }

  static Napi::Value slots(Napi::Env env, const std::vector<Slot>& slots) {
    Napi::Array array = Napi::Array::New(env, slots.size());
    for (size_t i = 0; i < slots.size(); i++) {
      const Slot& slot = slots[i];
      Napi::Object object = Napi::Object::New(env);
      object.Set("name", slot.name);
      object.Set("type", slot.type);
      object.Set("onHost", slot.onHost);
      if (slot.shaped) {
        Napi::Array shape = Napi::Array::New(env, slot.dims.size());
        for (size_t d = 0; d < slot.dims.size(); d++) {
          if (slot.dims[d] >= 0) shape.Set(d, static_cast<double>(slot.dims[d]));
          else shape.Set(d, slot.symbols[d]);
        }
        object.Set("shape", shape);
      }
      array.Set(i, object);
    }
    return array;
  }

  const Bytes model_;
  const SessionRequest request_;
  const std::shared_ptr<Session> session_;
  // An interrupt comes from another thread.
  std::mutex mutex_;
  OrtPtr<OrtSessionOptions> options_;
};

// Behind the runs that were queued before, on their thread: the memory of a big session takes milliseconds to give back.
class ReleaseSession : public Job {
 public:
  explicit ReleaseSession(std::shared_ptr<Session> session) : session_(std::move(session)) {}
  void execute(const Parallel&) override { session_->close(); }

 private:
  const std::shared_ptr<Session> session_;
};

// createSession(model: Uint8Array, name: string, optimization: number, profile: string, device?, graph?): Promise<{ handle, inputs, outputs, placement? }>
Napi::Value createSession(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  SessionRequest request;
  request.name = info[1].As<Napi::String>();
  request.optimization = info[2].As<Napi::Number>().Int32Value();
  request.profile = info[3].As<Napi::String>();
  if (info[4].IsExternal()) request.device = fromHandle<Device>(info[4]);
  request.deviceOptions.graph = info[5].ToBoolean();
  auto job = std::make_unique<MakeSession>(bytesOf(env, info[0]), std::move(request));
  job->keep(info[0].As<Napi::Object>());
  return env.GetInstanceData<AddonData>()->jobs.submit(env, std::move(job), LaneName::make);
}

// closeSession(session): Promise<void>; its bindings are closed before.
Napi::Value closeSession(const Napi::CallbackInfo& info) { return submit(info.Env(), std::make_unique<ReleaseSession>(fromHandle<Session>(info[0]))); }

// arenaMemory(session): { held, inUse, peak, extensions, shrinkages } of the arena that all sessions share; undefined where this ONNX Runtime does not say.
Napi::Value arenaMemory(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const OrtFunctions& api = ort()->api;
  const std::shared_ptr<Session> session = fromHandle<Session>(info[0]);
  OrtAllocator* allocator = nullptr;
  OrtKeyValuePairs* stats = nullptr;
  OrtStatus* status = session->session ? api.CreateAllocator(session->session.get(), ort()->cpu, &allocator) : nullptr;
  if (status == nullptr && allocator != nullptr) status = api.AllocatorGetStats(allocator, &stats);
  Napi::Value result = env.Undefined();
  if (takeStatus(status).empty() && stats != nullptr) {
    constexpr const char* names[][2] = {
        {"held", "TotalAllocated"}, {"inUse", "InUse"}, {"peak", "MaxInUse"}, {"extensions", "NumArenaExtensions"}, {"shrinkages", "NumArenaShrinkages"}};
    Napi::Object memory = Napi::Object::New(env);
    for (const auto& [name, key] : names) {
      const char* value = api.GetKeyValue(stats, key);
      memory.Set(name, value == nullptr ? 0.0 : std::strtod(value, nullptr));
    }
    result = memory;
  }
  if (stats != nullptr) api.ReleaseKeyValuePairs(stats);
  if (allocator != nullptr) api.ReleaseAllocator(allocator);
  return result;
}

void init(Napi::Env env, Napi::Object exports) {
  exports.Set("createSession", Napi::Function::New(env, createSession));
  exports.Set("arenaMemory", Napi::Function::New(env, arenaMemory));
  exports.Set("closeSession", Napi::Function::New(env, closeSession));
}
const Module module(init);

}  // namespace

Bytes bytesOf(napi_env env, napi_value view) {
  Bytes bytes;
  napi_typedarray_type type;
  napi_value buffer;
  size_t offset;
  size_t elements;
  if (napi_get_typedarray_info(env, view, &type, &elements, &bytes.data, nullptr, &offset) == napi_ok) {
    constexpr size_t sizes[] = {1, 1, 1, 2, 2, 4, 4, 4, 8, 8, 8};
    bytes.length = elements * sizes[type];
  } else if (napi_get_dataview_info(env, view, &bytes.length, &bytes.data, &buffer, &offset) != napi_ok) {
    napi_get_arraybuffer_info(env, view, &bytes.data, &bytes.length);
  }
  return bytes;
}

}  // namespace accelerate_ts
