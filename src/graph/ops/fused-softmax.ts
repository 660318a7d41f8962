// accelerate_ts.MaskedSoftmax: softmax of a sum with an additive mask, and the gradient of softmax.
import type { Decomposition, InferContext, OpDef, OutputSpec } from "../op-def.js";
import { broadcastsTo, define, need, needKind, sameDtype } from "./common.js";

const domain = "accelerate_ts";

/** x [.., S], bias? that broadcasts to x -> softmax(x + bias) over the last dim. */
function maskedSoftmax(ctx: InferContext): readonly OutputSpec[] {
  const x = need(ctx, 0);
  const bias = ctx.inputs[1];
  needKind(ctx, x, "float");
  if (bias) {
    sameDtype(ctx, x, bias);
    broadcastsTo(ctx.env, bias.shape, x.shape);
  }
  return [{ dtype: x.dtype, shape: x.shape }];
}

/** dy, y [.., S] -> y (dy - sum(dy y)) over the last dim. */
function softmaxGrad(ctx: InferContext): readonly OutputSpec[] {
  const [dy, y] = [need(ctx, 0), need(ctx, 1)];
  needKind(ctx, y, "float");
  sameDtype(ctx, dy, y);
  broadcastsTo(ctx.env, dy.shape, y.shape);
  return [{ dtype: y.dtype, shape: y.shape }];
}

const decomposed: Decomposition = ({ b, inputs: [x, bias] }) => [b.op("Softmax", [bias ? b.add(x!, bias) : x!], { axis: -1 })];
const decomposedGrad: Decomposition = ({ b, inputs: [dy, y] }) => [b.mul(y!, b.sub(dy!, b.reduce("ReduceSum", b.mul(dy!, y!), [-1], true)))];

export const softmaxOps: readonly OpDef[] = [
  { ...define("MaskedSoftmax", [1, 2], maskedSoftmax, { domain }), decompose: decomposed },
  { ...define("SoftmaxGrad", [2, 2], softmaxGrad, { domain }), decompose: decomposedGrad },
];
