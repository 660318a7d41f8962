// A run as a job: on the host with what is added behind it, on a device with what is bound within its turn.
#pragma once
#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "accumulate.h"
#include "job_queue.h"
#include "kernels/row_gradient.h"
#include "session.h"

namespace accelerate_ts {

struct Sum {
  float* into;
  const float* from;
  size_t length;
};

/// Two dynamic outputs, rows and their values, that go into the memory of a table's gradient.
struct RowOutput {
  uint32_t rows, values;
  RowMemory into;
  bool adds;
};

struct TensorInfo {
  std::vector<int64_t> dims;
  size_t bytes = 0;
  void* data = nullptr;
};

inline OrtStatus* tensorInfo(OrtValue* value, size_t itemBytes, TensorInfo& tensor) {
  const OrtFunctions& api = ort()->api;
  OrtTensorTypeAndShapeInfo* raw = nullptr;
  OrtStatus* status = api.GetTensorTypeAndShape(value, &raw);
  const OrtPtr<OrtTensorTypeAndShapeInfo> info(raw);
  size_t rank = 0;
  if (status == nullptr) status = api.GetDimensionsCount(raw, &rank);
  tensor.dims.resize(rank);
  if (status == nullptr) status = api.GetDimensions(raw, tensor.dims.data(), rank);
  if (status == nullptr) status = api.GetTensorMutableData(value, &tensor.data);
  tensor.bytes = itemBytes;
  for (const int64_t dim : tensor.dims) tensor.bytes *= static_cast<size_t>(dim);
  return status;
}

/// The values of all bound outputs, by their places.
inline OrtStatus* boundValues(const Binding& binding, std::vector<OrtPtr<OrtValue>>& into) {
  const OrtFunctions& api = ort()->api;
  OrtValue** values = nullptr;
  size_t count = 0;
  OrtStatus* status = api.GetBoundOutputValues(binding.binding.get(), ort()->allocator, &values, &count);
  if (status != nullptr) return status;
  for (size_t i = 0; i < count; i++) into.emplace_back(values[i]);
  takeStatus(api.AllocatorFree(ort()->allocator, values));
  return nullptr;
}

class Run : public Job {
 public:
  Run(std::shared_ptr<Binding> binding, std::vector<Sum> sums, std::vector<RowOutput> rows, bool shrinks)
      : binding_(std::move(binding)), sums_(std::move(sums)), rows_(std::move(rows)), shrinks_(shrinks) {}

  void execute(const Parallel& parallel) override {
    if (binding_->session->device) return executeOn(*binding_->session->device);
    const OrtFunctions& api = ort()->api;
    Binding& binding = *binding_;
    OrtStatus* status = nullptr;
    for (size_t i = 0; i < binding.dynamic.size(); i++) {
      if (binding.dynamic[i] && status == nullptr) status = api.BindOutputToDevice(binding.binding.get(), binding.session->outputs[i].name.c_str(), ort()->cpu);
    }
    // The arena gives back what is free when the run has ended.
    constexpr const char* shrinkage = "memory.enable_memory_arena_shrinkage";
    if (status == nullptr && shrinks_) status = api.AddRunConfigEntry(binding.options.get(), shrinkage, "cpu:0");
    if (status == nullptr) status = api.RunWithBinding(binding.session->session.get(), binding.options.get(), binding.binding.get());
    if (shrinks_) takeStatus(api.AddRunConfigEntry(binding.options.get(), shrinkage, ""));
    const std::string error = takeStatus(status);
    // A run that was told to end may fail in many ways, and ends well when only its last node was left.
    if (interrupted()) return fail("ERR_ABORTED", "the run was aborted");
    if (!error.empty()) return fail("ERR_RUN", error);
    for (const Sum& sum : sums_) accumulate(sum.into, sum.from, sum.length, parallel);
    if (!rows_.empty()) putRows(parallel);
  }

  void interrupt() noexcept override {
    Job::interrupt();
    takeStatus(ort()->api.RunOptionsSetTerminate(binding_->options.get()));
  }

  void finished(Napi::Env env) override {
    // From here on an abort comes too late: JS finds no job to interrupt.
    if (!receipt_.IsEmpty()) receipt_.Set("job", env.Undefined());
    if (interrupted()) takeStatus(ort()->api.RunOptionsUnsetTerminate(binding_->options.get()));
  }

  void handOut(Napi::Env env, Napi::Object receipt) {
    receipt.Set("job", Napi::External<Job>::New(env, this));
    receipt_ = Napi::Persistent(receipt);
  }

