// What libraries give out and get back, and the report of a process's end: what was not given back, and how much was done.
#include <map>

#include "double.h"

namespace doubled {
namespace {

struct Handle {
  std::string kind;
  const char* owner;
};
std::mutex& handleLock = *new std::mutex;
std::map<const void*, Handle>& handles = *new std::map<const void*, Handle>;

}  // namespace

void born(const char* kind, const void* handle, const char* owner) {
  std::lock_guard<std::mutex> guard(handleLock);
  handles[handle] = {kind, owner};
}
bool died(const char* kind, const void* handle) {
  std::lock_guard<std::mutex> guard(handleLock);
  const auto found = handles.find(handle);
  if (found == handles.end() || found->second.kind != kind) return false;
  handles.erase(found);
  return true;
}
bool alive(const char* kind, const void* handle) {
  std::lock_guard<std::mutex> guard(handleLock);
  const auto found = handles.find(handle);
  return found != handles.end() && found->second.kind == kind;
}

namespace {
/** What was not given back, by who had asked for it; and the totals. */
__attribute__((destructor)) void report() {
  std::map<std::string, std::map<std::string, int>> left;
  {
    std::lock_guard<std::mutex> guard(handleLock);
    for (const auto& [handle, what] : handles) left[what.owner][what.kind]++;
  }
  std::string leaks;
  for (const auto& [owner, kinds] : left) {
    std::string inside;
    for (const auto& [kind, count] : kinds) inside += (inside.empty() ? "" : ",") + quoted(kind) + ":" + std::to_string(count);
    leaks += (leaks.empty() ? "" : ",") + quoted(owner) + ":{" + inside + "}";
  }
  const Totals& t = totals;
  log("\"exit\":{\"leaks\":{%s},\"launches\":%lu,\"graphLaunches\":%lu,\"hostToDevice\":%lu,\"deviceToHost\":%lu,\"deviceToDevice\":%lu,\"bytesUp\":%lu,\"bytesDown\":%lu,"
      "\"allocations\":%lu,\"pinnedAllocations\":%lu,\"memsets\":%lu,\"violations\":%lu}",
      leaks.c_str(), t.launches, t.graphLaunches, t.hostToDevice, t.deviceToHost, t.deviceToDevice, t.bytesUp, t.bytesDown, t.allocations, t.pinnedAllocations, t.memsets, t.violations);
}
}  // namespace

}  // namespace doubled
