// Gradient of accelerate_ts.CrossEntropy, from the saved logarithm of the sum of each row.
import { unsupported } from "../errors.js";
import type { GradientDef, GradientRule } from "../gradient-table.js";

const domain = "accelerate_ts";

const crossEntropy: GradientRule = ({ b, node, input, output, gradOut }) => {
  if (gradOut(1)) throw unsupported(node, "a gradient of its logarithm of sums", "compute it with ReduceLogSumExp");
  return [b.op("CrossEntropyGrad", [gradOut(0)!, input(0), input(1), output(1)], node.attributes, { domain })];
};

export const crossEntropyGradients: readonly GradientDef[] = [{ op: "CrossEntropy", domain, rule: crossEntropy }];
