// Every collective is a row of stages (page.h): after all have posted stage t, everybody reads the material of t, writes its own of t+1 into the other window, and posts t+1.
#include "transfer.h"

#if defined(__linux__)
#include <algorithm>
#include <cstring>

#include "reduce.h"

namespace accelerate_ts::comm {
namespace {

void copy(char* to, const char* from, size_t bytes) {
  if (bytes > 0) std::memcpy(to, from, bytes);  // without bytes there may be no memory either
}

struct Range {
  size_t begin = 0, end = 0;
  size_t length() const { return end - begin; }
};

/// [begin, end) of chunk `index` of `total`, cut to what there is.
Range chunkOf(size_t total, size_t chunk, size_t index) { return {std::min(total, index * chunk), std::min(total, (index + 1) * chunk)}; }

/// Where a rank's numbers lie when they are reduced: its own in place, the others' in their windows.
struct Sources {
  const void* of[kMaxRanks];
};

struct Work {
  Group& group;
  const Call& call;
  const size_t ranks, own, item;
  const size_t count;
  const Buffers buffers;
  const Reduce reduce;

  char* mine(uint32_t stage) const { return group.material(static_cast<int>(own), stage); }
  const char* theirs(size_t rank, uint32_t stage) const { return group.material(static_cast<int>(rank), stage); }

  /// Waits for the first stage and sees that all have made the same call.
  bool begin() const {
    group.post();
    return group.await() && group.agreed();
  }
  bool proceed() const {
    group.post();
    return group.await();
  }

  bool barrier() const { return begin(); }

  /// One stage: everybody reads all and computes the whole result, in the same order.
  bool allReduceSmall() const {
    copy(mine(group.next()), buffers.in, count * item);
    if (!begin()) return false;
    const uint32_t stage = group.next() - 1;
    Sources sources;
    for (size_t r = 0; r < ranks; r++) sources.of[r] = theirs(r, stage);
    reduce(buffers.out, nullptr, sources.of, ranks, count);
    return true;
  }

  // Windows of the large all-reduce hold `ranks` slices: slot r what rank r will add up, and the slot of the rank itself the sums that it has made.
  // The numbers go in rounds of `ranks` slices; slice r of each round is rank r's. Stage k carries the numbers of round k and the sums of round k-1.
  bool allReduceLarge() const {
    const size_t slice = group.window() / ranks / kLine * kLine / item, round = slice * ranks, rounds = (count + round - 1) / round;
    const auto sliceOf = [&](size_t k, size_t r) {
      const Range range = chunkOf(count, round, k);
      // The last round is shared evenly, too; in whole cache lines, so that no two ranks write the same one.
      const size_t line = kLine / item, even = std::min(slice, ((range.length() + ranks - 1) / ranks + line - 1) / line * line);
      const Range part = chunkOf(range.length(), even, r);
      return Range{range.begin + part.begin, range.begin + part.end};
    };
    const auto slot = [&](size_t r) { return r * slice * item; };
    const auto give = [&](size_t k, uint32_t stage) {
      for (size_t r = 0; r < ranks; r++) {
        const Range part = sliceOf(k, r);
        if (r != own) copy(mine(stage) + slot(r), buffers.in + part.begin * item, part.length() * item);
      }
    };
    give(0, group.next());
    if (!begin()) return false;
    for (size_t k = 0;; k++) {
      const uint32_t stage = group.next() - 1;
      if (k > 0) {
        for (size_t i = 1; i < ranks; i++) {
          const size_t r = (own + i) % ranks;  // not all from the same one at once
          const Range part = sliceOf(k - 1, r);
          copy(buffers.out + part.begin * item, theirs(r, stage) + slot(r), part.length() * item);
        }
      }
      if (k == rounds) return true;
      const Range part = sliceOf(k, own);
      Sources sources;
      for (size_t r = 0; r < ranks; r++) sources.of[r] = r == own ? buffers.in + part.begin * item : theirs(r, stage) + slot(own);
      reduce(buffers.out + part.begin * item, mine(stage + 1) + slot(own), sources.of, ranks, part.length());
      if (k + 1 < rounds) give(k + 1, stage + 1);
      if (!proceed()) return false;
    }
  }

  /// count: of the input; each rank's part of it is added up by that rank.
  bool reduceScatter() const {
    const size_t part = count / ranks, slice = group.window() / ranks / kLine * kLine / item;
    const auto give = [&](size_t k, uint32_t stage) {
      const Range range = chunkOf(part, slice, k);
      for (size_t r = 0; r < ranks; r++)
        if (r != own) copy(mine(stage) + r * slice * item, buffers.in + (r * part + range.begin) * item, range.length() * item);
    };
    give(0, group.next());
    if (!begin()) return false;
    for (size_t k = 0;; k++) {
      const uint32_t stage = group.next() - 1;
      const Range range = chunkOf(part, slice, k);
      Sources sources;
      for (size_t r = 0; r < ranks; r++) sources.of[r] = r == own ? buffers.in + (own * part + range.begin) * item : theirs(r, stage) + own * slice * item;
      reduce(buffers.out + range.begin * item, nullptr, sources.of, ranks, range.length());
      if ((k + 1) * slice >= part) return true;
      give(k + 1, stage + 1);
      if (!proceed()) return false;
    }
  }

