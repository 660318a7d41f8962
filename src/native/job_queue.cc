// Threads, promises and the clean ends of both.
#include "job_queue.h"

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <system_error>
#include <utility>

#include "objects.h"
#include "ort.h"

namespace accelerate_ts {
namespace {

// All queues of the process, for atexit; leaked so that it outlives static destructors.
struct Registry {
  std::mutex mutex;
  std::vector<JobQueue*> queues;
};
Registry& registry() {
  static Registry* registry = new Registry();
  return *registry;
}

void execute(Job& job, bool computes) {
  if (job.interrupted()) return job.fail("ERR_ABORTED", "the job was aborted before it began");
  try {
    const Ort* runtime = computes ? ort() : nullptr;
    job.execute(runtime == nullptr ? Parallel() : runtime->pool->parallel());
  } catch (const std::exception& error) {
    job.fail("ERR_NATIVE", error.what());
  }
}

Napi::Value errorOf(Napi::Env env, const Failure& failure) {
  Napi::Object error = Napi::Error::New(env, failure.message).Value();
  const std::pair<const char*, const std::string&> fields[] = {{"code", failure.code}, {"node", failure.node}, {"op", failure.op}, {"tensor", failure.tensor}};
  for (const auto& [name, value] : fields) {
    if (!value.empty()) error.Set(name, value);
  }
  return error;
}

}  // namespace

void Lane::push(std::unique_ptr<Job> job) {
  std::unique_ptr<Job> refused;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    queue_.push_back(std::move(job));
    try {
      if (!quit_ && !thread_.joinable()) thread_ = std::thread([this] { loop(); });
    } catch (const std::system_error& error) {
      refused = std::move(queue_.back());
      queue_.pop_back();
      refused->fail("ERR_NATIVE", std::string("the system starts no more threads: ") + error.what());
    }
  }
  if (refused) return done_(context_, std::move(refused));
  wake_.notify_one();
}

void Lane::loop() {
  if (computes_) flushDenormals();
  for (;;) {
    Job* job;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      wake_.wait(lock, [this] { return quit_ || !queue_.empty(); });
      if (quit_) return;
      current_ = std::move(queue_.front());
      queue_.pop_front();
      job = current_.get();
    }
    execute(*job, computes_);
    std::unique_ptr<Job> done;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      // On quit the job stays: it holds references into JS, which only the JS thread may drop.
      if (quit_) return;
      done = std::move(current_);
    }
    done_(context_, std::move(done));
  }
}

void Lane::halt() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    quit_ = true;
    if (current_) current_->interrupt();
  }
  wake_.notify_all();
  std::lock_guard<std::mutex> lock(joining_);
  if (thread_.joinable()) thread_.join();
}

bool Lane::over() {
  std::lock_guard<std::mutex> lock(mutex_);
  return quit_ && queue_.empty() && !current_;
}

JobQueue::JobQueue(Napi::Env env) : running_(true, done, this), making_(true, done, this) {
  napi_create_threadsafe_function(env, nullptr, nullptr, Napi::String::New(env, "accelerate-ts jobs"), 0, 1, nullptr, nullptr, this, wakeJs, &wake_);
  napi_unref_threadsafe_function(env, wake_);
  // After the function above: hooks run last in, first out, and the threads must be gone before it is.
  napi_add_env_cleanup_hook(env, [](void* queue) { static_cast<JobQueue*>(queue)->halt(); }, this);
  Registry& all = registry();
  std::lock_guard<std::mutex> lock(all.mutex);
  all.queues.push_back(this);
}

JobQueue::~JobQueue() {
  {
    Registry& all = registry();
    std::lock_guard<std::mutex> lock(all.mutex);
    all.queues.erase(std::remove(all.queues.begin(), all.queues.end(), this), all.queues.end());
  }
  halt();
}

void JobQueue::halt() {
  std::vector<std::shared_ptr<Lane>> lanes;
  {
    std::lock_guard<std::mutex> lock(opening_);
    halted_ = true;
    lanes = opened_;
  }
  running_.halt();
  making_.halt();
  for (const std::shared_ptr<Lane>& lane : lanes) lane->halt();
}

bool JobQueue::halted() {
  std::lock_guard<std::mutex> lock(opening_);
  return halted_;
}

