// The optional object of CUDA kernels beside the addon, and our domain with the ops that it computes.
#pragma once

#include <string>
#include <vector>

#include "../../ort.h"
#include "api.h"

namespace accelerate_ts {

/// Opens the object, by default accelerate_ts_cuda.so beside the addon, once per process: CUDA's runtime must be open, for the object names it. Null where it is not there (`why` is empty) or does not fit.
const cuda::Kernels* openCudaKernels(const std::string& path, std::string& why);

/// Why a GPU of this compute capability (80 for 8.0) cannot run what the opened object was compiled for; empty where it can.
std::string tooOldForCudaKernels(int capability);

/// The domain with the CPU's ops and those of the opened object; ort()->domain where there is none.
OrtCustomOpDomain* cudaOps();

/// "Dropout", "Dropout:float16": the ops for numbers of a type that the object computes.
std::vector<std::string> cudaOpNames();

}  // namespace accelerate_ts