  bool allGather() const {
    const size_t chunk = group.window() / item;
    const auto give = [&](size_t k, uint32_t stage) {
      const Range range = chunkOf(count, chunk, k);
      copy(mine(stage), buffers.in + range.begin * item, range.length() * item);
    };
    give(0, group.next());
    if (!begin()) return false;
    for (size_t k = 0;; k++) {
      const uint32_t stage = group.next() - 1;
      const Range range = chunkOf(count, chunk, k);
      for (size_t i = 0; i < ranks; i++) {
        const size_t r = (own + i) % ranks;
        char* to = buffers.out + (r * count + range.begin) * item;
        if (r != own) copy(to, theirs(r, stage), range.length() * item);
        else if (to != buffers.in + range.begin * item) copy(to, buffers.in + range.begin * item, range.length() * item);
      }
      if ((k + 1) * chunk >= count) return true;
      give(k + 1, stage + 1);
      if (!proceed()) return false;
    }
  }

  bool broadcast() const {
    const size_t chunk = group.window() / item, root = static_cast<size_t>(call.root);
    const auto give = [&](size_t k, uint32_t stage) {
      const Range range = chunkOf(count, chunk, k);
      if (own == root) copy(mine(stage), buffers.in + range.begin * item, range.length() * item);
    };
    give(0, group.next());
    if (!begin()) return false;
    for (size_t k = 0;; k++) {
      const uint32_t stage = group.next() - 1;
      const Range range = chunkOf(count, chunk, k);
      if (own != root) copy(buffers.out + range.begin * item, theirs(root, stage), range.length() * item);
      if ((k + 1) * chunk >= count) return true;
      give(k + 1, stage + 1);
      if (!proceed()) return false;
    }
  }

  // Above it, each rank's adding up everything costs more than another stage does.
  static constexpr size_t smallBytes = 8192;

  bool allReduce() const { return count * item <= std::min(smallBytes, group.window()) ? allReduceSmall() : allReduceLarge(); }
};

using Step = bool (Work::*)() const;
constexpr Step steps[] = {&Work::allReduce, &Work::reduceScatter, &Work::allGather, &Work::broadcast, &Work::barrier, nullptr, &Work::barrier};  // Op

}  // namespace

bool transfer(Group& group, const Call& call, Buffers buffers, int64_t timeoutNs, const std::atomic<bool>& interrupted) {
  if (!group.enter(call, timeoutNs, interrupted)) return false;
  const Work work = {group,  call, static_cast<size_t>(group.size()), static_cast<size_t>(group.rank()), std::max<size_t>(1, bytesOf(call.dtype)), call.count,
                     buffers, reduceOf(call.dtype, call.reduce)};
  const bool done = buffers.elsewhere ? work.barrier() : (work.*steps[static_cast<size_t>(call.op)])();
  if (done) group.leave();
  return done;
}

bool allocate(Group& group, const Call& call, bool reserve, int64_t timeoutNs, const std::atomic<bool>& interrupted, Mapping& out, std::string& error) {
  /// A rank's material: its news.
  struct News {
    FileName file;
    char error[256];
  };
  if (!group.enter(call, timeoutNs, interrupted)) return false;
  SharedFile made;
  const auto tell = [&](const FileName& file, const std::string& text) {
    News news = {file, {}};
    std::strncpy(news.error, text.c_str(), sizeof news.error - 1);
    std::memcpy(group.material(group.rank(), group.next()), &news, sizeof news);
  };
  const auto hear = [&](int rank) {
    News news;
    std::memcpy(&news, group.material(rank, group.next() - 1), sizeof news);
    news.error[sizeof news.error - 1] = 0;
    return news;
  };
  std::string failed;
  if (group.rank() == 0) createShared(std::max<size_t>(1, call.count), reserve, made, failed);
  tell(made.name, failed);
  group.post();
  if (!group.await() || !group.agreed()) return false;
  const News first = hear(0);
  if (group.rank() != 0) {
    failed.clear();
    if (first.error[0] == 0) openShared(first.file, made.mapping, failed);
  }
  tell({}, failed);
  group.post();
  if (!group.await()) return false;
  for (int r = 0; r < group.size() && error.empty(); r++) {
    const News news = hear(r);
    if (news.error[0] != 0) error = "rank " + std::to_string(group.nameOf(r)) + " has no memory to share: " + news.error;
  }
  if (error.empty()) out = std::move(made.mapping);
  group.leave();
  return true;
}

}  // namespace accelerate_ts::comm
#endif
