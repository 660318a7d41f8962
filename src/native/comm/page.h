// The memory that the ranks of a group share: one page of words about every rank, and the windows through which numbers travel.
#pragma once
#include <pthread.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace accelerate_ts::comm {

constexpr size_t kLine = 64;
constexpr uint64_t kMagic = 0x31766d6873737461;  // "atsshmv1": another layout gets another number
constexpr size_t kMaxRanks = 256;
constexpr size_t kSiteChars = 128, kPurposeChars = 96, kReasonChars = 192, kMessageChars = 4096, kCodeChars = 40, kCoreWords = 16;

// TensorProto.DataType, as in graph/dtype.ts.
enum class DType : int32_t { float32 = 1, uint8 = 2, int8 = 3, int32 = 6, int64 = 7, boolean = 9, float16 = 10, float64 = 11, bfloat16 = 16 };
enum class ReduceOp : int32_t { none = -1, sum = 0, mean = 1, max = 2 };
// The order is that of `collectiveNames` in shm/native-shm.ts.
enum class Op : int32_t { none = -1, allReduce = 0, reduceScatter = 1, allGather = 2, broadcast = 3, barrier = 4, allocate = 5, join = 6 };

// What a rank has entered. All but site and purpose must be the same on all ranks.
struct Call {
  uint64_t sequence = 0;
  uint64_t count = 0;  // of its input, in elements
  Op op = Op::none;
  DType dtype = DType::uint8;
  ReduceOp reduce = ReduceOp::none;
  int32_t root = -1;
  char site[kSiteChars] = {};
  char purpose[kPurposeChars] = {};
};

enum class RankState : uint32_t { absent = 0, here = 1, left = 2, failed = 3 };

/// Written by its rank, read by all.
struct alignas(kLine) Slot {
  // The number of the last stage that the rank has reached: before it posts stage t, it has written its material of t and has finished reading that of t-1.
  // The material of t lies in the window t % 2. So after all have posted t, a rank may read everybody's material of t and write its own of t+1.
  std::atomic<uint32_t> stage;     // a futex
  std::atomic<uint32_t> sleepers;  // on it
  alignas(kLine) std::atomic<uint32_t> state;  // RankState
  std::atomic<int32_t> pid;
  std::atomic<uint64_t> startTime;  // in /proc/<pid>/stat: tells the process from a later one with the same number
  uint64_t pidNamespace;            // in which pid means something
  uint64_t cores[kCoreWords];       // where it may run, one bit per core
  char reason[kReasonChars];        // of left and failed
  // Robust, and held by the rank's JS thread while it is here: the kernel hands it over when the thread dies, before it takes the process's memory apart, which may
  // take longer than anybody wants to wait for the news.
  alignas(kLine) pthread_mutex_t life;
  // For those who look without being in step: odd while being changed.
  alignas(kLine) std::atomic<uint32_t> version;
  std::atomic<uint32_t> waiting;  // inside calls[newest]
  std::atomic<uint32_t> newest;
  std::atomic<int64_t> since;  // of the monotonic clock, ns: when it entered or left it
  Call calls[2];               // as the windows: that of first stage t in t % 2
};

enum class FaultState : uint32_t { none = 0, written = 1, set = 2 };

struct Page {
  uint64_t magic;
  unsigned char nonce[16];
  uint32_t ranks;
  uint64_t window;  // bytes of one window; every rank has two
  uint64_t total;   // bytes of all
  // The first fault counts; it ends the group.
  alignas(kLine) std::atomic<uint32_t> fault;  // FaultState
  uint32_t faultRanks;
  uint16_t faultRank[kMaxRanks];
  char faultCode[kCodeChars];
  char faultMessage[kMessageChars];
  alignas(kLine) Slot slots[1];  // [ranks]
};

constexpr size_t pageBytes(size_t ranks) { return (sizeof(Page) + (ranks - 1) * sizeof(Slot) + 4095) / 4096 * 4096; }
constexpr size_t totalBytes(size_t ranks, size_t window) { return pageBytes(ranks) + ranks * 2 * window; }

static_assert(std::atomic<uint32_t>::is_always_lock_free && std::atomic<uint64_t>::is_always_lock_free, "atomics in shared memory must not use a process's own locks");

}  // namespace accelerate_ts::comm
