// The gradient of our dropout: the same op on dY, whose key draws the same mask again.
import type { GradientDef } from "../gradient-table.js";

export const dropoutGradients: readonly GradientDef[] = [
  {
    op: "Dropout",
    domain: "accelerate_ts",
    rule: ({ b, node, input, gradOut }) => [b.op("Dropout", [gradOut(0)!, input(1)], node.attributes, { domain: "accelerate_ts" }), undefined],
  },
];
