// Who is told by a run that the gradients of a bucket are complete.
#pragma once
#include <cstdint>
#include <string>

#include "../parallel.h"

namespace accelerate_ts {

class TapSink {
 public:
  virtual ~TapSink() = default;
  /// On the thread of the run, between two nodes: all that the bucket's tap waits for has been written.
  virtual void ready(int64_t bucket, const Parallel& parallel) = 0;
  /// The same on a device: all of it will have been written once `stream` (a cudaStream_t) comes to what it is given next. What went wrong; empty: nothing.
  virtual std::string queued(int64_t bucket, void* stream) = 0;
};

/// Of the runs on this thread; null: nobody listens. ONNX Runtime computes the nodes of a run one after the other on the thread that called it.
TapSink*& tap_sink() noexcept;

}  // namespace accelerate_ts
