// The mapping of files, and the table of those that are mapped.
#include "mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <map>
#include <mutex>
#include <tuple>

namespace accelerate_ts {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

auto fields(const FileIdentity& identity) { return std::tie(identity.device, identity.inode, identity.size, identity.modified); }

FileIdentity identityOf(const struct stat& status) {
#if defined(__APPLE__)
  const struct timespec& modified = status.st_mtimespec;
#else
  const struct timespec& modified = status.st_mtim;
#endif
  return {static_cast<uint64_t>(status.st_dev), static_cast<uint64_t>(status.st_ino), static_cast<uint64_t>(status.st_size),
          static_cast<int64_t>(modified.tv_sec) * 1000000000 + modified.tv_nsec};
}

const char* nameOf(int code) {
  switch (code) {
    case ENOENT: return "ENOENT";
    case EACCES: return "EACCES";
    case EPERM: return "EPERM";
    case EMFILE: return "EMFILE";
    case ENFILE: return "ENFILE";
    case ENOMEM: return "ENOMEM";
    case ENODEV: return "ENODEV";
    case EIO: return "EIO";
    case ESTALE: return "ESTALE";
    default: return "ERR_FILE_MAP";
  }
}

std::shared_ptr<MappedFile> failed(const std::string& path, const char* what, int code, MapError& error) {
  error = {nameOf(code), path + ": " + what + " (" + std::strerror(code) + ")"};
  return nullptr;
}

// Threads come and go; whichever is the last to let go of a mapping unmaps it.
struct Table {
  std::mutex mutex;
  std::map<FileIdentity, std::weak_ptr<MappedFile>> files;
};
// Never destroyed: threads may still let go of files while the process ends.
Table& table() {
  static Table* const instance = new Table;
  return *instance;
}

std::shared_ptr<MappedFile> mapNew(const std::string& path, const FileIdentity& identity, MapError& error) {
  const Descriptor fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0) return failed(path, "cannot be opened", errno, error);
  struct stat status;
  if (fstat(fd.get(), &status) != 0) return failed(path, "cannot be looked at", errno, error);
  if (!(identityOf(status) == identity)) {
    error = {"ERR_FILE_CHANGED", path + ": the file was changed or replaced after it was opened"};
    return nullptr;
  }
  void* const address = mmap(nullptr, identity.size, PROT_READ, MAP_SHARED, fd.get(), 0);
  if (address == MAP_FAILED) return failed(path, "cannot be mapped into memory", errno, error);
  auto* const mapping = new MappedFile(static_cast<char*>(address), identity.size);
  return std::shared_ptr<MappedFile>(mapping, [identity](MappedFile* file) {
    {
      Table& open = table();
      const std::lock_guard<std::mutex> lock(open.mutex);
      const auto entry = open.files.find(identity);
      // Another thread may have mapped the file anew in the meantime.
      if (entry != open.files.end() && entry->second.expired()) open.files.erase(entry);
    }
    delete file;
  });
}

}  // namespace

bool FileIdentity::operator<(const FileIdentity& other) const { return fields(*this) < fields(other); }
bool FileIdentity::operator==(const FileIdentity& other) const { return fields(*this) == fields(other); }

MappedFile::~MappedFile() { munmap(data_, size_); }

std::shared_ptr<MappedFile> mapFile(const std::string& path, const FileIdentity& identity, MapError& error) {
  Table& open = table();
  const std::lock_guard<std::mutex> lock(open.mutex);
  const auto entry = open.files.find(identity);
  if (entry != open.files.end()) {
    if (auto file = entry->second.lock()) return file;
  }
  auto file = mapNew(path, identity, error);
  if (file) open.files[identity] = file;
  return file;
}

}  // namespace accelerate_ts
