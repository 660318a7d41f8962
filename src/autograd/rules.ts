// All gradient rules of the library, one file per family.
import { GradientTable } from "./gradient-table.js";
import { arithmeticGradients } from "./rules/arithmetic.js";
import { dropoutGradients } from "./rules/dropout.js";
import { elementwiseGradients } from "./rules/elementwise.js";
import { geluGradients } from "./rules/gelu.js";
import { indexingGradients } from "./rules/indexing.js";
import { linearGradients } from "./rules/linear.js";
import { normalizationGradients } from "./rules/normalization.js";
import { reductionGradients } from "./rules/reductions.js";
import { shapeGradients } from "./rules/shape.js";

/** The gradients that `differentiate` uses unless it is given others. */
export const standardGradients = new GradientTable([
  ...arithmeticGradients,
  ...elementwiseGradients,
  ...geluGradients,
  ...linearGradients,
  ...normalizationGradients,
  ...reductionGradients,
  ...shapeGradients,
  ...indexingGradients,
  ...dropoutGradients,
]);
