// See ops.h. Shapes and arguments are checked as in ../../ops; what only the numbers say (labels, indices) is not read, for that would wait for the device.
#include "ops.h"

#include "library.h"
#include "op_call.h"

namespace accelerate_ts {

const cuda::Kernels* launches = nullptr;

/// The masks for rows of a tensor; their key is null where the node has none. Tells `call` of what does not fit.
cuda::Masks masks_of(KernelCall& call, const std::vector<int64_t>& dims, const TensorView& key, const TensorView& places, uint32_t site, float ratio) {
  cuda::Masks masks = {nullptr, nullptr, 1, 1, 0, site, ratio};
  if (!call.ok() || !key.given) return masks;
  if (key.count() != 4) return call.fail("dropout takes a key of 4 numbers (seed, rank, step, call), got " + std::to_string(key.count())), masks;
  if (!(ratio >= 0 && ratio <= 1)) return call.fail("dropout takes a ratio of 0 to 1"), masks;
  masks.key = key.as<int64_t>();
  if (places.given) {
    int64_t rows = 1;
    for (size_t d = 0; d + 1 < dims.size(); d++) rows *= dims[d];
    if (places.dims.size() != 2 || places.dims[0] != rows || places.dims[1] < 1 || places.dims[1] > 3) return call.fail("dropout takes 1 to 3 coordinates for each of the " + std::to_string(rows) + " rows"), masks;
    masks.places = places.as<int64_t>();
    masks.coordinates = static_cast<uint32_t>(places.dims[1]);
    return masks;
  }
  if (dims.empty() || dims.size() > 4) return call.fail("dropout takes tensors of rank 1 to 4, x has rank " + std::to_string(dims.size())), masks;
  if (dims.size() >= 3) masks.size1 = static_cast<uint64_t>(dims[1]);
  if (dims.size() >= 4) masks.size2 = static_cast<uint64_t>(dims[2]);
  return masks;
}

void useCudaKernels(const cuda::Kernels* kernels) { launches = kernels; }

void cudaCustomOps(std::vector<const CustomOp*>& ops) {
  // Inputs and outputs as the CPU's ops have them: those of one name make one op.
  for (auto* const add : {cudaRowOps, cudaLayerNormOps, cudaTableOps, cudaAttentionOps}) add(Registry(ops));
}

std::vector<std::string> cudaOpNames() {
  std::vector<std::string> names;
  for (const char* op : {"Dropout", "DropoutAddLayerNorm", "DropoutAddLayerNormGrad", "BiasGelu", "BiasGeluGrad", "MaskedSoftmax", "SoftmaxGrad", "CrossEntropy", "CrossEntropyGrad", "EmbeddingGrad", "MaxPoolGrad",
                         "Attention", "AttentionGrad", "After", "BiasAttention", "BiasAttentionGrad"})
    for (const char* type : {"", ":float16", ":bfloat16"}) names.push_back(std::string(op) + type);
  // Of several types at once.
  for (const char* op : {"LayerNormGradOfSum", "LayerNormOfNarrow", "CastsToFloat16", "CastsToBfloat16", "CastsToFloat32"}) names.emplace_back(op);
  return names;
}

}  // namespace accelerate_ts
