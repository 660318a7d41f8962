// Pass `fuse`: chains of small ops become the library's own, which read and write memory once and have gradients that do.
import type { Graph } from "../graph.js";
import { removeDeadCode } from "./dead-code.js";
import { findGelu } from "./fuse/composed-gelu.js";
import { findLayerNorm } from "./fuse/composed-layer-norm.js";
import { fuseCrossEntropy } from "./fuse/cross-entropy.js";
import { fuseGelu } from "./fuse/gelu.js";
import { fuseLayerNorm } from "./fuse/layer-norm.js";
import { fuseSoftmax } from "./fuse/softmax.js";
import type { GraphPass } from "./pass.js";

/** One line per pattern; later ones build on what earlier ones find. All of them are for float32 alone. */
const patterns: readonly ((graph: Graph) => number)[] = [findLayerNorm, findGelu, fuseGelu, fuseLayerNorm, fuseSoftmax, fuseCrossEntropy];

/** Fuses all patterns; returns how many places changed. */
export function fuse(graph: Graph): number {
  let changes = 0;
  for (const pattern of patterns) {
    const found = pattern(graph);
    // What is dead reads nothing any more: the next pattern looks at readers.
    if (found > 0) removeDeadCode(graph);
    changes += found;
  }
  return changes;
}

export const fusePass: GraphPass = {
  name: "fuse",
  stage: "forward",
  says: "bias, dropout, residual and normalization, GELU, masked softmax and cross entropy become one op each",
  run: fuse,
};
