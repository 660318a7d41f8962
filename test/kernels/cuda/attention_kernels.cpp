// CUDA's attention alone, compiled for the host.
#include "../../../src/native/cuda/kernels/launch_attention.h"

namespace checks {

using namespace accelerate_ts::cuda;

extern const Kernels& kernels;
const Kernels& kernels = []() -> const Kernels& {
  static Kernels table = {};
  table.attention = launch_attention, table.attention_grad = launch_attention_grad;
  return table;
}();

}  // namespace checks
