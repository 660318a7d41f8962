// All that the object offers.
#pragma once

#include "launch_arrays.h"
#include "launch_attention.h"
#include "launch_rows.h"
#include "launch_updates.h"

namespace accelerate_ts {
namespace cuda {

inline const Kernels& kernels_table() {
#ifdef __CUDACC__
  constexpr uint32_t toolkit = CUDART_VERSION;
#else
  constexpr uint32_t toolkit = 0;
#endif
  static const Kernels table = {
      kernels_version,       toolkit,          launch_dropout,     launch_layer_norm,     launch_layer_norm_grad, launch_gelu,      launch_gelu_grad,      launch_softmax, launch_softmax_grad, launch_cross_entropy,
      launch_cross_entropy_grad, launch_embedding_grad, launch_max_pool_grad, launch_attention, launch_attention_grad, launch_casts, launch_copy, launch_update, norm_scratch, launch_norm, launch_scale, launch_clamp, launch_add,
  };
  return table;
}

}  // namespace cuda
}  // namespace accelerate_ts
