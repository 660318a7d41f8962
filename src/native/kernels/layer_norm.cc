// See layer_norm.h. A row stays in the first cache between its passes.
#include "layer_norm.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "row_blocks.h"

namespace accelerate_ts {

#define ACCELERATE_LOOPS "layer_norm_loops.h"
#include "each_isa.h"

namespace {

constexpr size_t grain = 8 * 1024;  // elements below which another thread costs more than it saves

}  // namespace

void layer_norm(const LayerNormForward& p, const Parallel& parallel, Isa isa) {
  const size_t n = p.columns;
  if (p.rows == 0 || n == 0) return;
  const DropoutRows* const masks = p.masks != nullptr && !p.masks->keeps_all() ? p.masks : nullptr;
  const bool plain = p.bias == nullptr && p.residual == nullptr && masks == nullptr;
  parallel.ranges(p.rows, std::max<size_t>(1, grain / n), 1, [&](size_t begin, size_t end) {
    std::vector<float> buffer(p.sum == nullptr && !plain ? n : 0);
    for (size_t row = begin; row < end; row++) {
      const size_t at = row * n;
      float* const sum = p.sum != nullptr ? p.sum + at : buffer.data();
      const float* t = p.x + at;
      if (p.bias != nullptr) ACCELERATE_BY_ISA(isa, addRows(t, p.bias, n, sum)), t = sum;
      if (masks != nullptr) masks->apply(row, t, 0, n, sum, isa), t = sum;
      if (p.residual != nullptr) ACCELERATE_BY_ISA(isa, addRows(t, p.residual + at, n, sum)), t = sum;
      if (plain && p.sum != nullptr) std::copy_n(t, n, sum);
      float statistics[2];
      ACCELERATE_BY_ISA(isa, normalizeRow(t, n, p.scale, p.shift, p.epsilon, p.y + at, statistics));
      if (p.mean != nullptr) p.mean[row] = statistics[0];
      if (p.inverse != nullptr) p.inverse[row] = statistics[1];
    }
  });
}

void layer_norm_grad(const LayerNormGradient& p, const Parallel& parallel, Isa isa) {
  const size_t n = p.columns;
  if (n == 0) return;
  const DropoutRows* const masks = p.masks != nullptr && !p.masks->keeps_all() ? p.masks : nullptr;
  const bool parameters = p.dscale != nullptr || p.dshift != nullptr, wantsDx = p.dx != nullptr || p.dbias != nullptr, rows = wantsDx || p.dresidual != nullptr;
  RowBlocks blocks(p.rows, n, 3);
  blocks.each(parallel, [&](size_t begin, size_t end, float* const* sums) {
    std::vector<float> buffer(rows ? n : 0);
    for (size_t row = begin; row < end; row++) {
      const size_t at = row * n;
      float* const dx = p.dx != nullptr ? p.dx + at : buffer.data();
      // Without a mask dx is dresidual: made where dx goes, and copied where both are wanted.
      float* const dresidual = p.dresidual != nullptr ? p.dresidual + at : rows ? dx : nullptr;
      ACCELERATE_BY_ISA(isa, layerNormGradientRow(p, row, dresidual, parameters ? sums[0] : nullptr, parameters ? sums[1] : nullptr));
      if (!wantsDx) continue;
      if (masks != nullptr) masks->apply(row, dresidual, 0, n, dx, isa);
      else if (dx != dresidual && p.dx != nullptr) std::copy_n(dresidual, n, dx);
      const float* const through = masks != nullptr || p.dx != nullptr ? dx : dresidual;
      if (p.dbias != nullptr) ACCELERATE_BY_ISA(isa, addRows(sums[2], through, n, sums[2]));
    }
  });
  blocks.total(0, p.dscale);
  blocks.total(1, p.dshift);
  blocks.total(2, p.dbias);
}

}  // namespace accelerate_ts
