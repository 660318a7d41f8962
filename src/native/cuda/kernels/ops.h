// Custom ops of the domain accelerate_ts for CUDA's provider.
#pragma once

#include <vector>

#include "../../custom_op.h"
#include "api.h"

namespace accelerate_ts {

/// What the ops launch; before any of them is registered.
void useCudaKernels(const cuda::Kernels* kernels);
void cudaCustomOps(std::vector<const CustomOp*>& ops);

}  // namespace accelerate_ts
