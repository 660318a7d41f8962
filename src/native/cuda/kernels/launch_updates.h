// From optimizer steps, norms and clipping over ranges to launches.
#pragma once

#include "launching.h"
#include "updates.h"

namespace accelerate_ts {
namespace cuda {

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

}  // namespace cuda
}  // namespace accelerate_ts
