// libnccl without a GPU: communicators between real processes whose collectives really move the bytes of doubled device memory, in the order of streams. Here: how they begin and end.
// As strict as the rules, not as kind as the library: another call while one is in progress, another stream's device, ranks that do not call alike are reported.
// Prototypes are those of the real header: the compiler compares them.
#include <fcntl.h>
#include <unistd.h>

#include <cstring>
#include <random>
#include <thread>

#include "comm.h"

using doubled::violation;

namespace doubled_nccl {
namespace {

/** Waits for all ranks; in the background where the communicator does not block. */
void meet(const Held& comm) {
  if (!unscripted(*comm, "ncclCommInit")) return;
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
  hold(comm);
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

}  // namespace
}  // namespace doubled_nccl

using namespace doubled_nccl;

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
    if (!unscripted(*comm, "ncclCommFinalize")) return;
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
}
