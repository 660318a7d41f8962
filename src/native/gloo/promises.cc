// Settling, and the ends of environments.
#include "promises.h"

#include <algorithm>
#include <cstdlib>

#include "../objects.h"

namespace accelerate_ts {
namespace {

// All groups of the process, for atexit; leaked so that it outlives static destructors.
struct Registry {
  std::mutex mutex;
  std::vector<std::weak_ptr<Group>> groups;
};
Registry& registry() {
  static Registry* registry = new Registry();
  return *registry;
}

void add(std::vector<std::weak_ptr<Group>>& groups, const std::shared_ptr<Group>& group) {
  groups.erase(std::remove_if(groups.begin(), groups.end(), [](const std::weak_ptr<Group>& old) { return old.expired(); }), groups.end());
  groups.push_back(group);
}

Napi::Value errorOf(Napi::Env env, const Fault& fault) {
  Napi::Object error = Napi::Error::New(env, fault.message).Value();
  Napi::Array ranks = Napi::Array::New(env, fault.ranks.size());
  for (uint32_t i = 0; i < fault.ranks.size(); i++) ranks.Set(i, fault.ranks[i]);
  error.Set("code", fault.code);
  error.Set("ranks", ranks);
  return error;
}

}  // namespace

Promises::Promises(Napi::Env env) {
  napi_create_threadsafe_function(env, nullptr, nullptr, Napi::String::New(env, "accelerate-ts gloo"), 0, 1, nullptr, nullptr, this, wakeJs, &wake_);
  napi_unref_threadsafe_function(env, wake_);
  // After the function above: hooks run last in, first out, and the threads must be gone before it is.
  napi_add_env_cleanup_hook(env, [](void* promises) { static_cast<Promises*>(promises)->halt(); }, this);
  static const bool once = (std::atexit(haltAll), true);
  static_cast<void>(once);
}

Promises::~Promises() { halt(); }

std::pair<std::unique_ptr<PromisedWork>, Napi::Value> Promises::begin(Napi::Env env, Napi::Object owner) {
  const Deferred deferred = Deferred::make(env);
  if (!deferred) return {};
  auto work = std::make_unique<PromisedWork>();
  work->deferred = deferred.handle;
  work->keep(owner);
  if (pending_++ == 0) napi_ref_threadsafe_function(env, wake_);
  return {std::move(work), Napi::Value(env, deferred.promise)};
}

Group::Done Promises::doer() {
  return [this](std::unique_ptr<Work> work) { finish(std::move(work)); };
}

void Promises::adopt(const std::shared_ptr<Group>& group) {
  add(groups_, group);
  Registry& all = registry();
  const std::lock_guard<std::mutex> lock(all.mutex);
  add(all.groups, group);
}

void Promises::halt() {
  for (const std::weak_ptr<Group>& weak : groups_) {
    if (const std::shared_ptr<Group> group = weak.lock()) group->halt();
  }
}

void Promises::haltAll() {
  Registry& all = registry();
  const std::lock_guard<std::mutex> lock(all.mutex);
  for (const std::weak_ptr<Group>& weak : all.groups) {
    if (const std::shared_ptr<Group> group = weak.lock()) group->halt();
  }
}

void Promises::finish(std::unique_ptr<Work> work) {
  bool first;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    first = finished_.empty();
    finished_.push_back(std::move(work));
  }
  // The function carries no data: one call wakes JS for all work that has finished until it looks.
  if (first) napi_call_threadsafe_function(wake_, nullptr, napi_tsfn_nonblocking);
}

void Promises::wakeJs(napi_env env, napi_value, void* context, void*) {
  if (env != nullptr) static_cast<Promises*>(context)->settle(env);
}

void Promises::settle(napi_env raw) {
  const Napi::Env env(raw);
  std::vector<std::unique_ptr<Work>> all;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    all.swap(finished_);
  }
  for (const std::unique_ptr<Work>& work : all) {
    const Napi::HandleScope scope(env);
    auto& promised = static_cast<PromisedWork&>(*work);
    if (work->fault) {
      napi_reject_deferred(env, promised.deferred, errorOf(env, *work->fault));
    } else {
      napi_resolve_deferred(env, promised.deferred, env.Undefined());
    }
  }
  pending_ -= all.size();
  if (pending_ == 0) napi_unref_threadsafe_function(env, wake_);
}

}  // namespace accelerate_ts
