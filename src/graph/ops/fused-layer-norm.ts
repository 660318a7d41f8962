// accelerate_ts.DropoutAddLayerNorm: bias, dropout, residual and layer normalization in one pass over memory, and its gradient.
import { ShapeError } from "../../errors.js";
import type { Builder } from "../builder.js";
import type { Decomposition, InferContext, OpDef, OutputSpec } from "../op-def.js";
import type { Attributes, Value } from "../graph.js";
import { broadcastsTo, define, meet, need, needKind, sameDtype } from "./common.js";
import { checkDropout } from "./custom.js";

const domain = "accelerate_ts";

/** Throws unless a parameter is a vector over the last dim of x. */
function checkVector(ctx: InferContext, x: Value, parameter: Value): void {
  sameDtype(ctx, x, parameter);
  const size = x.shape.at(-1)!;
  if (parameter.shape.length !== 1 || meet(ctx.env, parameter.shape[0]!, size) === undefined)
    throw new ShapeError(`${parameter.name} ${ctx.env.show(parameter.shape)} must be one number for each of the last dim of ${ctx.env.show(x.shape)}`);
}

/** Mean and inverse deviation have one number per row. */
const statistics = (x: Value): OutputSpec => ({ dtype: "float32", shape: x.shape.map((d, i) => (i < x.shape.length - 1 ? d : 1)) });

/**
 * x [.., H], bias [H]?, residual like x?, scale [H], shift [H]?, key int64 [4]?, places int64 [rows, k]? -> y, sum = residual + dropout(x + bias), mean [.., 1], inverse [.., 1];
 * attributes epsilon, ratio, site. Without a key nothing is dropped. All outputs are declared; those that nobody reads are not computed.
 */
function layerNorm(ctx: InferContext): readonly OutputSpec[] {
  const [x, scale] = [need(ctx, 0), need(ctx, 3)];
  needKind(ctx, x, "float");
  if (x.shape.length < 1) throw new ShapeError("the input is a scalar");
  for (const i of [1, 3, 4]) if (ctx.inputs[i]) checkVector(ctx, x, ctx.inputs[i]);
  const residual = ctx.inputs[2];
  if (residual) {
    sameDtype(ctx, x, residual);
    const fits = residual.shape.length === x.shape.length && residual.shape.every((d, i) => meet(ctx.env, d, x.shape[i]!) !== undefined);
    if (!fits) throw new ShapeError(`the residual ${ctx.env.show(residual.shape)} is not like x ${ctx.env.show(x.shape)}`);
  }
  if (ctx.inputs[5]) checkDropout(ctx, x, ctx.inputs[5], ctx.inputs[6]);
  const like = { dtype: scale.dtype, shape: x.shape };
  return [like, like, statistics(x), statistics(x)];
}

/** dy, dsum? like x, sum like x, mean, inverse [.., 1], scale [H], key?, places? -> dx, dresidual like x, dscale [H], dshift [H], dbias [H]. Without a key dx is dresidual. */
export function layerNormGrad(ctx: InferContext): readonly OutputSpec[] {
  const [dy, sum, scale] = [need(ctx, 0), need(ctx, 2), need(ctx, 5)];
  need(ctx, 3);
  need(ctx, 4);
  needKind(ctx, sum, "float");
  broadcastsTo(ctx.env, dy.shape, sum.shape);
  checkVector(ctx, sum, scale);
  if (ctx.inputs[6]) checkDropout(ctx, sum, ctx.inputs[6], ctx.inputs[7]);
  const like = { dtype: sum.dtype, shape: sum.shape };
  const vector = { dtype: scale.dtype, shape: scale.shape };
  return [like, like, vector, vector, vector];
}

/** Dropout of a node that may have a key. */
const dropped = (b: Builder, x: Value, key: Value | undefined, places: Value | undefined, { ratio, site }: Attributes): Value =>
  key
    ? b.op("Dropout", places ? [x, key, places] : [x, key], { ...(ratio === undefined ? {} : { ratio }), ...(site === undefined ? {} : { site }) }, { domain })
    : x;

const decomposed: Decomposition = ({ b, node, inputs }) => {
  const [x, bias, residual, scale, shift, key, places] = inputs;
  const branch = dropped(b, bias ? b.add(x!, bias) : x!, key, places, node.attributes);
  const sum = residual ? b.add(branch, residual) : branch;
  const { epsilon } = node.attributes;
  const attributes = { axis: -1, ...(epsilon === undefined ? {} : { epsilon }) };
  const [y, mean, inverse] = b.ops("LayerNormalization", shift ? [sum, scale, shift] : [sum, scale], attributes, { outputs: 3 });
  return [y!, sum, mean!, inverse!];
};

const decomposedGrad: Decomposition = ({ b, node, inputs }) => {
  const [dy, dsum, sum, mean, inverse, scale, key, places] = inputs as readonly Value[];
  const [m, r] = [b.cast(mean!, sum!.dtype), b.cast(inverse!, sum!.dtype)];
  const normal = b.mul(b.sub(sum!, m), r);
  const weighted = b.mul(dy!, normal);
  const grad = b.mul(dy!, scale!);
  const slope = b.reduce("ReduceMean", b.mul(grad, normal), [-1], true);
  const own = b.mul(b.sub(b.sub(grad, b.reduce("ReduceMean", grad, [-1], true)), b.mul(normal, slope)), r);
  const dresidual = dsum ? b.add(own, dsum) : own;
  const dx = dropped(b, dresidual, key, places, node.attributes);
  const summed = (value: Value): Value => b.reduceTo(value, scale!.shape, scale!);
  return [dx, dresidual, summed(weighted), summed(dy!), summed(dx)];
};

export const layerNormOps: readonly OpDef[] = [
  { ...define("DropoutAddLayerNorm", [4, 7], layerNorm, { domain, outputs: [1, 4] }), decompose: decomposed },
  { ...define("DropoutAddLayerNormGrad", [6, 8], layerNormGrad, { domain, outputs: [0, 5] }), decompose: decomposedGrad },
];
