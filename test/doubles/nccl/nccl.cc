// libnccl without a GPU: communicators between real processes whose collectives really move the bytes of doubled device memory, in the order of streams.
// As strict as the rules, not as kind as the library: another call while one is in progress, another stream's device, ranks that do not call alike are reported.
// Prototypes are those of the real header: the compiler compares them.
#include <fcntl.h>
#include <nccl.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <random>
#include <set>
#include <thread>

#include "../cuda/double.h"
#include "link.h"

using doubled::Guard;
using doubled::Touch;
using doubled::violation;
using namespace doubled_nccl;

struct ncclComm {
  Link link;
  int device = 0;
  bool blocking = true;
  const char* owner = "";
  std::atomic<int> state{ncclSuccess};
  std::atomic<bool> aborted{false};
  std::string lastError;
  /** Operations given to streams that are not done yet. */
  std::atomic<int> open{0};
  bool finalized = false;
  uint64_t phase = 0;
  std::map<int, double> scales;
  int nextScale = ncclNumOps;
  std::shared_ptr<doubled::Stream> lastStream;
  uint64_t lastSequence = 0;
  std::shared_ptr<const doubled::Clock> lastClock;
};

namespace {

enum Function : int { allReduce, reduceTo, broadcast, reduceScatter, allGather };
const char* const names[] = {"ncclAllReduce", "ncclReduce", "ncclBroadcast", "ncclReduceScatter", "ncclAllGather"};

using Held = std::shared_ptr<ncclComm>;
std::map<ncclComm_t, Held>& comms = *new std::map<ncclComm_t, Held>;
std::mutex& commLock = *new std::mutex;
thread_local std::string lastError = "";

struct Transfer {
  bool send;
  char* at;
  size_t bytes;
  int peer;
};
struct Queued {
  Held comm;
  std::string what;
  cudaStream_t stream;
  std::vector<Touch> touches;
  /** Is told whether it is the first of a group on its stream. */
  std::function<void(bool)> run;
  std::vector<Transfer> transfers;
  bool first = true;
};
thread_local int groupDepth = 0;
thread_local std::vector<Queued> group;

ncclResult_t failed(ncclResult_t result, const std::string& text) {
  lastError = text;
  doubled::log("\"nccl error\":%d,\"text\":%s", int(result), doubled::quoted(text).c_str());
  return result;
}

/** Script and log of a call; ncclSuccess: go on. */
ncclResult_t begin(const char* function, const void* from) {
  const char* caller = doubled::callerOf(from);
  doubled::log("\"call\":\"%s\",\"from\":\"%s\",\"site\":\"%p\"", function, caller, from);
  const int wanted = doubled::scripted(function, caller);
  return wanted ? failed(ncclResult_t(wanted), "scripted") : ncclSuccess;
}
#define NCCL(name) \
  if (const ncclResult_t begun = begin(#name, __builtin_return_address(0))) return begun

Held held(ncclComm_t comm) {
  std::lock_guard<std::mutex> guard(commLock);
  const auto found = comms.find(comm);
  if (found != comms.end()) return found->second;
  violation("%p is no communicator (destroyed, aborted, or never made)", static_cast<void*>(comm));
  return nullptr;
}
/** One that may be used: made, no call in progress, no error, this thread's device. */
ncclResult_t usable(const Held& comm, const char* function) {
  if (!comm) return ncclInvalidArgument;
  const int state = comm->state;
  if (state == ncclInProgress) {
    violation("%s while an earlier call of the communicator is in progress (ncclCommGetAsyncError says when it is done)", function);
    return failed(ncclInvalidUsage, "in progress");
  }
  if (comm->finalized) {
    violation("%s on a communicator that is finalized", function);
    return failed(ncclInvalidUsage, "finalized");
  }
  if (state != ncclSuccess) return failed(ncclResult_t(state), comm->lastError);
  return ncclSuccess;
}

void pauseFor(unsigned microseconds) { usleep(microseconds); }

/** Waits until `true`; false: aborted, or a peer is gone (peers fail). */
void untilAborted(const ncclComm& comm) {
  while (!comm.aborted) pauseFor(200);
}
bool await(ncclComm& comm, const std::function<bool()>& done) {
  for (unsigned turn = 0; !done(); turn++) {
    if (comm.aborted) return false;
    if (turn < 200) std::this_thread::yield();
    else pauseFor(100);
    if (turn % 512 == 511 && doubled::settings().remoteErrors) {
      for (int r = 0; r < comm.link.ranks; r++) {
        const RankRecord& peer = comm.link.header->rank[r];
        if ((peer.process != 0 && kill(peer.process, 0) != 0) || peer.aborted != 0) {
          comm.lastError = "rank " + std::to_string(r) + " has closed the connection";
          comm.state = ncclRemoteError;
          untilAborted(comm);
          return false;
        }
      }
    }
  }
  return true;
}
/** All ranks have come so far. */
bool phase(ncclComm& comm) {
  const uint64_t wanted = ++comm.phase;
  comm.link.header->rank[comm.link.rank].phase = wanted;
  return await(comm, [&] {
    for (int r = 0; r < comm.link.ranks; r++)
      if (comm.link.header->rank[r].phase < wanted) return false;
    return true;
  });
}

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

/** A collective, on the stream's thread. */
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

/** Sends and receives of a group, side by side. */
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

/** Queues at once, or (a communicator that does not block) a little later: until then the call is in progress. */
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

/** Memory of the communicator's device, all of it there. */
bool owns(const Held& comm, const char* function, const void* address, size_t bytes) {
  if (bytes == 0) return true;
  Guard guard(doubled::lock);
  const doubled::Allocation* memory = doubled::find(address);
  if (memory != nullptr && memory->kind == doubled::Kind::device && memory->device == comm->device && static_cast<const char*>(address) + bytes <= memory->address + memory->bytes) return true;
  violation("%s of %zu bytes of %s, which is not (or not all) memory of cuda:%d", function, bytes, doubled::describe(address).c_str(), comm->device);
  return false;
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

/** Waits for all ranks; in the background where the communicator does not block. */
void meet(const Held& comm) {
  Header& all = *comm->link.header;
  const int ranks = comm->link.ranks, rank = comm->link.rank;
  const bool met = await(*comm, [&] {
    for (int r = 0; r < ranks; r++)
      if (all.rank[r].arrived == 0) return false;
    return true;
  });
  if (!met) return;
  for (int r = 0; r < ranks; r++) {
    if (r == rank || all.rank[r].gpu != all.rank[rank].gpu) continue;
    comm->lastError = "Duplicate GPU detected : rank " + std::to_string(rank) + " and rank " + std::to_string(r) + " both on CUDA device " + std::to_string(all.rank[r].gpu);
    comm->link.unlinkFile();
    comm->state = ncclInvalidUsage;
    return;
  }
  if (!phase(*comm)) return;
  comm->link.unlinkFile();
  int expected = ncclInProgress;
  comm->state.compare_exchange_strong(expected, ncclSuccess);
}

ncclResult_t makeComm(ncclComm_t* out, int ranks, const ncclUniqueId& id, int rank, ncclConfig_t* config, const void* from) {
  if (out == nullptr || ranks < 1 || ranks > mostRanks || rank < 0 || rank >= ranks) return failed(ncclInvalidArgument, "bad rank");
  bool blocking = true;
  if (config != nullptr) {
    if (config->magic != NCCL_API_MAGIC || config->size < 20 || config->version < NCCL_VERSION(2, 14, 0)) {
      violation("a configuration that was not initialized: size %zu, magic %x, version %u", config->size, config->magic, config->version);
      return failed(ncclInvalidArgument, "bad config");
    }
    blocking = config->blocking != 0;
  }
  auto comm = std::make_shared<ncclComm>();
  comm->device = doubled::currentDevice();
  comm->blocking = blocking;
  comm->owner = doubled::callerOf(from);
  comm->state = ncclInProgress;
  const std::string problem = comm->link.open(id, ranks, rank, doubled::physicalDevice(comm->device));
  if (!problem.empty()) return failed(ncclInvalidUsage, problem);
  {
    std::lock_guard<std::mutex> guard(commLock);
    comms[comm.get()] = comm;
  }
  doubled::born("communicator", comm.get(), comm->owner);
  *out = comm.get();
  if (!blocking) {
    std::thread([comm] {
      const doubled::Settings set = doubled::settings();
      if (set.delay > 0) pauseFor(unsigned(std::random_device()() % (set.delay * 10)));
      meet(comm);
    }).detach();
    return ncclInProgress;
  }
  meet(comm);
  const auto state = ncclResult_t(comm->state.load());
  return state == ncclSuccess ? state : failed(state, comm->lastError);
}

void drop(const Held& comm) {
  comm->link.header->rank[comm->link.rank].left = 1;
  doubled::died("communicator", comm.get());
  std::lock_guard<std::mutex> guard(commLock);
  comms.erase(comm.get());
}

}  // namespace

extern "C" {

ncclResult_t ncclGetVersion(int* version) {
  NCCL(ncclGetVersion);
  *version = NCCL_VERSION_CODE;
  return ncclSuccess;
}
ncclResult_t ncclGetUniqueId(ncclUniqueId* id) {
  NCCL(ncclGetUniqueId);
  memset(id, 0, sizeof *id);
  std::random_device random;
  const char* folder = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
  snprintf(id->internal, sizeof id->internal, "%s/accelerate-ts-double-%d-%08x%08x", folder, getpid(), random(), random());
  return ncclSuccess;
}
ncclResult_t ncclCommInitRankConfig(ncclComm_t* comm, int ranks, ncclUniqueId id, int rank, ncclConfig_t* config) {
  NCCL(ncclCommInitRankConfig);
  return makeComm(comm, ranks, id, rank, config, __builtin_return_address(0));
}
ncclResult_t ncclCommInitRank(ncclComm_t* comm, int ranks, ncclUniqueId id, int rank) {
  NCCL(ncclCommInitRank);
  return makeComm(comm, ranks, id, rank, nullptr, __builtin_return_address(0));
}
ncclResult_t ncclCommFinalize(ncclComm_t handle) {
  NCCL(ncclCommFinalize);
  const Held comm = held(handle);
  if (const ncclResult_t error = usable(comm, "ncclCommFinalize")) return error;
  comm->finalized = true;
  const auto finish = [comm] {
    await(*comm, [&] { return comm->open == 0; });
    int expected = ncclInProgress;
    comm->state.compare_exchange_strong(expected, ncclSuccess);
  };
  comm->state = ncclInProgress;
  if (comm->blocking) {
    finish();
    return ncclSuccess;
  }
  std::thread(finish).detach();
  return ncclInProgress;
}
ncclResult_t ncclCommDestroy(ncclComm_t handle) {
  NCCL(ncclCommDestroy);
  const Held comm = held(handle);
  if (!comm) return ncclInvalidArgument;
  if (comm->state == ncclInProgress) violation("ncclCommDestroy while a call of the communicator is in progress");
  await(*comm, [&] { return comm->open == 0; });
  if (!comm->scales.empty()) violation("ncclCommDestroy of a communicator with %zu operations that were not destroyed", comm->scales.size());
  drop(comm);
  return ncclSuccess;
}
ncclResult_t ncclCommAbort(ncclComm_t handle) {
  NCCL(ncclCommAbort);
  const Held comm = held(handle);
  if (!comm) return ncclInvalidArgument;
  comm->aborted = true;
  comm->link.header->rank[comm->link.rank].aborted = 1;
  if (comm->state == ncclInProgress) comm->link.unlinkFile();
  drop(comm);
  return ncclSuccess;
}
ncclResult_t ncclCommGetAsyncError(ncclComm_t handle, ncclResult_t* error) {
  NCCL(ncclCommGetAsyncError);
  const Held comm = held(handle);
  if (!comm) return ncclInvalidArgument;
  *error = ncclResult_t(comm->state.load());
  return ncclSuccess;
}
const char* ncclGetLastError(ncclComm_t handle) {
  if (handle == nullptr) return lastError.c_str();
  const Held comm = held(handle);
  return comm && !comm->lastError.empty() ? comm->lastError.c_str() : lastError.c_str();
}
const char* ncclGetErrorString(ncclResult_t result) {
  switch (result) {
    case ncclSuccess: return "no error";
    case ncclUnhandledCudaError: return "unhandled cuda error (run with NCCL_DEBUG=INFO for details)";
    case ncclSystemError: return "unhandled system error (run with NCCL_DEBUG=INFO for details)";
    case ncclInternalError: return "internal error - please report this issue to the NCCL developers";
    case ncclInvalidArgument: return "invalid argument (run with NCCL_DEBUG=WARN for details)";
    case ncclInvalidUsage: return "invalid usage (run with NCCL_DEBUG=WARN for details)";
    case ncclRemoteError: return "remote process exited or there was a network error";
    case ncclInProgress: return "NCCL operation in progress";
    default: return "unknown result code";
  }
}
ncclResult_t ncclCommCount(const ncclComm_t handle, int* count) {
  NCCL(ncclCommCount);
  const Held comm = held(handle);
  if (const ncclResult_t error = usable(comm, "ncclCommCount")) return error;
  *count = comm->link.ranks;
  return ncclSuccess;
}
ncclResult_t ncclCommCuDevice(const ncclComm_t handle, int* device) {
  NCCL(ncclCommCuDevice);
  const Held comm = held(handle);
  if (const ncclResult_t error = usable(comm, "ncclCommCuDevice")) return error;
  *device = comm->device;
  return ncclSuccess;
}
ncclResult_t ncclCommUserRank(const ncclComm_t handle, int* rank) {
  NCCL(ncclCommUserRank);
  const Held comm = held(handle);
  if (const ncclResult_t error = usable(comm, "ncclCommUserRank")) return error;
  *rank = comm->link.rank;
  return ncclSuccess;
}
ncclResult_t ncclRedOpCreatePreMulSum(ncclRedOp_t* operation, void* scalar, ncclDataType_t type, ncclScalarResidence_t residence, ncclComm_t handle) {
  NCCL(ncclRedOpCreatePreMulSum);
  const Held comm = held(handle);
  if (const ncclResult_t error = usable(comm, "ncclRedOpCreatePreMulSum")) return error;
  if (bytesOf(type) == 0 || scalar == nullptr) return failed(ncclInvalidArgument, "bad scalar");
  if (residence == ncclScalarDevice && !owns(comm, "ncclRedOpCreatePreMulSum", scalar, bytesOf(type))) return ncclInvalidArgument;
  // A scalar on the device is read when the collective runs; the double reads it now, and says so by the type of residence it was given.
  const int number_ = comm->nextScale++;
  comm->scales[number_] = number(type, doubled::real(scalar));
  *operation = ncclRedOp_t(number_);
  return ncclSuccess;
}
ncclResult_t ncclRedOpDestroy(ncclRedOp_t operation, ncclComm_t handle) {
  NCCL(ncclRedOpDestroy);
  const Held comm = held(handle);
  if (!comm) return ncclInvalidArgument;
  if (comm->scales.erase(int(operation)) == 1) return ncclSuccess;
  violation("ncclRedOpDestroy of an operation that is none");
  return failed(ncclInvalidArgument, "bad operation");
}

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
