// From calls of api.h over rows of numbers to launches.
#pragma once

#include "dropout.h"
#include "gelu.h"
#include "launching.h"
#include "layer_norm.h"
#include "softmax.h"

namespace accelerate_ts {
namespace cuda {

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
  return by_types(c.type, c.x_type, [&](auto number, auto other) {
    using T = decltype(number);
    using X = decltype(other);
    return launch_rows<LayerNormKernel, LayerNormNumbers<T, X>>(c.rows, c.columns, stream, [&](auto& args) {
      const bool wide = c.columns % 4 == 0 && aligned(c.x, c.bias, c.residual, c.scale, c.shift, c.y, c.narrow, c.sum);
      args = {in<X>(c.x), in<T>(c.bias), in<T>(c.residual), in<T>(c.scale), in<T>(c.shift), out<T>(c.y), out<X>(c.narrow), out<T>(c.sum), c.mean, c.inverse, c.rows, c.columns, c.epsilon, wide, plan_of(c.masks)};
    });
  });
}

inline int launch_layer_norm_grad(const LayerNormGradCall& c, void* stream) {
  if (c.columns == 0) return 0;
  const bool several = c.more[0] != nullptr;
  // Without rows there is nothing to read: gradients of vectors are zero.
  if (c.rows > 0 && ((c.dbias != nullptr && c.dx == nullptr) || (several && c.total == nullptr))) return bad_call;
  return by_types(c.type, c.x_type, [&](auto number, auto other) {
    using T = decltype(number);
    using X = decltype(other);
    using Numbers = LayerNormNumbers<T, X>;
    if (c.dx != nullptr || c.dresidual != nullptr || several) {
      const int status = launch_rows<LayerNormGradKernel, Numbers>(c.rows, c.columns, stream, [&](auto& args) {
        const bool wide = c.columns % 4 == 0 && aligned(c.dy, c.dsum, c.sum, c.scale, c.dx, c.dresidual, c.more[0], c.more[1], c.more[2], c.total);
        args = {in<T>(c.dy), in<T>(c.dsum), in<T>(c.sum), c.mean, c.inverse, in<T>(c.scale), out<X>(c.dx), out<T>(c.dresidual), c.rows, c.columns, wide, plan_of(c.masks),
                {in<X>(c.more[0]), in<X>(c.more[1]), in<X>(c.more[2])}, out<T>(c.total)};
      });
      if (status != 0) return status;
    }
    if (c.dscale == nullptr && c.dshift == nullptr && c.dbias == nullptr) return 0;
    using Columns = LayerNormColumnsKernel<Numbers>;
    const typename Columns::Args args = {in<T>(several ? c.total : c.dy), in<T>(c.sum), c.mean, c.inverse, in<X>(c.dx), out<T>(c.dscale), out<T>(c.dshift), out<T>(c.dbias), c.rows, c.columns};
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

}  // namespace cuda
}  // namespace accelerate_ts
