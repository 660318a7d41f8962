// What ranks tell each other: the header that opens every collective, and the faults that end a group. Same machine type on all hosts (checked when they meet).
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace accelerate_ts {

enum class Collective : uint32_t { kMeet, kAllReduce, kReduceScatter, kAllGather, kBroadcast, kBarrier };
enum class Reduce : uint32_t { kNone, kSum, kMean, kMax };

// Of one collective of one rank; the first fields are compared, the rest is for messages.
struct Header {
  // First, and 0 in memory that waits for a header: what has arrived can be seen from any thread.
  uint64_t sequence;
  // Elements of each rank's input.
  uint64_t count;
  Collective collective;
  Reduce reduce;
  // TensorProto.DataType; 0 for none.
  uint32_t dtype;
  int32_t root;
  // Of the sum; 0: none.
  double divisor;
  // Of the payload behind the header: the numbers themselves where they are few.
  uint64_t payloadBytes;
  char site[160];
  char purpose[112];

  bool agrees(const Header& other) const {
    return sequence == other.sequence && count == other.count && collective == other.collective && reduce == other.reduce && dtype == other.dtype &&
           root == other.root && divisor == other.divisor;
  }
};
static_assert(sizeof(Header) == 320, "the layout is part of the protocol");

// Why a group ended. Ranks are those of the whole job.
struct Fault {
  std::string code;
  std::string message;
  std::vector<int> ranks;
};

// What a rank says outside of collectives.
struct Notice {
  enum class Kind : uint32_t {
    kNone,
    // The group has ended, with this fault.
    kFault,
    // This rank is going; it has finished collective number `sequence`. The message says why.
    kLeave,
    // This rank has waited for its whole deadline; it is not the one who is missing.
    kLate,
  };
  // First, and kNone in memory that waits for a notice.
  Kind kind;
  uint32_t rankCount;
  uint64_t sequence;
  int32_t ranks[64];
  char code[40];
  char message[2000];
  // Last, and 0 in memory that waits for a notice.
  uint64_t end;
};
static_assert(sizeof(Notice) == 2320, "nothing behind the end");
constexpr uint64_t kNoticeEnd = 0x454e4421;

Notice noticeOf(const Fault& fault);
Fault faultOf(const Notice& notice);

// names: the job's rank of every rank of the group.
using Names = std::vector<int>;

// "all-reduce 2 (gradient exchange, float32 [12]) at train.ts:40:9"
std::string describe(const Header& header);
// headers: of all ranks. The message is the same wherever it is made.
Fault mismatch(const std::vector<const Header*>& headers, const Names& names);
// "rank 3", "ranks 1, 3 and 4"
std::string listed(const std::vector<int>& ranks);
// Copies with an end, cut between characters of UTF-8.
void copyText(char* to, size_t room, const std::string& text);

}  // namespace accelerate_ts
