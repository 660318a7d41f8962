// memfd: the pages live as long as somebody maps them, and nothing is left in any folder.
#include "memory_file.h"

#if defined(__linux__)
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#ifndef MFD_CLOEXEC
#define MFD_CLOEXEC 1U
#define MFD_ALLOW_SEALING 2U
#endif

namespace accelerate_ts::comm {
namespace {

constexpr unsigned noExecSeal = 8U;  // MFD_NOEXEC_SEAL, since Linux 6.3

int memfd(const char* name) {
  const long fd = syscall(SYS_memfd_create, name, MFD_CLOEXEC | MFD_ALLOW_SEALING | noExecSeal);
  if (fd >= 0 || errno != EINVAL) return static_cast<int>(fd);
  return static_cast<int>(syscall(SYS_memfd_create, name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
}

/// A line "Name:   123 kB" of /proc/meminfo, or one number of a cgroup file; -1 when it cannot be read.
long long readNumber(const char* path, const char* field) {
  FILE* file = std::fopen(path, "re");
  if (file == nullptr) return -1;
  char line[256];
  long long value = -1;
  const size_t length = std::strlen(field);
  while (value < 0 && std::fgets(line, sizeof line, file) != nullptr) {
    if (std::strncmp(line, field, length) == 0) std::sscanf(line + length, "%lld", &value);
  }
  std::fclose(file);
  return value;
}

/// What may still be allocated, in bytes; -1: unknown. Asking for more would have the kernel kill somebody instead of refusing.
long long availableBytes() {
  long long available = readNumber("/proc/meminfo", "MemAvailable:");
  if (available >= 0) available *= 1024;
  const long long limit = readNumber("/sys/fs/cgroup/memory.max", ""), used = readNumber("/sys/fs/cgroup/memory.current", "");
  const long long dropped = std::max(0LL, readNumber("/sys/fs/cgroup/memory.stat", "inactive_file "));  // cached files, which make room
  if (limit >= 0 && used >= 0 && (available < 0 || limit - used + dropped < available)) available = std::max(0LL, limit - used + dropped);
  return available;
}

char* map(int fd, size_t bytes) {
  void* address = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (address == MAP_FAILED) return nullptr;
#ifdef MADV_DONTDUMP
  madvise(address, bytes, MADV_DONTDUMP);
#endif
  return static_cast<char*>(address);
}

}  // namespace

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  reset();
  fd_ = std::exchange(other.fd_, -1);
  return *this;
}
void Descriptor::reset() {
  if (fd_ >= 0) close(std::exchange(fd_, -1));
}

Mapping::~Mapping() {
  if (data_ != nullptr) munmap(data_, bytes_);
}
Mapping::Mapping(Mapping&& other) noexcept : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
Mapping& Mapping::operator=(Mapping&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

std::string pathOf(const FileName& name) { return "/proc/" + std::to_string(name.pid) + "/fd/" + std::to_string(name.fd); }

bool createShared(size_t bytes, bool reserve, SharedFile& out, std::string& error) {
  const std::string what = std::to_string(bytes) + " bytes of shared memory: ";
  const long long available = reserve ? availableBytes() : -1;
  if (available >= 0 && bytes > static_cast<unsigned long long>(available)) {
    error = what + "only " + std::to_string(available) + " are available";
    return false;
  }
  Descriptor fd(memfd("accelerate-ts"));
  if (!fd || ftruncate(fd.get(), static_cast<off_t>(bytes)) != 0) {
    error = what + std::strerror(errno);
    return false;
  }
  int failed = 0;
  if (reserve) {
    do failed = fallocate(fd.get(), 0, 0, static_cast<off_t>(bytes)) == 0 ? 0 : errno;
    while (failed == EINTR);
  }
  struct stat status;
  if (failed != 0 || fstat(fd.get(), &status) != 0) {
    error = what + std::strerror(failed != 0 ? failed : errno);
    return false;
  }
  // Not vital: only a bug could shrink it.
  fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW);
  char* data = map(fd.get(), bytes);
  if (data == nullptr) {
    error = what + std::strerror(errno);
    return false;
  }
  out.mapping = Mapping(data, bytes);
  out.name = {static_cast<int64_t>(getpid()), fd.get(), static_cast<uint64_t>(status.st_dev), static_cast<uint64_t>(status.st_ino), bytes};
  out.descriptor = std::move(fd);
  return true;
}

bool openShared(const FileName& name, Mapping& out, std::string& error) {
  const std::string path = pathOf(name);
  // Not blocking: should the number belong to somebody else's pipe by now.
  const Descriptor fd(open(path.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd) {
    error = path + " cannot be opened (" + std::strerror(errno) + ")";
    return false;
  }
  struct stat status;
  if (fstat(fd.get(), &status) != 0 || static_cast<uint64_t>(status.st_dev) != name.device || static_cast<uint64_t>(status.st_ino) != name.inode ||
      static_cast<uint64_t>(status.st_size) != name.bytes) {
    error = path + " is not the memory of this group";
    return false;
  }
  char* data = map(fd.get(), name.bytes);
  if (data == nullptr) {
    error = std::to_string(name.bytes) + " bytes of shared memory: " + std::strerror(errno);
    return false;
  }
  out = Mapping(data, name.bytes);
  return true;
}

}  // namespace accelerate_ts::comm
#endif
