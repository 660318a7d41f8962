// Who is told by a run that the gradients of a bucket are complete.
#pragma once
#include <cstdint>

#include "../parallel.h"

namespace accelerate_ts {

class TapSink {
 public:
  virtual ~TapSink() = default;
  /// On the thread of the run, between two nodes: all that the bucket's tap waits for has been written.
  virtual void ready(int64_t bucket, const Parallel& parallel) = 0;
};

/// Of the runs on this thread; null: nobody listens. ONNX Runtime computes the nodes of a run one after the other on the thread that called it.
TapSink*& tap_sink() noexcept;

}  // namespace accelerate_ts
