// The way of finished work back to the JS thread of one Node environment, and the clean end of its groups.
#pragma once
#include <napi.h>

#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "group.h"

namespace accelerate_ts {

// Work with a promise; made and destroyed on the JS thread.
struct PromisedWork : Work {
  // The object (a typed array, say) lives until the work is settled.
  void keep(Napi::Object object) { kept.push_back(Napi::Persistent(object)); }

  napi_deferred deferred = nullptr;
  std::vector<Napi::ObjectReference> kept;
};

class Promises {
 public:
  explicit Promises(Napi::Env env);
  ~Promises();

  // JS thread. owner: the handle of the group, kept alive until the work is settled. The promise keeps the process alive. Neither work nor promise where the environment is ending.
  std::pair<std::unique_ptr<PromisedWork>, Napi::Value> begin(Napi::Env env, Napi::Object owner);
  // Any thread: what groups call with finished work.
  Group::Done doer();
  // The group is halted when the environment ends (worker.terminate, natural end), or the process does past Node (process.exit). Not at the "exit" event: until the end of its
  // listeners a script may tell the other ranks why it goes.
  void adopt(const std::shared_ptr<Group>& group);

 private:
  static void wakeJs(napi_env env, napi_value callback, void* context, void* data);
  void finish(std::unique_ptr<Work> work);
  void settle(napi_env env);
  void halt();
  static void haltAll();

  napi_threadsafe_function wake_ = nullptr;
  size_t pending_ = 0;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Work>> finished_;
  std::vector<std::weak_ptr<Group>> groups_;
};

}  // namespace accelerate_ts
