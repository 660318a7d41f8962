// All gradient rules of the library, one file per family.
import { GradientTable } from "./gradient-table.js";
import { curveGradients } from "./rules/activations.js";
import { arithmeticGradients } from "./rules/arithmetic.js";
import { convGradients } from "./rules/conv.js";
import { dropoutGradients } from "./rules/dropout.js";
import { elementwiseGradients } from "./rules/elementwise.js";
import { fusedAttentionGradients } from "./rules/fused-attention.js";
import { activationGradients } from "./rules/fused-activations.js";
import { crossEntropyGradients } from "./rules/fused-cross-entropy.js";
import { layerNormGradients } from "./rules/fused-layer-norm.js";
import { geluGradients } from "./rules/gelu.js";
import { indexingGradients } from "./rules/indexing.js";
import { linearGradients } from "./rules/linear.js";
import { normalizationGradients } from "./rules/normalization.js";
import { padGradients } from "./rules/pad.js";
import { poolGradients } from "./rules/pool.js";
import { reductionGradients } from "./rules/reductions.js";
import { resizeGradients } from "./rules/resize.js";
import { scatterGradients } from "./rules/scatter.js";
import { shapeGradients } from "./rules/shape.js";

/** The gradients that `differentiate` uses unless it is given others. */
export const standardGradients = new GradientTable([
  ...arithmeticGradients,
  ...elementwiseGradients,
  ...curveGradients,
  ...geluGradients,
  ...linearGradients,
  ...normalizationGradients,
  ...reductionGradients,
  ...shapeGradients,
  ...indexingGradients,
  ...scatterGradients,
  ...padGradients,
  ...dropoutGradients,
  ...convGradients,
  ...poolGradients,
  ...resizeGradients,
  ...layerNormGradients,
  ...activationGradients,
  ...crossEntropyGradients,
  ...fusedAttentionGradients,
]);
