// What the parts of libnccl's double share: communicators, what calls give to streams, the rules that all calls keep.
#pragma once

#include <nccl.h>

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "../cuda/double.h"
#include "link.h"

struct ncclComm {
  doubled_nccl::Link link;
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

namespace doubled_nccl {

enum Function : int { allReduce, reduceTo, broadcast, reduceScatter, allGather };
extern const char* const names[];

using Held = std::shared_ptr<ncclComm>;

// --- calls (comm.cc)

ncclResult_t failed(ncclResult_t result, const std::string& text);
/** Script and log of a call; ncclSuccess: go on. */
ncclResult_t begin(const char* function, const void* from);
#define NCCL(name) \
  if (const ncclResult_t begun = begin(#name, __builtin_return_address(0))) return begun
/** Reports handles of what is none. */
Held held(ncclComm_t comm);
void hold(const Held& comm);
void drop(const Held& comm);
/** One that may be used: made, no call in progress, no error, this thread's device. */
ncclResult_t usable(const Held& comm, const char* function);
/** Memory of the communicator's device, all of it there. */
bool owns(const Held& comm, const char* function, const void* address, size_t bytes);

// --- waits (comm.cc)

/** What a script says of work that goes on when its call has returned (fail or hang launch:NAME): true: go on; else the communicator has the error, or waits until it is aborted. */
bool unscripted(ncclComm& comm, const char* name);

void pauseFor(unsigned microseconds);
void untilAborted(const ncclComm& comm);
/** Waits until `done`; false: aborted, or a peer is gone (peers fail). */
bool await(ncclComm& comm, const std::function<bool()>& done);
/** All ranks have come so far. */
bool phase(ncclComm& comm);

// --- work of streams (work.cc)

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
  std::vector<doubled::Touch> touches;
  /** Is told whether it is the first of a group on its stream. */
  std::function<void(bool)> run;
  std::vector<Transfer> transfers;
  bool first = true;
};
/** A collective, on the stream's thread. `first` of a group of calls. */
void collective(ncclComm& comm, Plan plan, bool first, const char* send, char* receive);
/** Sends and receives of a group, side by side. */
void transfer(ncclComm& comm, std::vector<Transfer> list, bool first);

}  // namespace doubled_nccl
