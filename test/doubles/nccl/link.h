// How ranks of a doubled communicator meet: a file that all map, with one record per rank, a buffer per rank for collectives, a channel per pair for send and receive.
#pragma once

#include <nccl.h>

#include <atomic>
#include <cstdint>
#include <string>

namespace doubled_nccl {

constexpr int mostRanks = 16;
constexpr size_t chunk = size_t{1} << 20;
constexpr size_t channelBytes = size_t{256} << 10;

/** What a rank is about to do; all ranks of a collective must say the same. */
struct Plan {
  int32_t function, type, operation, root;
  uint64_t count;
  double scale;
};
struct RankRecord {
  std::atomic<int32_t> process;
  int32_t gpu;
  std::atomic<uint32_t> arrived;
  std::atomic<uint32_t> left;
  /** Phases of collectives this rank has reached. */
  std::atomic<uint64_t> phase;
  /** Modelled time: when the collective could begin here. */
  double ready;
  std::atomic<uint32_t> aborted;
  Plan plan;
};
struct Channel {
  std::atomic<uint64_t> written, read;
  /** Modelled time: when the send could begin. */
  std::atomic<double> ready;
};
struct Header {
  std::atomic<uint32_t> ready;
  int32_t ranks;
  RankRecord rank[mostRanks];
  Channel channel[mostRanks][mostRanks];
};

class Link {
 public:
  /** Maps the file of an id, making it where this rank is first. Throws nothing; "" or what went wrong. */
  std::string open(const ncclUniqueId& id, int ranks, int rank, int gpu);
  ~Link();
  Header* header = nullptr;
  int ranks = 0;
  int rank = 0;
  char* buffer(int of) const { return data_ + size_t(of) * chunk; }
  char* channel(int from, int to) const { return data_ + size_t(ranks) * chunk + (size_t(from) * size_t(ranks) + size_t(to)) * channelBytes; }
  void unlinkFile();

 private:
  std::string path_;
  char* data_ = nullptr;
  size_t bytes_ = 0;
};

size_t bytesOf(ncclDataType_t type);
/** into[i] = the ranks' values reduced in the order of ranks; rounded once. */
void reduce(ncclDataType_t type, ncclRedOp_t operation, double scale, const char* const* from, int ranks, char* into, size_t count);
/** One number of a type, as the host or a device holds it. */
double number(ncclDataType_t type, const char* at);

}  // namespace doubled_nccl
