// Gradients of dropout: our own, whose key draws the same mask again, and ONNX's, which puts its mask out.
import { Value } from "../../graph/graph.js";
import type { GradientDef, GradientRule } from "../gradient-table.js";
import { maskOf } from "./helpers.js";

/** dY mask / (1 - ratio) in training; outside of it the node is a copy. */
const dropout: GradientRule = ({ b, node, gradOut }) => {
  const dy = gradOut(0)!;
  const [x, ratio, training] = node.inputs;
  const mode = training?.constant?.data[0];
  if (!training || (training.constant && Number(mode) === 0)) return [dy];
  if (node.outputs.length === 1) {
    const mask = new Value(`${node.outputs[0]!.name}_mask`, "bool", x!.shape);
    mask.producer = node;
    mask.index = 1;
    node.outputs.push(mask);
  }
  const kept = ratio ? b.sub(b.scalar(1, dy.dtype), b.cast(ratio, dy.dtype)) : b.scalar(0.5, dy.dtype);
  const dx = b.div(b.mul(dy, maskOf(b, node.outputs[1]!, dy)), kept);
  return [training.constant ? dx : b.where(training, dx, dy)];
};

export const dropoutGradients: readonly GradientDef[] = [
  { op: "Dropout", rule: dropout },
  {
    op: "Dropout",
    domain: "accelerate_ts",
    rule: ({ b, node, gradOut }) => [b.op("Dropout", [gradOut(0)!, ...node.inputs.slice(1)], node.attributes, { domain: "accelerate_ts" })],
  },
];
