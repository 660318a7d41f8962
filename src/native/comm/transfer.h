// The collectives: what each rank writes, waits for and reads.
#pragma once
#if defined(__linux__)
#include <atomic>

#include "group.h"

namespace accelerate_ts::comm {

/// Memory of the caller. In and out are the same for what works in place; for reduce-scatter and all-gather the smaller may be the rank's own part of the larger.
struct Buffers {
  const char* in = nullptr;
  char* out = nullptr;
  /// The ranks meet and compare their calls; the numbers travel elsewhere.
  bool elsewhere = false;
};

/// Carries out a call on the comm thread. False: the group has ended, is closed, or this process ends.
bool transfer(Group& group, const Call& call, Buffers buffers, int64_t timeoutNs, const std::atomic<bool>& interrupted);

/// A collective, too: the same zeroed memory on every rank. True with `error` set: there is none, on no rank, but the group goes on.
bool allocate(Group& group, const Call& call, bool reserve, int64_t timeoutNs, const std::atomic<bool>& interrupted, Mapping& out, std::string& error);

}  // namespace accelerate_ts::comm
#endif
