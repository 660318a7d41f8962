// What the streams of a communicator do: collectives and transfers that move the bytes of doubled device memory between processes, and their modelled time.
#include <cstring>
#include <set>

#include "comm.h"

using doubled::violation;

namespace doubled_nccl {
namespace {

std::string planText(const Plan& plan) {
  char text[160];
  snprintf(text, sizeof text, "%s of %lu elements of type %d (operation %d, root %d, scale %g)", names[plan.function], plan.count, plan.type, plan.operation, plan.root, plan.scale);
  return text;
}

/** Bytes that a rank of a ring sends. */
double volumeOf(const Plan& plan, int ranks) {
  const double bytes = double(plan.count) * double(bytesOf(ncclDataType_t(plan.type))), others = ranks - 1;
  switch (plan.function) {
    case allReduce: return bytes * 2 * others / ranks;
    // Counted by the part of one rank.
    case reduceScatter: case allGather: return bytes * others;
    default: return ranks > 1 ? bytes : 0;
  }
}
/** Modelled time: begins when all ranks could. `first` of a group of calls. */
void model(const Link& link, double bytes, bool first) {
  doubled::Span& span = doubled::span();
  if (!span.on) return;
  const doubled::Times times = doubled::settings().times;
  for (int r = 0; r < link.ranks; r++) span.begin = std::max(span.begin, link.header->rank[r].ready);
  span.end = span.begin + (first ? times.networkEach : 0) + times.ofNetwork(bytes);
}

}  // namespace

void collective(ncclComm& comm, Plan plan, bool first, const char* send, char* receive) {
  Link& link = comm.link;
  Header& all = *link.header;
  all.rank[link.rank].plan = plan;
  all.rank[link.rank].ready = doubled::span().ready;
  if (!phase(comm)) return;
  for (int r = 0; r < link.ranks; r++) {
    if (memcmp(&all.rank[r].plan, &plan, sizeof plan) == 0) continue;
    violation("rank %d calls %s, rank %d calls %s: the library would hang or mix them up", link.rank, planText(plan).c_str(), r, planText(all.rank[r].plan).c_str());
    comm.lastError = "the ranks do not call alike";
    comm.state = ncclInternalError;
    untilAborted(comm);
    return;
  }
  const auto type = ncclDataType_t(plan.type);
  model(link, volumeOf(plan, link.ranks), first);
  const auto operation = ncclRedOp_t(plan.operation);
  const size_t size = bytesOf(type);
  const bool parts = plan.function == reduceScatter;
  const size_t step = chunk / size / (parts ? size_t(link.ranks) : 1);
  const char* from[mostRanks];
  for (size_t at = 0; at < plan.count; at += step) {
    const size_t count = std::min(step, size_t(plan.count) - at);
    char* own = link.buffer(link.rank);
    if (parts) {
      for (int r = 0; r < link.ranks; r++) memcpy(own + size_t(r) * step * size, send + (size_t(r) * plan.count + at) * size, count * size);
    } else if (plan.function != broadcast || link.rank == plan.root) {
      memcpy(own, send + at * size, count * size);
    }
    if (!phase(comm)) return;
    switch (plan.function) {
      case broadcast: memmove(receive + at * size, link.buffer(plan.root), count * size); break;
      case allGather:
        for (int r = 0; r < link.ranks; r++) memcpy(receive + (size_t(r) * plan.count + at) * size, link.buffer(r), count * size);
        break;
      default:
        if (plan.function == reduceTo && link.rank != plan.root) break;
        for (int r = 0; r < link.ranks; r++) from[r] = link.buffer(r) + (parts ? size_t(link.rank) * step * size : 0);
        reduce(type, operation, plan.scale, from, link.ranks, receive + at * size, count);
    }
    if (!phase(comm)) return;
  }
}

void transfer(ncclComm& comm, std::vector<Transfer> list, bool first) {
  Link& link = comm.link;
  std::vector<size_t> done(list.size());
  doubled::Span& span = doubled::span();
  await(comm, [&] {
    bool all = true;
    std::set<std::pair<bool, int>> busy;
    for (size_t i = 0; i < list.size(); i++) {
      const Transfer& t = list[i];
      if (done[i] == t.bytes) continue;
      all = false;
      // Several to one peer go one after the other.
      if (!busy.insert({t.send, t.peer}).second) continue;
      const int from = t.send ? link.rank : t.peer, to = t.send ? t.peer : link.rank;
      Channel& channel = link.header->channel[from][to];
      char* data = link.channel(from, to);
      const uint64_t written = channel.written, read = channel.read;
      const uint64_t position = t.send ? written : read;
      const size_t room = t.send ? channelBytes - size_t(written - read) : size_t(written - read);
      const size_t count = std::min({room, t.bytes - done[i], channelBytes - size_t(position % channelBytes)});
      if (count == 0) continue;
      // Modelled time: a receive begins no earlier than its send.
      if (t.send) channel.ready = span.ready;
      else if (done[i] == 0 && span.on) span.begin = std::max(span.begin, double(channel.ready));
      char* inChannel = data + position % channelBytes;
      if (t.send) memcpy(inChannel, t.at + done[i], count);
      else memcpy(t.at + done[i], inChannel, count);
      (t.send ? channel.written : channel.read) = position + count;
      done[i] += count;
    }
    return all;
  });
  if (!span.on) return;
  double sent = 0, received = 0;
  for (const Transfer& t : list) (t.send ? sent : received) += double(t.bytes);
  const doubled::Times times = doubled::settings().times;
  span.end = span.begin + (first ? times.networkEach : 0) + times.ofNetwork(std::max(sent, received));
}

}  // namespace doubled_nccl
