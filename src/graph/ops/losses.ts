// Losses as files have them: SoftmaxCrossEntropyLoss and NegativeLogLikelihoodLoss, in terms of LogSoftmax and picking.
import { ShapeError } from "../../errors.js";
import type { Builder } from "../builder.js";
import type { Node, Value } from "../graph.js";
import { intAttribute } from "../node-attributes.js";
import type { Decomposition, InferContext, OpDef, OutputSpec } from "../op-def.js";
import { define, meet, need, needKind, sameDtype, stringAttribute } from "./common.js";

const reductions = ["mean", "sum", "none"] as const;

/** scores [N, C, d..], labels [N, d..], weights [C]? -> loss [] or like labels; log probabilities like the scores. */
function loss(ctx: InferContext): readonly OutputSpec[] {
  const { env } = ctx;
  const [x, labels] = [need(ctx, 0), need(ctx, 1)];
  needKind(ctx, x, "float");
  needKind(ctx, labels, "index");
  const expected = [x.shape[0] ?? 1, ...x.shape.slice(2)];
  const fits = x.shape.length >= 2 && labels.shape.length === expected.length && labels.shape.every((d, i) => meet(env, d, expected[i]!) !== undefined);
  if (!fits) throw new ShapeError(`labels ${env.show(labels.shape)} do not fit scores ${env.show(x.shape)}: [N, C, d..] take labels [N, d..]`);
  const weights = ctx.inputs[2];
  if (weights) {
    sameDtype(ctx, x, weights);
    if (weights.shape.length !== 1 || meet(env, weights.shape[0]!, x.shape[1]!) === undefined)
      throw new ShapeError(`weights ${env.show(weights.shape)} must be one number for each of the ${env.showDim(x.shape[1]!)} classes`);
  }
  const reduction = stringAttribute(ctx, "reduction", reductions);
  const outputs: OutputSpec[] = [
    { dtype: x.dtype, shape: reduction === "none" ? labels.shape : [] },
    { dtype: x.dtype, shape: x.shape },
  ];
  return outputs.slice(0, ctx.outputs);
}

/** -w[label] log p[label]; labels to be ignored weigh nothing, also in the mean. */
function picked(b: Builder, node: Node, logs: Value, labels: Value, weights: Value | undefined): Value {
  const { dtype } = logs;
  const ignore = node.attributes.ignore_index;
  const valid = ignore === undefined ? undefined : b.unary("Not", b.op("Equal", [labels, b.scalar(intAttribute(node, "ignore_index", 0), labels.dtype)]));
  const safe = valid ? b.where(valid, labels, b.scalar(0, labels.dtype)) : labels;
  const chosen = b.squeeze(b.gatherElements(logs, b.unsqueeze(safe, [1]), 1), [1]);
  let weight = weights && b.gather(weights, safe);
  if (valid) weight = weight ? b.mul(weight, b.cast(valid, dtype)) : b.cast(valid, dtype);
  const each = b.neg(weight ? b.mul(chosen, weight) : chosen);
  const reduction = node.attributes.reduction ?? "mean";
  if (reduction === "none") return each;
  if (reduction === "mean" && !weight) return b.reduce("ReduceMean", each, undefined);
  const sum = b.reduce("ReduceSum", each, undefined);
  return reduction === "mean" ? b.div(sum, b.reduce("ReduceSum", weight!, undefined)) : sum;
}

const crossEntropy: Decomposition = ({ b, node, inputs }) => {
  const logs = b.op("LogSoftmax", [inputs[0]], { axis: 1 });
  return [picked(b, node, logs, inputs[1]!, inputs[2]), logs].slice(0, node.outputs.length);
};
const likelihood: Decomposition = ({ b, node, inputs }) => [picked(b, node, inputs[0]!, inputs[1]!, inputs[2])];

export const lossOps: readonly OpDef[] = [
  { ...define("SoftmaxCrossEntropyLoss", [2, 3], loss, { outputs: [1, 2] }), decompose: crossEntropy, composite: true },
  { ...define("NegativeLogLikelihoodLoss", [2, 3], loss), decompose: likelihood, composite: true },
];
