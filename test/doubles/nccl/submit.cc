// Calls that give work to streams: one by one, as groups, at once or a little later.
#include <unistd.h>

#include <random>
#include <set>
#include <thread>

#include "comm.h"

using doubled::Guard;
using doubled::Touch;
using doubled::violation;

namespace doubled_nccl {
namespace {

thread_local int groupDepth = 0;
thread_local std::vector<Queued> group;

ncclResult_t give(Queued& queued) {
  const Held comm = queued.comm;
  Guard guard(doubled::lock);
  const auto stream = doubled::streamOf(queued.stream);
  if (!stream) return failed(ncclInvalidArgument, "no such stream");
  if (stream->device != comm->device) {
    violation("%s of cuda:%d's communicator on a stream of cuda:%d", queued.what.c_str(), comm->device, stream->device);
    return failed(ncclInvalidArgument, "the stream is of another device");
  }
  doubled::Operation operation;
  operation.what = doubled::interned(queued.what);
  // The library keeps the operations of a communicator in order, whatever their streams.
  if (comm->lastStream && comm->lastStream != stream) operation.after.push_back({comm->lastStream, comm->lastSequence, comm->lastClock});
  comm->open++;
  operation.run = [comm, run = queued.run, first = queued.first] {
    if (!comm->aborted) run(first);
    comm->open--;
  };
  doubled::log("\"launch\":%s,\"stream\":%zu,\"from\":\"nccl\"", doubled::quoted(queued.what).c_str(), stream->index);
  doubled::totals.launches++;
  const uint64_t sequence = doubled::enqueue(stream, std::move(operation), queued.touches);
  comm->lastStream = stream;
  comm->lastSequence = sequence;
  comm->lastClock = std::make_shared<const doubled::Clock>(stream->clock);
  return ncclSuccess;
}

ncclResult_t submit(std::vector<Queued> list) {
  if (list.empty()) return ncclSuccess;
  for (size_t i = 0; i < list.size(); i++)
    for (size_t j = 0; j < i; j++)
      if (list[j].comm == list[i].comm && list[j].stream == list[i].stream) list[i].first = false;
  const Held comm = list.front().comm;
  if (comm->blocking) {
    for (Queued& one : list)
      if (const ncclResult_t error = give(one)) return error;
    return ncclSuccess;
  }
  std::set<Held> all;
  for (const Queued& one : list) all.insert(one.comm);
  for (const Held& one : all) one->state = ncclInProgress;
  const int device = doubled::currentDevice();
  std::thread([list = std::move(list), all, device]() mutable {
    cudaSetDevice(device);
    const doubled::Settings set = doubled::settings();
    if (set.delay > 0 && !set.times.on) pauseFor(unsigned(std::random_device()() % set.delay));
    ncclResult_t result = ncclSuccess;
    if (!unscripted(*list.front().comm, "ncclGroupEnd")) return;
    for (Queued& one : list)
      if (result == ncclSuccess) result = give(one);
    for (const Held& one : all) {
      int expected = ncclInProgress;
      one->state.compare_exchange_strong(expected, result);
    }
  }).detach();
  return ncclInProgress;
}

ncclResult_t add(Queued queued) {
  if (groupDepth > 0) {
    group.push_back(std::move(queued));
    return ncclSuccess;
  }
  std::vector<Queued> one;
  one.push_back(std::move(queued));
  return submit(std::move(one));
}

ncclResult_t start(Function function, const void* from, const void* send, void* receive, size_t count, ncclDataType_t type, ncclRedOp_t operation, int root, ncclComm_t handle, cudaStream_t stream) {
  if (const ncclResult_t begun = begin(names[function], from)) return begun;
  const Held comm = held(handle);
  if (const ncclResult_t error = usable(comm, names[function])) return error;
  const int ranks = comm->link.ranks, rank = comm->link.rank;
  const size_t size = bytesOf(type);
  if (size == 0 || root < 0 || root >= ranks) return failed(ncclInvalidArgument, "bad type or root");
  const bool scaled = int(operation) >= int(ncclNumOps);
  if (scaled && comm->scales.count(int(operation)) == 0) {
    violation("%s with an operation that was destroyed or never made", names[function]);
    return failed(ncclInvalidArgument, "bad operation");
  }
  if (count == 0) return ncclSuccess;
  const size_t sent = count * size * (function == reduceScatter ? size_t(ranks) : 1), received = count * size * (function == allGather ? size_t(ranks) : 1);
  const bool sends = function != broadcast || rank == root, receives = function != reduceTo || rank == root;
  if ((sends && !owns(comm, names[function], send, sent)) || (receives && !owns(comm, names[function], receive, received))) return failed(ncclInvalidArgument, "bad memory");
  std::vector<Touch> touches;
  if (sends) touches.push_back({send, sent, false});
  if (receives) touches.push_back({receive, received, true});
  Plan plan;
  memset(&plan, 0, sizeof plan);
  plan.function = function;
  plan.type = type;
  plan.operation = scaled ? int(ncclNumOps) : int(operation);
  plan.root = root;
  plan.count = count;
  plan.scale = scaled ? comm->scales[int(operation)] : 0;
  doubled::log("\"collective\":\"%s\",\"count\":%zu,\"type\":%d,\"operation\":%d,\"rank\":%d", names[function], count, int(type), int(operation), rank);
  bool later = false;
  const std::string name = std::string("launch:") + names[function];
  const int wanted = doubled::scripted(name.c_str(), doubled::callerOf(from), &later);
  if (wanted != 0 && !later) return failed(ncclResult_t(wanted), "scripted");
  ncclComm* raw = comm.get();
  const char* source = doubled::real(send);
  char* target = doubled::real(receive);
  return add({comm, names[function], stream, touches,
              [raw, plan, source, target, wanted](bool first) {
                if (wanted != 0) {
                  // An error that only ncclCommGetAsyncError tells; the stream stays where it is until the communicator is aborted.
                  if (wanted > 0) {
                    raw->lastError = "scripted";
                    raw->state = wanted;
                  }
                  untilAborted(*raw);
                  return;
                }
                collective(*raw, plan, first, source, target);
              },
              {}});
}

}  // namespace
}  // namespace doubled_nccl

