// Memory of the doubled machine. A device's memory is a range of addresses that may not be touched (PROT_NONE); the bytes lie in a memfd that is mapped a second time
// where nobody looks. So the host faults where it would on a machine with a GPU, and copies and collectives can still move real bytes.
// Addresses are never given out twice: what was freed stays known as freed.
#include <execinfo.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "double.h"

namespace doubled {
namespace {

constexpr size_t rangeBytes = size_t{1} << 40;
constexpr size_t page = 4096;

struct Space {
  char* visible = nullptr;
  char* hidden = nullptr;
  int file = -1;
  size_t next = 0;
  size_t used = 0;
};
constexpr int most = 16;
Space spaces[most];
std::map<char*, Allocation>& live = *new std::map<char*, Allocation>;
uint64_t allocations = 0;
struct sigaction before;

/** Only what a signal handler may do: the ranges do not change once made. */
int spaceOf(const void* address) {
  const char* at = static_cast<const char*>(address);
  for (int device = 0; device < most; device++) {
    const char* begin = __atomic_load_n(&spaces[device].visible, __ATOMIC_ACQUIRE);
    if (begin != nullptr && at >= begin && at < begin + rangeBytes) return device;
  }
  return -1;
}

void onFault(int number, siginfo_t* info, void* context) {
  const int device = spaceOf(info->si_addr);
  if (device >= 0) {
    char text[256];
    const int length = snprintf(text, sizeof text, "[double] host access to device memory: address %p of cuda:%d was touched by the processor (thread %ld)\n", info->si_addr, device, syscall(SYS_gettid));
    if (write(2, text, size_t(length)) < 0) _exit(139);
    void* frames[48];
    backtrace_symbols_fd(frames, backtrace(frames, 48), 2);
    log("\"violation\":\"host access to device memory\",\"device\":%d", device);
    signal(SIGSEGV, SIG_DFL);
    raise(SIGSEGV);
    return;
  }
  if (before.sa_flags & SA_SIGINFO) {
    if (before.sa_sigaction != nullptr) return before.sa_sigaction(number, info, context);
  } else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN) {
    return before.sa_handler(number);
  }
  signal(SIGSEGV, SIG_DFL);
  raise(SIGSEGV);
}

void open(Space& space, int device) {
  char name[32];
  snprintf(name, sizeof name, "doubled-cuda-%d", device);
  space.file = memfd_create(name, MFD_CLOEXEC);
  char* visible = static_cast<char*>(mmap(nullptr, rangeBytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
  if (space.file < 0 || ftruncate(space.file, rangeBytes) != 0 || visible == MAP_FAILED) {
    perror("[double] no range for device memory");
    abort();
  }
  space.hidden = static_cast<char*>(mmap(nullptr, rangeBytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, space.file, 0));
  if (space.hidden == MAP_FAILED) {
    perror("[double] device memory cannot be mapped");
    abort();
  }
  __atomic_store_n(&space.visible, visible, __ATOMIC_RELEASE);
  static bool handling = false;
  if (handling) return;
  handling = true;
  void* warm[2];
  backtrace(warm, 2);
  struct sigaction action {};
  action.sa_sigaction = onFault;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigaction(SIGSEGV, &action, &before);
}

const char* nameOf(Kind kind) { return kind == Kind::device ? "device memory" : kind == Kind::pinned ? "pinned memory" : "registered memory"; }

}  // namespace

Allocation* allocate(Kind kind, int device, size_t bytes, const char* owner, void* registered) {
  Allocation made;
  made.kind = kind;
  made.device = device;
  made.bytes = bytes;
  made.owner = owner;
  made.id = ++allocations;
  if (kind == Kind::device) {
    Space& space = spaces[device];
    const Settings set = settings();
    if (space.used + bytes > set.memory) return nullptr;
    if (space.visible == nullptr) open(space, device);
    made.address = space.visible + space.next;
    // A page between two: a copy beyond the end is noticed.
    space.next += (bytes + page - 1) / page * page + page;
    if (space.next > rangeBytes) {
      fprintf(stderr, "[double] the addresses of a device are used up\n");
      abort();
    }
    space.used += bytes;
    if (set.poison >= 0) memset(real(made.address), set.poison, bytes);
  } else if (kind == Kind::pinned) {
    made.address = static_cast<char*>(mmap(nullptr, (bytes + page - 1) / page * page + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    if (made.address == MAP_FAILED) return nullptr;
  } else {
    made.address = static_cast<char*>(registered);
  }
  born(nameOf(kind), made.address, owner);
  Allocation& kept = live[made.address] = std::move(made);
  return &kept;
}

bool release(void* address, Kind kind) {
  const auto found = live.find(static_cast<char*>(address));
  if (found == live.end() || found->second.kind != kind) return false;
  if (kind == Kind::device) spaces[found->second.device].used -= found->second.bytes;
  died(nameOf(kind), address);
  live.erase(found);
  return true;
}

void forget(void* address, size_t bytes) {
  const int device = spaceOf(address);
  if (device < 0) {
    // The range stays: who still uses it faults.
    mprotect(address, (bytes + page - 1) / page * page, PROT_NONE);
    madvise(address, (bytes + page - 1) / page * page, MADV_DONTNEED);
    return;
  }
  const Space& space = spaces[device];
  fallocate(space.file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<char*>(address) - space.visible, off_t((bytes + page - 1) / page * page));
}

Allocation* find(const void* address) {
  char* at = static_cast<char*>(const_cast<void*>(address));
  auto after = live.upper_bound(at);
  if (after == live.begin()) return nullptr;
  Allocation& candidate = std::prev(after)->second;
  return at < candidate.address + candidate.bytes || (candidate.bytes == 0 && at == candidate.address) ? &candidate : nullptr;
}

bool inDeviceRange(const void* address) { return spaceOf(address) >= 0; }

char* real(const void* address) {
  const int device = spaceOf(address);
  char* at = static_cast<char*>(const_cast<void*>(address));
  return device < 0 ? at : spaces[device].hidden + (at - spaces[device].visible);
}

size_t used(int device) { return spaces[device].used; }

std::string describe(const void* address) {
  char text[160];
  const Allocation* held = find(address);
  if (held != nullptr)
    snprintf(text, sizeof text, "byte %zu of %zu of %s %lu (cuda:%d, of %s)", size_t(static_cast<const char*>(address) - held->address), held->bytes, nameOf(held->kind), held->id, held->device, held->owner);
  else if (inDeviceRange(address))
    snprintf(text, sizeof text, "%p, device memory that is freed or beyond an allocation's end (cuda:%d)", address, spaceOf(address));
  else
    snprintf(text, sizeof text, "%p, pageable memory of the host", address);
  return text;
}

}  // namespace doubled
