// Operations as one group of calls of NCCL.
#include "communicator.h"

#if defined(__linux__)
#include "factor.h"

namespace accelerate_ts::nccl {

bool Communicator::issue(const std::vector<Operation>& operations, const std::atomic<bool>& interrupted) {
  // The communicator takes part in waits without end only on its stream: what is asked here is answered soon.
  const Clock::time_point soon = Clock::now() + std::chrono::milliseconds(600000);
  std::vector<ncclRedOp_t> made;
  bool good = true;
  // In front of the group, which comes to the stream as a whole.
  for (const Operation& op : operations)
    if (op.kind == Kind::zeros && !check(api_.cudaMemsetAsync(op.output, 0, op.count * bytesOf(op.dtype), stream_), "cudaMemsetAsync")) return false;
  {
    const std::lock_guard<std::timed_mutex> lock(calling_);
    std::vector<ncclRedOp_t> reductions;
    for (const Operation& op : operations) {
      ncclRedOp_t reduce = op.reduce;
      if (op.premultiplied) {
        Scalar scalar(op.factor, op.dtype);
        good = good && check(api_.ncclRedOpCreatePreMulSum(&reduce, scalar.bytes, op.dtype, ncclScalarHostImmediate, comm_), "ncclRedOpCreatePreMulSum");
        if (good) made.push_back(reduce);
      }
      reductions.push_back(reduce);
    }
    if (good) good = check(api_.ncclGroupStart(), "ncclGroupStart");
    if (good) {
      for (size_t i = 0; good && i < operations.size(); i++) {
        const Operation& op = operations[i];
        const size_t size = static_cast<size_t>(size_);
        switch (op.kind) {
          case Kind::allReduce:
            good = check(api_.ncclAllReduce(op.input, op.output, op.count, op.dtype, reductions[i], comm_, stream_), "ncclAllReduce");
            break;
          case Kind::reduceScatter:
            good = check(api_.ncclReduceScatter(op.input, op.output, op.count / size, op.dtype, reductions[i], comm_, stream_), "ncclReduceScatter");
            break;
          case Kind::allGather:
            good = check(api_.ncclAllGather(op.input, op.output, op.count, op.dtype, comm_, stream_), "ncclAllGather");
            break;
          case Kind::broadcast:
            good = check(api_.ncclBroadcast(op.input, op.output, op.count, op.dtype, op.peer, comm_, stream_), "ncclBroadcast");
            break;
          case Kind::send:
            good = check(api_.ncclSend(op.input, op.count, op.dtype, op.peer, comm_, stream_), "ncclSend");
            break;
          case Kind::receive:
            good = check(api_.ncclRecv(op.output, op.count, op.dtype, op.peer, comm_, stream_), "ncclRecv");
            break;
          case Kind::zeros:
            break;
        }
      }
      // Also after a failure: the thread's group must not stay open.
      const ncclResult_t ended = api_.ncclGroupEnd();
      good = good && check(ended, "ncclGroupEnd");
    }
  }
  good = good && settle("ncclGroupEnd", soon, interrupted);
  const std::lock_guard<std::timed_mutex> lock(calling_);
  for (const ncclRedOp_t reduce : made)
    if (comm_ != nullptr) api_.ncclRedOpDestroy(reduce, comm_);
  return good;
}

}  // namespace accelerate_ts::nccl
#endif
