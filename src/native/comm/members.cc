// Who is in the group: how ranks come, what they show of themselves, how they go, and how it is noticed that one is gone.
#include "group.h"

#if defined(__linux__)
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "shared_text.h"

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

namespace accelerate_ts::comm {
namespace {

// Longer than the distance between two ranks that run side by side, shorter than what a core could do meanwhile.
constexpr int64_t spinWithCores = 50000, spinCrowded = 0;

constexpr uint64_t timeEnded = 0, timeUnknown = UINT64_MAX;

/// Field 22 of /proc/<pid>/stat; timeEnded: no such process, or one that only waits for its parent; timeUnknown: it cannot be read (no descriptors left, say).
uint64_t startTimeOf(int pid) {
  char path[40], text[1024];
  std::snprintf(path, sizeof path, "/proc/%d/stat", pid);
  const Descriptor fd(open(path, O_RDONLY | O_CLOEXEC));
  if (!fd && errno != ENOENT) return timeUnknown;
  const ssize_t length = fd ? read(fd.get(), text, sizeof text - 1) : 0;
  if (length <= 0) return kill(pid, 0) != 0 && errno == ESRCH ? timeEnded : timeUnknown;
  text[length] = 0;
  // The name, field 2, may hold blanks and brackets.
  const char* field = std::strrchr(text, ')');
  if (field == nullptr || field[1] == 0 || field[2] == 'Z' || field[2] == 'X') return timeEnded;
  for (int i = 2; i < 22 && field != nullptr; i++) field = std::strchr(field + 1, ' ');
  return field == nullptr ? timeUnknown : std::strtoull(field, nullptr, 10);
}

/// 0: unknown.
uint64_t pidNamespace() {
  struct stat status;
  return stat("/proc/self/ns/pid", &status) == 0 ? static_cast<uint64_t>(status.st_ino) : 0;
}

}  // namespace

std::shared_ptr<Group> Group::create(std::vector<int> names, size_t window, std::string& error) {
  std::shared_ptr<Group> group(new Group(std::move(names), 0));
  const size_t ranks = static_cast<size_t>(group->size_);
  if (!createShared(totalBytes(ranks, window), true, group->shared_, error)) return nullptr;
  Page* page = reinterpret_cast<Page*>(group->shared_.mapping.data());  // zeroed: what all atomics begin with
  page->magic = kMagic;
  page->ranks = static_cast<uint32_t>(ranks);
  page->window = window;
  page->total = totalBytes(ranks, window);
  if (getrandom(page->nonce, sizeof page->nonce, 0) != static_cast<ssize_t>(sizeof page->nonce)) {
    error = std::string("no random numbers: ") + std::strerror(errno);
    return nullptr;
  }
  pthread_mutexattr_t robust;
  pthread_mutexattr_init(&robust);
  pthread_mutexattr_setpshared(&robust, PTHREAD_PROCESS_SHARED);
  pthread_mutexattr_setrobust(&robust, PTHREAD_MUTEX_ROBUST);
  for (size_t r = 0; r < ranks; r++) pthread_mutex_init(&page->slots[r].life, &robust);
  pthread_mutexattr_destroy(&robust);
  group->lay(group->shared_.mapping.data());
  return group->introduce(error) ? group : nullptr;
}

std::shared_ptr<Group> Group::attach(const FileName& file, const std::string& nonce, int rank, std::vector<int> names, std::string& error) {
  std::shared_ptr<Group> group(new Group(std::move(names), rank));
  if (file.bytes < sizeof(Page)) {
    error = "the memory of the group is too small";
    return nullptr;
  }
  if (!openShared(file, group->shared_.mapping, error)) return nullptr;
  const Page* page = reinterpret_cast<const Page*>(group->shared_.mapping.data());
  if (page->magic != kMagic || page->ranks != static_cast<uint32_t>(group->size_) || page->total != file.bytes || page->total != totalBytes(page->ranks, page->window)) {
    error = pathOf(file) + " has the layout of another version of accelerate-ts";
    return nullptr;
  }
  group->lay(group->shared_.mapping.data());
  if (group->nonce() != nonce) {
    error = pathOf(file) + " belongs to another group";
    return nullptr;
  }
  if (group->slot(0).pidNamespace != pidNamespace()) {
    error = "this process and that of rank " + std::to_string(group->nameOf(0)) + " run in different containers (PID namespaces)";
    return nullptr;
  }
  group->shared_.name = file;
  return group->introduce(error) ? group : nullptr;
}

Group::~Group() {
  depart(RankState::left, "its thread ended");
  if (alive_) pthread_mutex_unlock(&slot(rank_).life);
}

void Group::lay(char* memory) {
  page_ = reinterpret_cast<Page*>(memory);
  window_ = page_->window;
  windows_ = memory + pageBytes(static_cast<size_t>(size_));
  processes_.resize(static_cast<size_t>(size_));
}

bool Group::introduce(std::string& error) {
  Slot& own = slot(rank_);
  if (own.state.load(std::memory_order_acquire) != static_cast<uint32_t>(RankState::absent) || pthread_mutex_lock(&own.life) != 0) {
    error = "there is a rank " + std::to_string(nameOf(rank_)) + " already";
    return false;
  }
  alive_ = true;
  // More cores than kCoreWords * 64 are no case of want.
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0)
    for (size_t core = 0; core < kCoreWords * 64 && core < CPU_SETSIZE; core++)
      if (CPU_ISSET(core, &set)) own.cores[core / 64] |= uint64_t{1} << (core % 64);
  own.pidNamespace = pidNamespace();
  own.startTime.store(startTimeOf(getpid()), std::memory_order_relaxed);
  own.pid.store(getpid(), std::memory_order_release);
  own.state.store(static_cast<uint32_t>(RankState::here), std::memory_order_release);
  departed_.store(false, std::memory_order_relaxed);
  return true;
}

