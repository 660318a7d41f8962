// Memory for arenas: anonymous pages, zeroed, on huge pages where the system gives some, freed with the ArrayBuffer that shows them.
#include <napi.h>
#include <sys/mman.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <cerrno>
#include <cstring>
#include <string>

#include "modules.h"

namespace accelerate_ts {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;

struct Mapping {
  void* address;
  size_t length;
};

// allocate(bytes): ArrayBuffer
Napi::Value allocate(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const size_t bytes = static_cast<size_t>(info[0].As<Napi::Number>().Int64Value());
  // Room to begin at a huge page's border; what lies before it stays untouched and costs no memory.
  const bool huge = bytes >= kHugePage;
  const size_t length = huge ? bytes + kHugePage : bytes;
  void* address = mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (address == MAP_FAILED) {
    Napi::Error error = Napi::Error::New(env, "no memory for an arena of " + std::to_string(bytes) + " bytes: " + std::strerror(errno));
    error.Set("code", Napi::String::New(env, "ERR_ARENA_MEMORY"));
    error.ThrowAsJavaScriptException();
    return env.Undefined();
  }
  char* data = static_cast<char*>(address);
  if (huge) {
    data += (kHugePage - reinterpret_cast<size_t>(data) % kHugePage) % kHugePage;
#ifdef MADV_HUGEPAGE
    madvise(data, bytes, MADV_HUGEPAGE);  // advice: where it is refused, small pages do
#endif
  }
  auto* mapping = new Mapping{address, length};
  // Not by Napi::ArrayBuffer::New: where Node refuses the size (over 4 GiB in Node 20) it runs the finalizer itself, and that wrapper frees its own part of it once more.
  napi_value buffer;
  const auto unmap = [](napi_env, void*, void* hint) {
    const auto* mapping = static_cast<Mapping*>(hint);
    munmap(mapping->address, mapping->length);
    delete mapping;
  };
  if (napi_create_external_arraybuffer(env, data, bytes, unmap, mapping, &buffer) == napi_ok) return Napi::Value(env, buffer);
  if (env.IsExceptionPending()) env.GetAndClearPendingException();
  Napi::Error error = Napi::Error::New(env, "an arena of " + std::to_string(bytes) + " bytes is larger than this Node's ArrayBuffers for native code (buffer.constants.MAX_LENGTH)");
  error.Set("code", Napi::String::New(env, "ERR_ARENA_MEMORY"));
  error.ThrowAsJavaScriptException();
  return env.Undefined();
}

// trimMemory(): what was freed and lies between other things goes back to the system, too. glibc keeps blocks of up to 32 MB once it has seen one freed.
Napi::Value trimMemory(const Napi::CallbackInfo& info) {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
  return info.Env().Undefined();
}

void init(Napi::Env env, Napi::Object exports) {
  exports.Set("allocate", Napi::Function::New(env, allocate));
  exports.Set("trimMemory", Napi::Function::New(env, trimMemory));
}
const Module module(init);

}  // namespace
}  // namespace accelerate_ts
