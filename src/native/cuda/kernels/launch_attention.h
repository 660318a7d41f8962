// From calls of attention to launches.
#pragma once

#include "attention.h"
#include "attention_grad.h"
#include "launching.h"

namespace accelerate_ts {
namespace cuda {

template <typename T> AttentionArgs<T> attention_args(const AttentionCall& c) {
  return {in<T>(c.q), in<T>(c.k), in<T>(c.v), in<T>(c.bias), in<T>(c.q_bias), in<T>(c.k_bias), in<T>(c.v_bias), c.places, c.shared_bias ? 0 : c.keys, c.batch, c.queries, c.keys, c.heads, c.size, c.value_size, c.scale, c.causal, plan_of(c.masks),
          out<T>(c.y), out<T>(c.lse), in<T>(c.dy), out<T>(c.dq), out<T>(c.dk), out<T>(c.dv), c.stats};
}
template <template <typename, uint32_t> class Kernel, typename T> int launch_attention_kernel(const AttentionCall& c, uint64_t tokens, void* stream) {
  const AttentionArgs<T> args = attention_args<T>(c);
  const uint64_t size = c.size > c.value_size ? c.size : c.value_size, heads = c.batch * c.heads;
  if (size <= 64) return launch<Kernel<T, 64>>(args, heads * pieces_of(tokens, AttentionTile<64>::rows), Kernel<T, 64>::bytes, stream);
  if (size <= most_head_size) return launch<Kernel<T, 128>>(args, heads * pieces_of(tokens, AttentionTile<128>::rows), Kernel<T, 128>::bytes, stream);
  return bad_call;
}

/// The gradients of biases that are wanted, in one launch.
template <typename T> int launch_bias_sums(const AttentionCall& c, void* stream) {
  using Kernel = ColumnSumsKernel<T>;
  const uint64_t query_rows = c.places == nullptr ? c.batch * c.queries : c.queries, key_rows = c.batch * c.keys, width = c.heads * c.size, value_width = c.heads * c.value_size;
  typename Kernel::Args args = {{in<T>(c.dq), in<T>(c.dk), in<T>(c.dv)}, {c.dq_bias, c.dk_bias, c.dv_bias}, {query_rows, key_rows, key_rows}, {width, width, value_width}, {}};
  for (uint32_t m = 0; m < Kernel::most; m++) args.first[m + 1] = args.first[m] + (args.into[m] == nullptr ? 0 : pieces_of(args.columns[m], ColumnTile::columns));
  return launch<Kernel>(args, args.first[Kernel::most], tile_memory, stream);
}

inline int launch_attention(const AttentionCall& c, void* stream) {
  return by_type(c.type, [&](auto number) { return launch_attention_kernel<AttentionKernel, decltype(number)>(c, c.queries, stream); });
}
inline int launch_attention_grad(const AttentionCall& c, void* stream) {
  return by_type(c.type, [&](auto number) {
    using T = decltype(number);
    const int status = launch_attention_kernel<AttentionQueriesKernel, T>(c, c.queries, stream);
    if (status != 0) return status;
    const int next = launch_attention_kernel<AttentionKeysKernel, T>(c, c.keys, stream);
    return next != 0 ? next : launch_bias_sums<T>(c, stream);
  });
}

}  // namespace cuda
}  // namespace accelerate_ts
