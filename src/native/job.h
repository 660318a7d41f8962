// A piece of native work: queued by the JS thread, executed on the run thread in the order of submission, settled as a promise on the JS thread.
#pragma once
#include <napi.h>

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "parallel.h"

namespace accelerate_ts {

// Becomes a JS Error with these properties; empty fields are left out.
struct Failure {
  std::string code;
  std::string message;
  std::string node;
  std::string op;
  std::string tensor;
};

class Job {
 public:
  virtual ~Job() = default;

  // Run thread. No N-API here: take pointers out of JS objects before submit() and keep() the objects. To fail: `return fail(...)`.
  virtual void execute(const Parallel& parallel) = 0;

  // JS thread, after execute() ended without a failure: what the promise resolves with.
  virtual Napi::Value result(Napi::Env env) { return env.Undefined(); }

  // JS thread, before the promise is settled, whatever the outcome (not when the environment is torn down).
  virtual void finished(Napi::Env) {}

  // Any thread, at any time: asks execute() to return early. Overriders call this one first.
  virtual void interrupt() noexcept { interrupted_.store(true, std::memory_order_relaxed); }
  bool interrupted() const noexcept { return interrupted_.load(std::memory_order_relaxed); }

  // JS thread, before submit(): the object (a typed array, say) lives until the job is settled.
  void keep(Napi::Object object) { kept_.push_back(Napi::Persistent(object)); }

  void fail(Failure failure) { failure_ = std::make_unique<Failure>(std::move(failure)); }
  void fail(std::string code, std::string message) { fail(Failure{std::move(code), std::move(message), {}, {}, {}}); }
  const Failure* failure() const noexcept { return failure_.get(); }

 private:
  friend class JobQueue;
  std::vector<Napi::ObjectReference> kept_;
  std::unique_ptr<Failure> failure_;
  napi_deferred deferred_ = nullptr;
  std::atomic<bool> interrupted_{false};
};

// JS thread. The promise keeps the process alive until the job is settled. Jobs still queued when the environment ends are dropped unexecuted.
// Without a promise, and the job is not done, where the environment is ending already.
Napi::Value submit(Napi::Env env, std::unique_ptr<Job> job);

class Lane;

// The same on a thread of its own for work that waits for other processes (collectives), so that runs and kernels go on meanwhile. Each group has one: ranks must agree
// on the order of the calls of a group only, not on that of two groups. It has no Parallel and computes denormals exactly: what is sent must arrive as it was.
class CommLane {
 public:
  // JS thread, as all. The thread starts with the first job.
  explicit CommLane(Napi::Env env);
  // Ends the thread; to be called when no job is under way.
  ~CommLane();
  CommLane(const CommLane&) = delete;
  CommLane& operator=(const CommLane&) = delete;

  Napi::Value submit(Napi::Env env, std::unique_ptr<Job> job) const;

 private:
  std::weak_ptr<Lane> lane_;  // the queue of the environment owns it, with what is left in it when that ends
};

}  // namespace accelerate_ts
