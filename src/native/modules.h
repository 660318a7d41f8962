// The parts of the addon: each .cc that exports functions to JS registers itself with one static Module, so adding a file is all it takes.
#pragma once
#include <napi.h>

namespace accelerate_ts {

struct Module {
  using Init = void (*)(Napi::Env env, Napi::Object exports);

  // Use at namespace scope: `static Module module(init);`
  explicit Module(Init init) : init(init), next(first) { first = this; }

  const Init init;
  Module* const next;
  static inline Module* first = nullptr;
};

}  // namespace accelerate_ts
