// Communicators of libnccl's double: the rules that all calls keep, and how ranks wait for each other.
#include "comm.h"

#include <signal.h>
#include <unistd.h>

#include <cstring>
#include <thread>

using doubled::Guard;
using doubled::violation;

namespace doubled_nccl {

const char* const names[] = {"ncclAllReduce", "ncclReduce", "ncclBroadcast", "ncclReduceScatter", "ncclAllGather"};

namespace {
std::map<ncclComm_t, Held>& comms = *new std::map<ncclComm_t, Held>;
std::mutex& commLock = *new std::mutex;
thread_local std::string lastError = "";
}  // namespace

ncclResult_t failed(ncclResult_t result, const std::string& text) {
  lastError = text;
  doubled::log("\"nccl error\":%d,\"text\":%s", int(result), doubled::quoted(text).c_str());
  return result;
}

ncclResult_t begin(const char* function, const void* from) {
  const char* caller = doubled::callerOf(from);
  doubled::log("\"call\":\"%s\",\"from\":\"%s\",\"site\":\"%p\"", function, caller, from);
  const int wanted = doubled::scripted(function, caller);
  return wanted ? failed(ncclResult_t(wanted), "scripted") : ncclSuccess;
}

Held held(ncclComm_t comm) {
  std::lock_guard<std::mutex> guard(commLock);
  const auto found = comms.find(comm);
  if (found != comms.end()) return found->second;
  violation("%p is no communicator (destroyed, aborted, or never made)", static_cast<void*>(comm));
  return nullptr;
}
void hold(const Held& comm) {
  std::lock_guard<std::mutex> guard(commLock);
  comms[comm.get()] = comm;
}
void drop(const Held& comm) {
  comm->link.header->rank[comm->link.rank].left = 1;
  doubled::died("communicator", comm.get());
  std::lock_guard<std::mutex> guard(commLock);
  comms.erase(comm.get());
}

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


bool owns(const Held& comm, const char* function, const void* address, size_t bytes) {
  if (bytes == 0) return true;
  Guard guard(doubled::lock);
  const doubled::Allocation* memory = doubled::find(address);
  if (memory != nullptr && memory->kind == doubled::Kind::device && memory->device == comm->device && static_cast<const char*>(address) + bytes <= memory->address + memory->bytes) return true;
  violation("%s of %zu bytes of %s, which is not (or not all) memory of cuda:%d", function, bytes, doubled::describe(address).c_str(), comm->device);
  return false;
}

void pauseFor(unsigned microseconds) { usleep(microseconds); }

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
bool unscripted(ncclComm& comm, const char* name) {
  bool later = false;
  const int wanted = doubled::scripted((std::string("launch:") + name).c_str(), comm.owner, &later);
  if (wanted == 0) return true;
  if (wanted < 0) {
    untilAborted(comm);
    return false;
  }
  comm.lastError = "scripted";
  comm.state = wanted;
  return false;
}
bool phase(ncclComm& comm) {
  const uint64_t wanted = ++comm.phase;
  comm.link.header->rank[comm.link.rank].phase = wanted;
  return await(comm, [&] {
    for (int r = 0; r < comm.link.ranks; r++)
      if (comm.link.header->rank[r].phase < wanted) return false;
    return true;
  });
}

}  // namespace doubled_nccl

using namespace doubled_nccl;

extern "C" {

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
}
