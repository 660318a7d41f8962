// Files mapped read-only into memory, once per process: all threads that map the same file share one mapping.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace accelerate_ts {

/// Tells a file from every other one, and from itself after a change.
struct FileIdentity {
  uint64_t device;
  uint64_t inode;
  uint64_t size;
  int64_t modified;  // ns since 1970

  bool operator<(const FileIdentity& other) const;
  bool operator==(const FileIdentity& other) const;
};

/// Owns its pages. Valid as long as the file is not made shorter: reading beyond its new end would raise SIGBUS.
class MappedFile {
 public:
  MappedFile(char* data, size_t size) : data_(data), size_(size) {}
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  char* data() const { return data_; }
  size_t size() const { return size_; }

 private:
  char* data_;
  size_t size_;
};

struct MapError {
  std::string code;  // ERR_FILE_CHANGED, or the name of errno
  std::string message;
};

/// The mapping of a file: the one that somebody in this process holds (also when the path is gone by now), or a new one. Null: see error.
std::shared_ptr<MappedFile> mapFile(const std::string& path, const FileIdentity& identity, MapError& error);

}  // namespace accelerate_ts
