// From calls of api.h to launches: which kernel, and how many blocks.
#pragma once

#include "attention.h"
#include "rows.h"
#include "tables.h"
#include "updates.h"

namespace accelerate_ts {
namespace cuda {

/// As CUDA's invalid value.
constexpr int bad_call = 1;
/// Rows up to so many numbers are a warp's work, longer ones a block's.
constexpr uint64_t warp_columns = 1024;

template <typename... Pointers> bool aligned(Pointers... pointers) {
  uintptr_t all = 0;
  for (const uintptr_t at : {reinterpret_cast<uintptr_t>(pointers)...}) all |= at;
  return all % 16 == 0;
}
template <typename T> const T* in(const void* data) { return static_cast<const T*>(data); }
template <typename T> T* out(void* data) { return static_cast<T*>(data); }

/// Calls body with a number of the type; an error for another one.
template <typename Body> int by_type(Number type, const Body& body) {
  if (type == number_float32) return body(float());
  if (type == number_float16) return body(Half());
  if (type == number_bfloat16) return body(Bfloat16());
  return bad_call;
}

constexpr size_t row_memory = reduction_bytes + key_bytes;
constexpr size_t tile_memory = ColumnTile::threads * sizeof(float);
/// Blocks for rows, by the threads of a team.
template <typename Kernel, uint32_t width> uint64_t row_blocks(uint64_t rows) { return pieces_of(rows, Kernel::threads / width); }
template <template <typename, uint32_t> class Kernel, typename T, typename Fill> int launch_rows(uint64_t rows, uint64_t columns, void* stream, const Fill& fill) {
  if (columns <= warp_columns) {
    typename Kernel<T, 32>::Args args;
    fill(args);
    return launch<Kernel<T, 32>>(args, row_blocks<Kernel<T, 32>, 32>(rows), row_memory, stream);
  }
  typename Kernel<T, 256>::Args args;
  fill(args);
  return launch<Kernel<T, 256>>(args, row_blocks<Kernel<T, 256>, 256>(rows), row_memory, stream);
}

inline int launch_dropout(const DropoutCall& c, void* stream) {
  return by_type(c.type, [&](auto number) {
    using T = decltype(number);
    using Kernel = DropoutKernel<T>;
    const uint64_t groups = pieces_of(c.columns, 4);
    const typename Kernel::Args args = {in<T>(c.x), out<T>(c.y), c.rows, c.columns, groups, c.columns % 4 == 0 && aligned(c.x, c.y), plan_of(c.masks)};
    return launch<Kernel>(args, pieces_of(c.rows * groups, Kernel::threads * Kernel::each), key_bytes, stream);
  });
}

inline int launch_layer_norm(const LayerNormCall& c, void* stream) {
  if (c.columns == 0) return 0;
  return by_type(c.type, [&](auto number) {
    using T = decltype(number);
    return launch_rows<LayerNormKernel, T>(c.rows, c.columns, stream, [&](auto& args) {
      const bool wide = c.columns % 4 == 0 && aligned(c.x, c.bias, c.residual, c.scale, c.shift, c.y, c.sum);
      args = {in<T>(c.x), in<T>(c.bias), in<T>(c.residual), in<T>(c.scale), in<T>(c.shift), out<T>(c.y), out<T>(c.sum), c.mean, c.inverse, c.rows, c.columns, c.epsilon, wide, plan_of(c.masks)};
    });
  });
}

inline int launch_layer_norm_grad(const LayerNormGradCall& c, void* stream) {
  if (c.columns == 0) return 0;
  if (c.dbias != nullptr && c.dx == nullptr) return bad_call;
  return by_type(c.type, [&](auto number) {
    using T = decltype(number);
    if (c.dx != nullptr || c.dresidual != nullptr) {
      const int status = launch_rows<LayerNormGradKernel, T>(c.rows, c.columns, stream, [&](auto& args) {
        const bool wide = c.columns % 4 == 0 && aligned(c.dy, c.dsum, c.sum, c.scale, c.dx, c.dresidual);
        args = {in<T>(c.dy), in<T>(c.dsum), in<T>(c.sum), c.mean, c.inverse, in<T>(c.scale), out<T>(c.dx), out<T>(c.dresidual), c.rows, c.columns, wide, plan_of(c.masks)};
      });
      if (status != 0) return status;
    }
    if (c.dscale == nullptr && c.dshift == nullptr && c.dbias == nullptr) return 0;
    using Columns = LayerNormColumnsKernel<T>;
    const typename Columns::Args args = {in<T>(c.dy), in<T>(c.sum), c.mean, c.inverse, in<T>(c.dx), out<T>(c.dscale), out<T>(c.dshift), out<T>(c.dbias), c.rows, c.columns};
    return launch<Columns>(args, pieces_of(c.columns, ColumnTile::columns), tile_memory, stream);
  });
}

inline int launch_gelu(const GeluCall& c, void* stream) {
  return by_type(c.type, [&](auto number) {
    using T = decltype(number);
    using Kernel = BiasGeluKernel<T>;
    const uint64_t groups = pieces_of(c.columns, 4);
    const typename Kernel::Args args = {in<T>(c.x), in<T>(c.bias), out<T>(c.y), c.rows, c.columns, groups, c.columns % 4 == 0 && aligned(c.x, c.bias, c.y), c.tanh};
    return launch<Kernel>(args, pieces_of(c.rows * groups, Kernel::threads), 0, stream);
  });
}

inline int launch_gelu_grad(const GeluGradCall& c, void* stream) {
  return by_type(c.type, [&](auto number) {
    using T = decltype(number);
    if (c.dbias != nullptr) {
      using Kernel = BiasGeluColumnsKernel<T>;
      const typename Kernel::Args args = {in<T>(c.dy), in<T>(c.x), in<T>(c.bias), out<T>(c.dx), out<T>(c.dbias), c.rows, c.columns, c.tanh};
      return launch<Kernel>(args, pieces_of(c.columns, ColumnTile::columns), tile_memory, stream);
    }
    using Kernel = BiasGeluGradKernel<T>;
    const uint64_t groups = pieces_of(c.columns, 4);
    const typename Kernel::Args args = {in<T>(c.dy), in<T>(c.x), in<T>(c.bias), out<T>(c.dx), c.rows, c.columns, groups, c.columns % 4 == 0 && aligned(c.dy, c.x, c.bias, c.dx), c.tanh};
    return c.dx == nullptr ? 0 : launch<Kernel>(args, pieces_of(c.rows * groups, Kernel::threads), 0, stream);
  });
}

inline int launch_softmax(const SoftmaxCall& c, void* stream) {
  if (c.columns == 0) return 0;
  if (c.rank > most_dims) return bad_call;
  return by_type(c.type, [&](auto number) {
    using T = decltype(number);
    return launch_rows<MaskedSoftmaxKernel, T>(c.rows, c.columns, stream, [&](auto& args) {
      args.x = in<T>(c.x), args.bias = in<T>(c.bias), args.y = out<T>(c.y), args.rows = c.rows, args.columns = c.columns, args.rank = c.rank, args.step = c.step;
      for (uint32_t d = 0; d < c.rank; d++) args.dims[d] = c.dims[d], args.strides[d] = c.strides[d];
    });
  });
}

inline int launch_softmax_grad(const SoftmaxGradCall& c, void* stream) {
  if (c.columns == 0) return 0;
  return by_type(c.type, [&](auto number) {
    using T = decltype(number);
    return launch_rows<SoftmaxGradKernel, T>(c.rows, c.columns, stream, [&](auto& args) { args = {in<T>(c.dy), in<T>(c.y), out<T>(c.dx), c.rows, c.columns}; });
  });
}

inline int launch_cross_entropy(const CrossEntropyCall& c, void* stream) {
  if (c.classes == 0) return bad_call;
  return by_type(c.type, [&](auto number) {
    using T = decltype(number);
    return launch_rows<CrossEntropyKernel, T>(c.rows, c.classes, stream, [&](auto& args) {
      args = {in<T>(c.logits), {c.labels, c.labelType == number_int64, c.ignore}, out<T>(c.loss), out<T>(c.lse), c.rows, c.classes, c.smoothing};
    });
  });
}

inline int launch_cross_entropy_grad(const CrossEntropyGradCall& c, void* stream) {
  if (c.classes == 0) return bad_call;
  return by_type(c.type, [&](auto number) {
    using T = decltype(number);
    using Kernel = CrossEntropyGradKernel<T>;
    const typename Kernel::Args args = {in<T>(c.dloss), in<T>(c.logits), {c.labels, c.labelType == number_int64, c.ignore}, in<T>(c.lse), out<T>(c.dlogits), c.rows, c.classes, c.smoothing};
    return launch<Kernel>(args, pieces_of(c.rows * c.classes, Kernel::threads), 0, stream);
  });
}

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

template <typename T> AttentionArgs<T> attention_args(const AttentionCall& c) {
  return {in<T>(c.q), in<T>(c.k), in<T>(c.v), in<T>(c.bias), c.places, c.shared_bias ? 0 : c.keys, c.batch, c.queries, c.keys, c.heads, c.size, c.value_size, c.scale, c.causal, plan_of(c.masks),
          out<T>(c.y), out<T>(c.lse), in<T>(c.dy), out<T>(c.dq), out<T>(c.dk), out<T>(c.dv), c.stats};
}
template <template <typename, uint32_t> class Kernel, typename T> int launch_attention_kernel(const AttentionCall& c, uint64_t tokens, void* stream) {
  const AttentionArgs<T> args = attention_args<T>(c);
  const uint64_t size = c.size > c.value_size ? c.size : c.value_size, heads = c.batch * c.heads;
  if (size <= 64) return launch<Kernel<T, 64>>(args, heads * pieces_of(tokens, AttentionTile<64>::rows), Kernel<T, 64>::bytes, stream);
  if (size <= most_head_size) return launch<Kernel<T, 128>>(args, heads * pieces_of(tokens, AttentionTile<128>::rows), Kernel<T, 128>::bytes, stream);
  return bad_call;
}

inline int launch_attention(const AttentionCall& c, void* stream) {
  return by_type(c.type, [&](auto number) { return launch_attention_kernel<AttentionKernel, decltype(number)>(c, c.queries, stream); });
}
inline int launch_attention_grad(const AttentionCall& c, void* stream) {
  return by_type(c.type, [&](auto number) {
    using T = decltype(number);
    const int status = launch_attention_kernel<AttentionQueriesKernel, T>(c, c.queries, stream);
    return status != 0 ? status : launch_attention_kernel<AttentionKeysKernel, T>(c, c.keys, stream);
  });
}

inline int launch_copy(const CopyCall& c, void* stream) {
  const CopyKernel::Args args = {in<unsigned char>(c.from), out<unsigned char>(c.into), c.bytes, aligned(c.from, c.into)};
  return launch<CopyKernel>(args, pieces_of(c.bytes, 16 * CopyKernel::threads), 0, stream);
}

/// Cuts ranges into launches: body(first range of the launch, its pieces, blocks) for as many ranges as the arguments of one hold. The first error ends it.
template <typename Body> int each_launch(const UpdateRange* ranges, uint64_t count, uint64_t piece, const Body& body) {
  for (uint64_t begin = 0; begin < count; begin += most_ranges) {
    Pieces pieces = {};
    pieces.count = static_cast<uint32_t>(count - begin < most_ranges ? count - begin : most_ranges);
    for (uint32_t r = 0; r < pieces.count; r++) {
      pieces.offset[r] = ranges[begin + r].offset, pieces.length[r] = ranges[begin + r].length;
      pieces.first[r + 1] = pieces.first[r] + pieces_of(pieces.length[r], piece);
    }
    const int status = body(begin, pieces, pieces.first[pieces.count]);
    if (status != 0) return status;
  }
  return 0;
}

template <typename Rule> int launch_update_of(const UpdateCall& c, void* stream) {
  return each_launch(c.ranges, c.count, range_piece, [&](uint64_t begin, const Pieces& pieces, uint64_t blocks) {
    typename UpdateKernel<Rule>::Args args;
    args.pieces = pieces, args.values = c.values, args.gradients = c.gradients;
    for (int k = 0; k < 3; k++) args.states[k] = c.states[k];
    for (uint32_t r = 0; r < pieces.count; r++)
      for (uint32_t k = 0; k < most_constants; k++) args.constants[r][k] = c.rows[c.ranges[begin + r].row * most_constants + k];
    return launch<UpdateKernel<Rule>>(args, blocks, 0, stream);
  });
}
inline int launch_update(const UpdateCall& c, void* stream) {
  switch (c.rule) {
    case rule_adam: return launch_update_of<AdamUpdate>(c, stream);
    case rule_sgd: return launch_update_of<SgdUpdate>(c, stream);
    case rule_rmsprop: return launch_update_of<RmspropUpdate>(c, stream);
    case rule_adagrad: return launch_update_of<AdagradUpdate>(c, stream);
    case rule_lion: return launch_update_of<LionUpdate>(c, stream);
  }
  return bad_call;
}

inline uint64_t norm_parts(const UpdateRange* ranges, uint64_t count) {
  uint64_t parts = 0;
  for (uint64_t r = 0; r < count; r++) parts += pieces_of(ranges[r].length, norm_piece);
  return parts;
}
inline uint64_t norm_scratch(const UpdateRange* ranges, uint64_t count) { return 2 * norm_parts(ranges, count); }
inline int launch_norm(const NormCall& c, void* stream) {
  double* parts = c.scratch;
  const int status = each_launch(c.ranges, c.count, norm_piece, [&](uint64_t, const Pieces& pieces, uint64_t blocks) {
    const NormPartsKernel::Args args = {pieces, c.data, c.kind, c.exponent, parts};
    parts += 2 * blocks;
    return launch<NormPartsKernel>(args, blocks, reduction_bytes, stream);
  });
  if (status != 0) return status;
  const NormTotalKernel::Args args = {c.scratch, norm_parts(c.ranges, c.count), c.kind, c.result};
  return launch<NormTotalKernel>(args, 1, reduction_bytes, stream);
}

inline int launch_scale(const ScaleCall& c, void* stream) {
  return each_launch(c.ranges, c.count, range_piece, [&](uint64_t, const Pieces& pieces, uint64_t blocks) { return launch<ScaleKernel>({pieces, c.data, c.factor}, blocks, 0, stream); });
}
inline int launch_clamp(const ClampCall& c, void* stream) {
  return each_launch(c.ranges, c.count, range_piece, [&](uint64_t, const Pieces& pieces, uint64_t blocks) { return launch<ClampKernel>({pieces, c.data, c.limit}, blocks, 0, stream); });
}
inline int launch_add(const AddCall& c, void* stream) {
  return each_launch(c.ranges, c.count, range_piece, [&](uint64_t, const Pieces& pieces, uint64_t blocks) { return launch<AddKernel>({pieces, c.into, c.from}, blocks, 0, stream); });
}

inline const Kernels& kernels_table() {
#ifdef __CUDACC__
  constexpr uint32_t toolkit = CUDART_VERSION;
#else
  constexpr uint32_t toolkit = 0;
#endif
  static const Kernels table = {
      kernels_version,       toolkit,          launch_dropout,     launch_layer_norm,     launch_layer_norm_grad, launch_gelu,      launch_gelu_grad,      launch_softmax, launch_softmax_grad, launch_cross_entropy,
      launch_cross_entropy_grad, launch_embedding_grad, launch_max_pool_grad, launch_attention, launch_attention_grad, launch_copy, launch_update, norm_scratch, launch_norm, launch_scale, launch_clamp, launch_add,
  };
  return table;
}

}  // namespace cuda
}  // namespace accelerate_ts
