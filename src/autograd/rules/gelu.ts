// Gradient of ONNX's Gelu, composed of other ops; the pass `fuse` puts BiasGelu in its place where that has a kernel.
import { geluGrad } from "../../graph/ops/fused-gelu.js";
import type { GradientDef, GradientRule } from "../gradient-table.js";

const gelu: GradientRule = ({ b, node, input, gradOut }) => [geluGrad(b, gradOut(0)!, input(0), node.attributes.approximate)];

export const geluGradients: readonly GradientDef[] = [{ op: "Gelu", rule: gelu }];
