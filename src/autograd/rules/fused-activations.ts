// Gradients of accelerate_ts' BiasGelu and MaskedSoftmax.
import type { GradientDef, GradientRule } from "../gradient-table.js";
import { toInput } from "./helpers.js";

const domain = "accelerate_ts";

const biasGelu: GradientRule = ({ b, node, gradOut }) =>
  b.ops("BiasGeluGrad", [gradOut(0)!, ...node.inputs], { approximate: node.attributes.approximate ?? "none" }, { domain, outputs: 2 });

const maskedSoftmax: GradientRule = (ctx) => {
  const dx = ctx.b.op("SoftmaxGrad", [ctx.gradOut(0)!, ctx.output(0)], {}, { domain });
  return [dx, ctx.needs(1) ? toInput(ctx, dx, 1) : undefined];
};

export const activationGradients: readonly GradientDef[] = [
  { op: "BiasGelu", domain, rule: biasGelu },
  { op: "MaskedSoftmax", domain, rule: maskedSoftmax },
];
