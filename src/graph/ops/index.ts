// All op definitions of the library, one file per family.
import type { OpDef } from "../op-def.js";
import { batchNormOps } from "./batch-norm.js";
import { attentionFunctionOps } from "./attention.js";
import { constantOps } from "./constants.js";
import { contribOps } from "./contrib.js";
import { contribAttentionOps } from "./contrib-attention.js";
import { convOps } from "./conv.js";
import { customOps } from "./custom.js";
import { einsumOps } from "./einsum.js";
import { elementwiseOps } from "./elementwise.js";
import { attentionOps } from "./fused-attention.js";
import { crossEntropyOps } from "./fused-cross-entropy.js";
import { geluOps } from "./fused-gelu.js";
import { layerNormOps } from "./fused-layer-norm.js";
import { softmaxOps } from "./fused-softmax.js";
import { functionOps } from "./functions.js";
import { gemmOps } from "./gemm.js";
import { indexingOps } from "./indexing.js";
import { linearAlgebraOps } from "./linear-algebra.js";
import { logicOps } from "./logic.js";
import { lossOps } from "./losses.js";
import { mergedOps } from "./merged.js";
import { normalizationOps } from "./normalization.js";
import { orderOps } from "./order.js";
import { poolOps } from "./pool.js";
import { randomOps } from "./random.js";
import { reductionOps } from "./reduction.js";
import { resizeOps } from "./resize.js";
import { shapeOps } from "./shape.js";
import { sliceOps } from "./slice.js";

export const standardOpDefs: readonly OpDef[] = [
  ...elementwiseOps,
  ...logicOps,
  ...reductionOps,
  ...linearAlgebraOps,
  ...einsumOps,
  ...shapeOps,
  ...sliceOps,
  ...indexingOps,
  ...normalizationOps,
  ...functionOps,
  ...attentionFunctionOps,
  ...lossOps,
  ...convOps,
  ...poolOps,
  ...batchNormOps,
  ...resizeOps,
  ...constantOps,
  ...randomOps,
  ...customOps,
  ...gemmOps,
  ...layerNormOps,
  ...geluOps,
  ...softmaxOps,
  ...crossEntropyOps,
  ...attentionOps,
  ...orderOps,
  ...mergedOps,
  ...contribOps,
  ...contribAttentionOps,
];
