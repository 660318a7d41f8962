// Normalizations and activations that look along an axis: Softmax, LayerNormalization; Gelu; ONNX's Dropout.
import { ArgumentError } from "../../errors.js";
import { dtypeFromOnnx } from "../dtype.js";
import type { InferContext, OpDef, OutputSpec } from "../op-def.js";
import { axisAttribute, broadcastsTo, define, intAttribute, need, needKind, sameDtype, stringAttribute } from "./common.js";

function softmax(ctx: InferContext): readonly OutputSpec[] {
  const x = need(ctx, 0);
  needKind(ctx, x, "float");
  axisAttribute(ctx, x, -1);
  return [{ dtype: x.dtype, shape: x.shape }];
}

/** x [a.., b..], scale [b..], bias [b..]? -> y like x; mean and inverse deviation [a.., 1..], in the dtype of the statistics. */
function layerNormalization(ctx: InferContext): readonly OutputSpec[] {
  const [x, scale] = [need(ctx, 0), need(ctx, 1)];
  needKind(ctx, x, "float");
  const axis = axisAttribute(ctx, x, -1);
  const normalized = x.shape.slice(axis);
  for (const parameter of [scale, ctx.inputs[2]]) {
    if (!parameter) continue;
    sameDtype(ctx, x, parameter);
    broadcastsTo(ctx.env, parameter.shape, normalized);
  }
  const y = { dtype: x.dtype, shape: x.shape };
  if (ctx.outputs === 1) return [y];
  const stash = intAttribute(ctx, "stash_type", 1);
  const dtype = dtypeFromOnnx(stash);
  if (!dtype) throw new ArgumentError(`node ${ctx.name} (LayerNormalization): stash_type ${stash} is no dtype`, { code: "ERR_OP_ATTRIBUTE" });
  const statistics = { dtype, shape: x.shape.map((d, i) => (i < axis ? d : 1)) };
  return [y, statistics, statistics].slice(0, ctx.outputs);
}

function gelu(ctx: InferContext): readonly OutputSpec[] {
  const x = need(ctx, 0);
  needKind(ctx, x, "float");
  stringAttribute(ctx, "approximate", ["none", "tanh"]);
  return [{ dtype: x.dtype, shape: x.shape }];
}

/** x, ratio (scalar)?, training (scalar, bool)? -> y like x, mask (bool) like x. */
function dropout(ctx: InferContext): readonly OutputSpec[] {
  const x = need(ctx, 0);
  needKind(ctx, x, "float");
  const [, ratio, training] = ctx.inputs;
  if (ratio) {
    needKind(ctx, ratio, "float");
    broadcastsTo(ctx.env, ratio.shape, []);
  }
  if (training) {
    needKind(ctx, training, "bool");
    broadcastsTo(ctx.env, training.shape, []);
  }
  const y = { dtype: x.dtype, shape: x.shape };
  return ctx.outputs === 1 ? [y] : [y, { dtype: "bool", shape: x.shape }];
}

export const normalizationOps: readonly OpDef[] = [
  define("Softmax", [1, 1], softmax),
  define("LogSoftmax", [1, 1], softmax),
  define("Hardmax", [1, 1], softmax),
  define("LayerNormalization", [2, 3], layerNormalization, { outputs: [1, 3] }),
  define("Gelu", [1, 1], gelu),
  define("Dropout", [1, 3], dropout, { outputs: [1, 2] }),
];