std::shared_ptr<Lane> JobQueue::openLane() {
  auto lane = std::make_shared<Lane>(false, done, this);
  std::lock_guard<std::mutex> lock(opening_);
  if (halted_) lane->halt();
  opened_.erase(std::remove_if(opened_.begin(), opened_.end(), [](const std::shared_ptr<Lane>& other) { return other->over(); }), opened_.end());
  opened_.push_back(lane);
  return lane;
}

void JobQueue::done(void* queue, std::unique_ptr<Job> job) { static_cast<JobQueue*>(queue)->finish(std::move(job)); }

void JobQueue::listen(Napi::Env env) {
  if (std::exchange(listening_, true)) return;
  Napi::Object process;
  Napi::Function once;
  if (!read(env.Global(), "process", process) || !read(process, "once", once)) return;
  const Napi::Function halt = Napi::Function::New(
      env, [](const Napi::CallbackInfo& info) { static_cast<JobQueue*>(info.Data())->halt(); }, "haltNativeJobs", this);
  if (!halt.IsEmpty()) once.Call(process, {Napi::String::New(env, "exit"), halt});
}

void JobQueue::haltAtExit() {
  std::atexit([] { haltAll(); });
}

void JobQueue::haltAll() {
  Registry& all = registry();
  std::lock_guard<std::mutex> lock(all.mutex);
  for (JobQueue* queue : all.queues) queue->halt();
}

Napi::Value JobQueue::submit(Napi::Env env, std::unique_ptr<Job> job, LaneName lane) { return submit(env, std::move(job), lane == LaneName::run ? running_ : making_); }

Napi::Value JobQueue::submit(Napi::Env env, std::unique_ptr<Job> job, Lane& lane) {
  const Deferred deferred = Deferred::make(env);
  if (!deferred) return Napi::Value();
  job->deferred_ = deferred.handle;
  if (pending_++ == 0) napi_ref_threadsafe_function(env, wake_);
  lane.push(std::move(job));
  return Napi::Value(env, deferred.promise);
}

void JobQueue::finish(std::unique_ptr<Job> job) {
  bool first;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    first = finished_.empty();
    finished_.push_back(std::move(job));
  }
  // The function carries no data: one call wakes JS for all jobs that have finished until it looks.
  if (first) napi_call_threadsafe_function(wake_, nullptr, napi_tsfn_nonblocking);
}

void JobQueue::wakeJs(napi_env env, napi_value, void* context, void*) {
  if (env != nullptr) static_cast<JobQueue*>(context)->settle(env);
}

void JobQueue::settle(napi_env raw) {
  const Napi::Env env(raw);
  std::vector<std::unique_ptr<Job>> jobs;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    jobs.swap(finished_);
  }
  for (const std::unique_ptr<Job>& job : jobs) {
    const Napi::HandleScope scope(env);
    job->finished(env);
    // What they return tells of nothing but an environment that is ending, where nobody waits.
    if (job->failure() != nullptr) {
      napi_reject_deferred(env, job->deferred_, errorOf(env, *job->failure()));
    } else {
      const Napi::Value value = job->result(env);
      // Without C++ exceptions a failed N-API call leaves a JS exception behind.
      if (env.IsExceptionPending()) {
        napi_reject_deferred(env, job->deferred_, env.GetAndClearPendingException().Value());
      } else {
        napi_resolve_deferred(env, job->deferred_, value);
      }
    }
  }
  pending_ -= jobs.size();
  if (pending_ == 0) napi_unref_threadsafe_function(env, wake_);
}

Napi::Value submit(Napi::Env env, std::unique_ptr<Job> job) { return env.GetInstanceData<AddonData>()->jobs.submit(env, std::move(job), LaneName::run); }

CommLane::CommLane(Napi::Env env) {
  JobQueue& jobs = env.GetInstanceData<AddonData>()->jobs;
  jobs.listen(env);  // a group needs no runtime, so nobody else may have asked for the "exit" event
  lane_ = jobs.openLane();
}

CommLane::~CommLane() {
  // Where the environment has ended there is none any more.
  if (const std::shared_ptr<Lane> lane = lane_.lock()) lane->halt();
}

Napi::Value CommLane::submit(Napi::Env env, std::unique_ptr<Job> job) const {
  JobQueue& jobs = env.GetInstanceData<AddonData>()->jobs;
  const std::shared_ptr<Lane> lane = lane_.lock();  // none: all was halted, and this is a listener of "exit"
  return jobs.submit(env, std::move(job), lane ? *lane : *jobs.openLane());
}

}  // namespace accelerate_ts