std::string Group::nonce() const {
  std::string text;
  for (const unsigned char byte : page_->nonce) {
    char digits[3];
    std::snprintf(digits, sizeof digits, "%02x", byte);
    text += digits;
  }
  return text;
}

void Group::settleIn() {
  uint64_t cores[kCoreWords] = {};
  int count = 0;
  for (size_t word = 0; word < kCoreWords; word++) {
    for (int r = 0; r < size_; r++) cores[word] |= slot(r).cores[word];
    count += __builtin_popcountll(cores[word]);
  }
  spin_ = size_ <= count ? spinWithCores : spinCrowded;
  for (int r = 0; r < size_; r++) dead(r);
}

bool Group::dead(int rank) {
  if (rank == rank_) return false;
  const int pid = slot(rank).pid.load(std::memory_order_acquire);
  if (pid == 0) return false;
  // Whoever gets it gives it back without mending it, so that all others learn the same.
  const int life = pthread_mutex_trylock(&slot(rank).life);
  if (life == 0 || life == EOWNERDEAD) pthread_mutex_unlock(&slot(rank).life);
  if (life == EOWNERDEAD || life == ENOTRECOVERABLE) return true;
  if (pid == getpid()) return false;
  const std::lock_guard<std::mutex> lock(looking_);
  Descriptor& process = processes_[static_cast<size_t>(rank)];
  const uint64_t start = slot(rank).startTime.load(std::memory_order_relaxed);
  if (!process) {
    Descriptor opened(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
    if (!opened && errno == ESRCH) return true;
    // Looked at after the descriptor is there: the number may have gone to another process.
    const uint64_t now = startTimeOf(pid);
    if (now != timeUnknown && start != timeUnknown && now != start) return true;
    if (!opened) return false;
    process = std::move(opened);
  }
  pollfd ended = {process.get(), POLLIN, 0};
  return poll(&ended, 1, 0) == 1 && ended.revents != 0;
}

Glimpse Group::look(int rank) const {
  const Slot& slot = this->slot(rank);
  Glimpse glimpse;
  glimpse.state = static_cast<RankState>(slot.state.load(std::memory_order_acquire));
  if (glimpse.state == RankState::left || glimpse.state == RankState::failed) glimpse.reason = boundedText(slot.reason, kReasonChars);
  // A writer that died half way leaves an odd version: what is there must do then.
  for (int attempt = 0; attempt < 1000; attempt++) {
    const uint32_t before = slot.version.load(std::memory_order_acquire);
    glimpse.waiting = slot.waiting.load(std::memory_order_relaxed) != 0;
    glimpse.since = slot.since.load(std::memory_order_relaxed);
    std::memcpy(static_cast<void*>(&glimpse.call), &slot.calls[slot.newest.load(std::memory_order_relaxed) & 1], sizeof glimpse.call);
    std::atomic_thread_fence(std::memory_order_acquire);
    if (before % 2 == 0 && slot.version.load(std::memory_order_relaxed) == before) break;
    sched_yield();
  }
  glimpse.call.site[kSiteChars - 1] = glimpse.call.purpose[kPurposeChars - 1] = 0;
  return glimpse;
}

void Group::depart(RankState state, const std::string& reason) {
  if (departed_.exchange(true)) return;
  Slot& own = slot(rank_);
  copyText(own.reason, kReasonChars, reason);
  own.state.store(static_cast<uint32_t>(state), std::memory_order_release);
  wakeAll();
}

}  // namespace accelerate_ts::comm
#endif
