// Memory without a name, shared by processes through /proc/<pid>/fd/<n> of the one that made it.
#pragma once
#if defined(__linux__)
#include <cstddef>
#include <cstdint>
#include <string>

namespace accelerate_ts::comm {

/// A file descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  ~Descriptor() { reset(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  Descriptor(Descriptor&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  Descriptor& operator=(Descriptor&& other) noexcept;
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  void reset();

 private:
  int fd_;
};

/// Mapped pages that unmap themselves.
class Mapping {
 public:
  Mapping() = default;
  Mapping(char* data, size_t bytes) : data_(data), bytes_(bytes) {}
  ~Mapping();
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  Mapping(Mapping&& other) noexcept;
  Mapping& operator=(Mapping&& other) noexcept;
  char* data() const { return data_; }
  size_t bytes() const { return bytes_; }
  explicit operator bool() const { return data_ != nullptr; }

 private:
  char* data_ = nullptr;
  size_t bytes_ = 0;
};

/// What another process needs to open the file and to know that it is the one.
struct FileName {
  int64_t pid = 0;
  int64_t fd = -1;
  uint64_t device = 0, inode = 0, bytes = 0;
};

struct SharedFile {
  Descriptor descriptor;
  Mapping mapping;
  FileName name;
};

/// Zeroed pages whose size nobody can change; with `reserve` they are really there (no SIGBUS later). False: `error` says why.
bool createShared(size_t bytes, bool reserve, SharedFile& out, std::string& error);
bool openShared(const FileName& name, Mapping& out, std::string& error);

/// "/proc/<pid>/fd/<n>"
std::string pathOf(const FileName& name);

}  // namespace accelerate_ts::comm
#endif
