// The native threads of one Node environment (main thread or worker_thread) and the way back to its JS thread.
#pragma once
#include <napi.h>

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "job.h"

namespace accelerate_ts {

// One thread that executes jobs in the order of their submission; it starts with the first one.
class Lane {
 public:
  using Done = void (*)(void* context, std::unique_ptr<Job> job);
  // computes: its jobs get the pool's threads, and denormals are flushed as everywhere where models are computed.
  Lane(bool computes, Done done, void* context) : computes_(computes), done_(done), context_(context) {}
  ~Lane() { halt(); }

  void push(std::unique_ptr<Job> job);
  // Any thread, no N-API, more than once: interrupts the job in execution and joins the thread. What was queued stays in the lane.
  void halt();
  // Halted, and nothing is left in it.
  bool over();

 private:
  void loop();

  const bool computes_;
  const Done done_;
  void* const context_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::unique_ptr<Job>> queue_;
  std::unique_ptr<Job> current_;
  bool quit_ = false;
  std::thread thread_;
  std::mutex joining_;
};

// Runs and kernels share a lane; sessions are made on another, so that a program compiles while another runs. Collectives have a lane per group.
enum class LaneName { run, make };

class JobQueue {
 public:
  // JS thread. The threads are ended by whatever comes first, so that none runs while memory, pool and library are torn down; each interrupts the job in execution and joins:
  // - the process's "exit" event (process.exit, uncaught exceptions, natural end): before any destructor of ONNX Runtime's statics, which are made as late as in its first session;
  // - the environment's clean-up hook (worker.terminate, which emits no event; process.exit calls no hook on the main thread);
  // - atexit, for what ends the process past Node.
  explicit JobQueue(Napi::Env env);
  ~JobQueue();

  // JS thread.
  Napi::Value submit(Napi::Env env, std::unique_ptr<Job> job, LaneName lane);
  Napi::Value submit(Napi::Env env, std::unique_ptr<Job> job, Lane& lane);
  // One that computes nothing; gone when it is halted, at the latest with this queue.
  std::shared_ptr<Lane> openLane();

  void halt();
  // Any thread.
  bool halted();
  static void haltAll();
  // Has haltAll run before the destructors of all statics that exist by now.
  static void haltAtExit();
  // JS thread: waits for the "exit" event; once is enough.
  void listen(Napi::Env env);

 private:
  static void done(void* queue, std::unique_ptr<Job> job);
  static void wakeJs(napi_env env, napi_value callback, void* context, void* data);
  void finish(std::unique_ptr<Job> job);
  void settle(napi_env env);

  Lane running_;
  Lane making_;
  std::mutex opening_;
  std::vector<std::shared_ptr<Lane>> opened_;
  bool halted_ = false;
  napi_threadsafe_function wake_ = nullptr;
  size_t pending_ = 0;
  bool listening_ = false;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Job>> finished_;
};

// The addon's data of one environment.
struct AddonData {
  explicit AddonData(Napi::Env env) : jobs(env) {}
  JobQueue jobs;
};

}  // namespace accelerate_ts
