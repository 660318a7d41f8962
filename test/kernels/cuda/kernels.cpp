// CUDA's kernels, compiled for the host.
#include "../../../src/native/cuda/kernels/launches.h"

namespace checks {

extern const accelerate_ts::cuda::Kernels& kernels;
const accelerate_ts::cuda::Kernels& kernels = accelerate_ts::cuda::kernels_table();

}  // namespace checks
