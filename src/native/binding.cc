// Bindings: inputs and outputs of one kind of run in memory that JS owns, and the runs themselves.
// What is bound, how long it is and that no run is in flight is checked by the typed face in JS; here are only the calls.
#include <utility>

#include "job_queue.h"
#include "modules.h"
#include "objects.h"
#include "run_job.h"
#include "session.h"

namespace accelerate_ts {
namespace {

bool throwIf(Napi::Env env, const std::string& error) {
  if (error.empty()) return false;
  Napi::Error raised = Napi::Error::New(env, error);
  raised.Set("code", Napi::String::New(env, "ERR_BINDING"));
  raised.ThrowAsJavaScriptException();
  return true;
}

// createBinding(session): handle
Napi::Value createBinding(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const OrtFunctions& api = ort()->api;
  auto binding = std::make_shared<Binding>();
  binding->session = fromHandle<Session>(info[0]);
  binding->dynamic.assign(binding->session->outputs.size(), false);
  binding->place.assign(binding->session->outputs.size(), -1);
  if (binding->session->device) {
    binding->deviceInputs.resize(binding->session->inputs.size());
    binding->deviceOutputs.resize(binding->session->outputs.size());
  }
  OrtIoBinding* io = nullptr;
  OrtRunOptions* options = nullptr;
  OrtStatus* status = api.CreateIoBinding(binding->session->session.get(), &io);
  binding->binding.reset(io);
  if (status == nullptr) status = api.CreateRunOptions(&options);
  binding->options.reset(options);
  const std::shared_ptr<Session>& session = binding->session;
  if (status == nullptr && session->device) status = session->device->prepare(options);
  if (status == nullptr && session->graph) status = api.AddRunConfigEntry(options, "gpu_graph_id", "-1");
  if (throwIf(env, takeStatus(status))) return env.Undefined();
  return handleOf(env, std::move(binding));
}

// The arguments (binding, index, view, shape: Float64Array, rank): shape is one array that JS fills anew for each call, a plain array would cost 100 ns per number.
OrtPtr<OrtValue> valueOf(const Napi::CallbackInfo& info, int type, size_t& length, std::string& error) {
  const Napi::Env env = info.Env();
  Bytes bytes = bytesOf(env, info[2]);
  const double* dims = static_cast<const double*>(bytesOf(env, info[3]).data);
  uint32_t rank = 0;
  napi_get_value_uint32(env, info[4], &rank);
  int64_t shape[16];
  for (uint32_t i = 0; i < rank && i < 16; i++) shape[i] = static_cast<int64_t>(dims[i]);
  // An empty tensor has no memory, yet ONNX Runtime refuses a null pointer.
  static char nothing[8];
  length = bytes.length;
  OrtValue* value = nullptr;
  error = takeStatus(ort()->api.CreateTensorWithDataAsOrtValue(ort()->cpu, bytes.data == nullptr ? nothing : bytes.data, bytes.length, shape, rank, type, &value));
  return OrtPtr<OrtValue>(value);
}

uint32_t indexOf(const Napi::CallbackInfo& info) {
  uint32_t index = 0;
  napi_get_value_uint32(info.Env(), info[1], &index);
  return index;
}

// An array of the device instead of a view: what arguments 3 and 4 say is what it knows itself.
void fill(const Napi::CallbackInfo& info, int type, DeviceSlot& slot, std::string& error) {
  slot = DeviceSlot();
  slot.changed = true;
  if (info[2].IsExternal()) slot.array = fromHandle<DeviceArray>(info[2]);
  else slot.host = valueOf(info, type, slot.bytes, error);
}

Napi::Value bindInput(const Napi::CallbackInfo& info) {
  Binding& binding = *fromHandle<Binding>(info[0]);
  const uint32_t index = indexOf(info);
  const Slot& slot = binding.session->inputs[index];
  std::string error;
  if (binding.session->device) {
    fill(info, slot.type, binding.deviceInputs[index], error);
    throwIf(info.Env(), error);
    return info.Env().Undefined();
  }
  size_t length;
  const OrtPtr<OrtValue> value = valueOf(info, slot.type, length, error);
  if (error.empty()) error = takeStatus(ort()->api.BindInput(binding.binding.get(), slot.name.c_str(), value.get()));
  throwIf(info.Env(), error);
  return info.Env().Undefined();
}

void place(Binding& binding, uint32_t index, bool dynamic) {
  binding.dynamic[index] = dynamic;
  if (binding.place[index] < 0) binding.place[index] = binding.bound++;
}

Napi::Value bindOutput(const Napi::CallbackInfo& info) {
  Binding& binding = *fromHandle<Binding>(info[0]);
  const uint32_t index = indexOf(info);
  const Slot& slot = binding.session->outputs[index];
  std::string error;
  if (binding.session->device) {
    fill(info, slot.type, binding.deviceOutputs[index], error);
    if (!throwIf(info.Env(), error)) place(binding, index, false);
    return info.Env().Undefined();
  }
  size_t length;
  const OrtPtr<OrtValue> value = valueOf(info, slot.type, length, error);
  if (error.empty()) error = takeStatus(ort()->api.BindOutput(binding.binding.get(), slot.name.c_str(), value.get()));
  if (!throwIf(info.Env(), error)) place(binding, index, false);
  return info.Env().Undefined();
}

// bindOutputDynamic(binding, index)
Napi::Value bindOutputDynamic(const Napi::CallbackInfo& info) {
  Binding& binding = *fromHandle<Binding>(info[0]);
  const uint32_t index = indexOf(info);
  if (binding.session->device) {
    binding.deviceOutputs[index] = DeviceSlot();
    place(binding, index, true);
    return info.Env().Undefined();
  }
  if (!throwIf(info.Env(), takeStatus(ort()->api.BindOutputToDevice(binding.binding.get(), binding.session->outputs[index].name.c_str(), ort()->cpu)))) {
    place(binding, index, true);
  }
  return info.Env().Undefined();
}

// takeOutput(binding, index, itemBytes): { shape, buffer }; the buffer is the tensor's own memory, given back when it is collected.
Napi::Value takeOutput(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Binding& binding = *fromHandle<Binding>(info[0]);
  const size_t wanted = static_cast<size_t>(binding.place[indexOf(info)]);
  std::vector<OrtPtr<OrtValue>> values;
  if (throwIf(env, takeStatus(boundValues(binding, values)))) return env.Undefined();
  OrtPtr<OrtValue> value = std::move(values[wanted]);
  TensorInfo tensor;
  if (throwIf(env, takeStatus(tensorInfo(value.get(), info[2].As<Napi::Number>().Uint32Value(), tensor)))) return env.Undefined();

  Napi::Array shape = Napi::Array::New(env, tensor.dims.size());
  for (size_t i = 0; i < tensor.dims.size(); i++) shape.Set(i, static_cast<double>(tensor.dims[i]));
  Napi::Object result = Napi::Object::New(env);
  result.Set("shape", shape);
  constexpr size_t worthSharing = 4096;
  if (tensor.bytes < worthSharing) {
    Napi::ArrayBuffer copy = Napi::ArrayBuffer::New(env, tensor.bytes);
    std::copy_n(static_cast<const char*>(tensor.data), tensor.bytes, static_cast<char*>(copy.Data()));
    result.Set("buffer", copy);
  } else {
    result.Set("buffer", Napi::ArrayBuffer::New(env, tensor.data, tensor.bytes, [](Napi::Env, void*, OrtValue* kept) { ort()->api.ReleaseValue(kept); }, value.release()));
  }
  return result;
}

/// Of each table: its two outputs, gradient, bits, elements per row, whether it is added to; false where JS gives nothing any more.
bool rowOutputs(const Napi::Array& list, std::vector<RowOutput>& outputs) {
  constexpr uint32_t fields = 6;
  for (uint32_t i = 0; i + fields <= list.Length(); i += fields) {
    Napi::Number rows, values, width;
    Napi::Value into, bits;
    Napi::Boolean adds;
    if (!read(list, i, rows) || !read(list, i + 1, values) || !read(list, i + 2, into) || !read(list, i + 3, bits) || !read(list, i + 4, width) || !read(list, i + 5, adds)) return false;
    const Bytes memory = bytesOf(list.Env(), into);
    const size_t elements = width.Uint32Value();
    const RowMemory table = {static_cast<float*>(memory.data), static_cast<uint32_t*>(bytesOf(list.Env(), bits).data), memory.length / sizeof(float) / elements, elements};
    outputs.push_back({rows.Uint32Value(), values.Uint32Value(), table, adds.Value()});
  }
  return true;
}

// run(binding, keep, sums: [into, from, ...] | undefined, receipt: { job } | undefined, rows: see rowOutputs, shrinks): Promise<void>; receipt.job is there as long as the run can be interrupted
Napi::Value run(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  std::vector<Sum> sums;
  if (info[2].IsArray()) {
    const Napi::Array pairs = info[2].As<Napi::Array>();
    for (uint32_t i = 0; i + 1 < pairs.Length(); i += 2) {
      Napi::Value into, from;
      if (!read(pairs, i, into) || !read(pairs, i + 1, from)) return env.Undefined();
      const Bytes sum = bytesOf(env, into);
      sums.push_back({static_cast<float*>(sum.data), static_cast<const float*>(bytesOf(env, from).data), sum.length / sizeof(float)});
    }
  }
  std::vector<RowOutput> rows;
  if (info[4].IsArray() && !rowOutputs(info[4].As<Napi::Array>(), rows)) return env.Undefined();
  auto job = std::make_unique<Run>(fromHandle<Binding>(info[0]), std::move(sums), std::move(rows), info[5].ToBoolean());
  job->keep(info[1].As<Napi::Object>());
  for (const size_t list : {2, 4}) if (info[list].IsArray()) job->keep(info[list].As<Napi::Object>());
  if (info[3].IsObject()) job->handOut(env, info[3].As<Napi::Object>());
  return submit(env, std::move(job));
}

// interrupt(receipt.job)
Napi::Value interrupt(const Napi::CallbackInfo& info) {
  info[0].As<Napi::External<Job>>().Data()->interrupt();
  return info.Env().Undefined();
}

// closeBinding(binding): no run is in flight.
Napi::Value closeBinding(const Napi::CallbackInfo& info) {
  Binding& binding = *fromHandle<Binding>(info[0]);
  binding.close();
  binding.deviceInputs.clear();
  binding.deviceOutputs.clear();
  binding.session.reset();
  return info.Env().Undefined();
}

void init(Napi::Env env, Napi::Object exports) {
  exports.Set("createBinding", Napi::Function::New(env, createBinding));
  exports.Set("bindInput", Napi::Function::New(env, bindInput));
  exports.Set("bindOutput", Napi::Function::New(env, bindOutput));
  exports.Set("bindOutputDynamic", Napi::Function::New(env, bindOutputDynamic));
  exports.Set("takeOutput", Napi::Function::New(env, takeOutput));
  exports.Set("run", Napi::Function::New(env, run));
  exports.Set("interrupt", Napi::Function::New(env, interrupt));
  exports.Set("closeBinding", Napi::Function::New(env, closeBinding));
}
const Module module(init);

}  // namespace
}  // namespace accelerate_ts