 private:
  void executeOn(Device& device) {
    const OrtFunctions& api = ort()->api;
    Binding& binding = *binding_;
    Session& session = *binding.session;
    const Turn turn = device.turn();
    if (!turn.error.empty()) return fail("ERR_RUN", turn.error);
    device.releaseBuried();
    std::string error;
    if (session.graph) error = chooseGraph(binding);
    for (size_t i = 0; i < binding.deviceInputs.size() && error.empty(); i++) {
      DeviceSlot& slot = binding.deviceInputs[i];
      if (slot.array && slot.array->buffer->memory == nullptr) return fail("ERR_RUN", "the array of input " + session.inputs[i].name + " was freed before the run");
      const bool crosses = (slot.array == nullptr) != session.inputs[i].onHost;
      if (crosses) count(device, slot, slot.array == nullptr);
      if (!slot.changed && !crosses && slot.array) continue;
      error = takeStatus(api.BindInput(binding.binding.get(), session.inputs[i].name.c_str(), slot.array ? slot.array->value.get() : slot.host.get()));
      slot.changed = false;
    }
    for (size_t i = 0; i < binding.deviceOutputs.size() && error.empty(); i++) {
      DeviceSlot& slot = binding.deviceOutputs[i];
      if (slot.array && slot.array->buffer->memory == nullptr) return fail("ERR_RUN", "the array of output " + session.outputs[i].name + " was freed before the run");
      if (binding.dynamic[i]) error = takeStatus(api.BindOutputToDevice(binding.binding.get(), session.outputs[i].name.c_str(), ort()->cpu));
      else if (slot.changed) error = takeStatus(api.BindOutput(binding.binding.get(), session.outputs[i].name.c_str(), slot.array ? slot.array->value.get() : slot.host.get()));
      if (binding.dynamic[i] || slot.host) count(device, slot, false);
      slot.changed = false;
    }
    // What is replayed makes nothing that a run which is waited for would give back.
    const bool recorded = binding.graph != -1;
    if (error.empty()) error = takeStatus(device.beforeRun(binding.options.get(), recorded ? 0 : session.runs++, recorded));
    if (error.empty()) error = takeStatus(api.RunWithBinding(session.session.get(), binding.options.get(), binding.binding.get()));
    if (error.empty()) error = device.afterRun();
    // What was recorded of a run that broke off is a part of it: the next run is recorded anew.
    if (session.graph && (interrupted() || !error.empty())) takeStatus(useGraph(binding, -1));
    if (interrupted()) return fail("ERR_ABORTED", "the run was aborted");
    if (!error.empty()) fail("ERR_RUN", error);
  }

  // Recorded launches are of the memory that was bound: what changes is run as it is once, and recorded anew when it has come to rest. The provider keeps all that it has recorded until the session ends, so
  // what never comes to rest for long is not recorded any more. The first run of a number is made three times: the provider warms up twice, then replays what it has recorded.
  static std::string chooseGraph(Binding& binding) {
    static std::atomic<int> next{1};
    constexpr int mostRecordings = 32;
    bool changed = false;
    for (const auto* slots : {&binding.deviceInputs, &binding.deviceOutputs})
      for (const DeviceSlot& slot : *slots) changed = changed || slot.changed;
    if (!changed && binding.graph != -1) return {};
    const bool records = !changed && binding.recordings < mostRecordings;
    if (records) binding.recordings++;
    return takeStatus(useGraph(binding, records ? next++ : -1));
  }

  static OrtStatus* useGraph(Binding& binding, int graph) {
    if (binding.graph == graph) return nullptr;
    binding.graph = graph;
    return ort()->api.AddRunConfigEntry(binding.options.get(), "gpu_graph_id", std::to_string(graph).c_str());
  }

  static void count(Device& device, const DeviceSlot& slot, bool up) {
    DeviceCounters& counters = device.counters;
    const size_t bytes = slot.array ? slot.array->bytes : slot.bytes;
    (up ? counters.uploads : counters.downloads)++;
    (up ? counters.uploadedBytes : counters.downloadedBytes) += bytes;
  }

  void putRows(const Parallel& parallel) {
    std::vector<OrtPtr<OrtValue>> values;
    std::string error = takeStatus(boundValues(*binding_, values));
    for (const RowOutput& out : rows_) {
      TensorInfo found, gradient;
      if (error.empty()) error = takeStatus(tensorInfo(values[static_cast<size_t>(binding_->place[out.rows])].get(), sizeof(int64_t), found));
      if (error.empty()) error = takeStatus(tensorInfo(values[static_cast<size_t>(binding_->place[out.values])].get(), sizeof(float), gradient));
      if (!error.empty()) return fail("ERR_RUN", error);
      const size_t count = found.bytes / sizeof(int64_t);
      const auto* rows = static_cast<const int64_t*>(found.data);
      for (size_t k = 0; k < count; k++) {
        if (rows[k] >= 0 && static_cast<size_t>(rows[k]) < out.into.rows && gradient.bytes == count * out.into.width * sizeof(float)) continue;
        return fail("ERR_RUN", "rows of a gradient do not fit the table that they belong to");
      }
      if (out.adds) merge_rows(out.into, rows, static_cast<const float*>(gradient.data), count, parallel);
      else set_rows(out.into, rows, static_cast<const float*>(gradient.data), count, parallel);
    }
  }

  Napi::ObjectReference receipt_;
  const std::shared_ptr<Binding> binding_;
  const std::vector<Sum> sums_;
  const std::vector<RowOutput> rows_;
  const bool shrinks_;
};

}  // namespace accelerate_ts
