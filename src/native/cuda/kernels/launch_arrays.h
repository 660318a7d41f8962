// From calls of api.h over tables, pools and arrays as they lie in memory to launches.
#pragma once

#include "casts.h"
#include "launching.h"
#include "tables.h"

namespace accelerate_ts {
namespace cuda {

inline int launch_embedding_grad(const EmbeddingGradCall& c, void* stream) {
  if (c.count > 0xffffffffu) return bad_call;
  return by_type(c.type, [&](auto number) {
    using T = decltype(number);
    using Zero = FillZeroKernel<T>;
    const typename Zero::Args zero = {out<T>(c.out), c.outer * c.rows * c.inner};
    const int status = launch<Zero>(zero, pieces_of(zero.count, Zero::threads * Zero::each), 0, stream);
    if (status != 0) return status;
    using Kernel = EmbeddingGradKernel<T>;
    const uint64_t tiles = pieces_of(c.inner, Kernel::columns);
    const typename Kernel::Args args = {c.indices, c.indexType == number_int64, in<T>(c.dy), out<T>(c.out), c.count, c.outer, c.rows, c.inner, tiles, c.padding};
    return launch<Kernel>(args, tiles * c.count * c.outer, Kernel::bytes, stream);
  });
}

inline int launch_max_pool_grad(const MaxPoolGradCall& c, void* stream) {
  return by_type(c.type, [&](auto number) {
    using T = decltype(number);
    using Kernel = MaxPoolGradKernel<T>;
    typename Kernel::Args args;
    args.x = in<T>(c.x), args.y = in<T>(c.y), args.dy = in<T>(c.dy), args.dx = out<T>(c.dx), args.planes = c.planes;
    for (int d = 0; d < 3; d++) {
      args.in[d] = c.in[d], args.out[d] = c.out[d], args.kernel[d] = c.kernel[d], args.stride[d] = c.stride[d], args.dilation[d] = c.dilation[d], args.before[d] = c.before[d];
    }
    return launch<Kernel>(args, pieces_of(c.planes * static_cast<uint64_t>(c.in[0] * c.in[1] * c.in[2]), Kernel::threads), 0, stream);
  });
}

template <typename From, typename To> int launch_casts_of(const CastsCall& c, void* stream) {
  using Kernel = CastsKernel<From, To>;
  for (uint64_t begin = 0; begin < c.count; begin += most_casts) {
    typename Kernel::Args args = {};
    args.count = static_cast<uint32_t>(c.count - begin < most_casts ? c.count - begin : most_casts);
    for (uint32_t p = 0; p < args.count; p++) {
      const CastPart& part = c.parts[begin + p];
      args.from[p] = in<From>(part.from), args.into[p] = out<To>(part.into), args.counts[p] = part.count, args.first[p + 1] = args.first[p] + pieces_of(part.count, Kernel::piece);
    }
    const int status = launch<Kernel>(args, args.first[args.count], 0, stream);
    if (status != 0) return status;
  }
  return 0;
}
inline int launch_casts(const CastsCall& c, void* stream) {
  if (c.from == number_float32 && c.to == number_float16) return launch_casts_of<float, Half>(c, stream);
  if (c.from == number_float32 && c.to == number_bfloat16) return launch_casts_of<float, Bfloat16>(c, stream);
  if (c.from == number_float16 && c.to == number_float32) return launch_casts_of<Half, float>(c, stream);
  if (c.from == number_bfloat16 && c.to == number_float32) return launch_casts_of<Bfloat16, float>(c, stream);
  return bad_call;
}

inline int launch_copy(const CopyCall& c, void* stream) {
  const CopyKernel::Args args = {in<unsigned char>(c.from), out<unsigned char>(c.into), c.bytes, aligned(c.from, c.into)};
  return launch<CopyKernel>(args, pieces_of(c.bytes, 16 * CopyKernel::threads), 0, stream);
}

}  // namespace cuda
}  // namespace accelerate_ts