using namespace doubled_nccl;

extern "C" {

ncclResult_t ncclAllReduce(const void* send, void* receive, size_t count, ncclDataType_t type, ncclRedOp_t operation, ncclComm_t comm, cudaStream_t stream) {
  return start(allReduce, __builtin_return_address(0), send, receive, count, type, operation, 0, comm, stream);
}
ncclResult_t ncclReduce(const void* send, void* receive, size_t count, ncclDataType_t type, ncclRedOp_t operation, int root, ncclComm_t comm, cudaStream_t stream) {
  return start(reduceTo, __builtin_return_address(0), send, receive, count, type, operation, root, comm, stream);
}
ncclResult_t ncclBroadcast(const void* send, void* receive, size_t count, ncclDataType_t type, int root, ncclComm_t comm, cudaStream_t stream) {
  return start(broadcast, __builtin_return_address(0), send, receive, count, type, ncclSum, root, comm, stream);
}
ncclResult_t ncclReduceScatter(const void* send, void* receive, size_t count, ncclDataType_t type, ncclRedOp_t operation, ncclComm_t comm, cudaStream_t stream) {
  return start(reduceScatter, __builtin_return_address(0), send, receive, count, type, operation, 0, comm, stream);
}
ncclResult_t ncclAllGather(const void* send, void* receive, size_t count, ncclDataType_t type, ncclComm_t comm, cudaStream_t stream) {
  return start(allGather, __builtin_return_address(0), send, receive, count, type, ncclSum, 0, comm, stream);
}

static ncclResult_t pointToPoint(bool send, const char* function, const void* from, const void* buffer, size_t count, ncclDataType_t type, int peer, ncclComm_t handle, cudaStream_t stream) {
  if (const ncclResult_t begun = begin(function, from)) return begun;
  const Held comm = held(handle);
  if (const ncclResult_t error = usable(comm, function)) return error;
  const size_t bytes = count * bytesOf(type);
  if (bytesOf(type) == 0 || peer < 0 || peer >= comm->link.ranks) return failed(ncclInvalidArgument, "bad type or peer");
  if (!owns(comm, function, buffer, bytes)) return failed(ncclInvalidArgument, "bad memory");
  if (bytes == 0) return ncclSuccess;
  ncclComm* raw = comm.get();
  const Transfer one{send, doubled::real(buffer), bytes, peer};
  return add({comm, function, stream, {{buffer, bytes, !send}}, [raw, one](bool first) { transfer(*raw, {one}, first); }, {one}});
}
ncclResult_t ncclSend(const void* buffer, size_t count, ncclDataType_t type, int peer, ncclComm_t comm, cudaStream_t stream) {
  return pointToPoint(true, "ncclSend", __builtin_return_address(0), buffer, count, type, peer, comm, stream);
}
ncclResult_t ncclRecv(void* buffer, size_t count, ncclDataType_t type, int peer, ncclComm_t comm, cudaStream_t stream) {
  return pointToPoint(false, "ncclRecv", __builtin_return_address(0), buffer, count, type, peer, comm, stream);
}

ncclResult_t ncclGroupStart(void) {
  NCCL(ncclGroupStart);
  groupDepth++;
  return ncclSuccess;
}
ncclResult_t ncclGroupEnd(void) {
  NCCL(ncclGroupEnd);
  if (groupDepth == 0) {
    violation("ncclGroupEnd without ncclGroupStart");
    return failed(ncclInvalidUsage, "no group");
  }
  if (--groupDepth > 0) return ncclSuccess;
  std::vector<Queued> list;
  // Sends and receives of one communicator and stream become one operation, so that they progress together.
  for (Queued& queued : group) {
    Queued* same = nullptr;
    for (Queued& earlier : list)
      if (!earlier.transfers.empty() && !queued.transfers.empty() && earlier.comm == queued.comm && earlier.stream == queued.stream) same = &earlier;
    if (same == nullptr) {
      list.push_back(std::move(queued));
      continue;
    }
    same->transfers.insert(same->transfers.end(), queued.transfers.begin(), queued.transfers.end());
    same->touches.insert(same->touches.end(), queued.touches.begin(), queued.touches.end());
    same->what = "ncclSend and ncclRecv";
    ncclComm* raw = same->comm.get();
    same->run = [raw, transfers = same->transfers](bool first) { transfer(*raw, transfers, first); };
  }
  group.clear();
  return submit(std::move(list));
}
}
