// The gradient of our dropout: the same op on dY, whose key and places draw the same mask again.
import type { GradientDef } from "../gradient-table.js";

export const dropoutGradients: readonly GradientDef[] = [
  {
    op: "Dropout",
    domain: "accelerate_ts",
    rule: ({ b, node, gradOut }) => [b.op("Dropout", [gradOut(0)!, ...node.inputs.slice(1)], node.attributes, { domain: "accelerate_ts" })],
  },
];
