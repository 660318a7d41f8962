// Ops that ONNX defines by others and the engine has no kernel for in the opset that is written, or no gradient could use: norms and Swish.
import type { Builder } from "../builder.js";
import type { Node, Value } from "../graph.js";
import { floatAttribute, intAttribute, intsAttribute, normalizeAxis } from "../node-attributes.js";
import type { Decomposition, InferContext, OpDef, OutputSpec } from "../op-def.js";
import { axesOf, axisAttribute, broadcastsTo, define, intsAttribute as intsOf, need, needKind } from "./common.js";

function likeInput(ctx: InferContext): readonly OutputSpec[] {
  const x = need(ctx, 0);
  needKind(ctx, x, "float");
  return [{ dtype: x.dtype, shape: x.shape }];
}

/** x [a.., b..], scale [b..] -> the dtype of the scale, dims of x. */
function rmsNormalization(ctx: InferContext): readonly OutputSpec[] {
  const [x, scale] = [need(ctx, 0), need(ctx, 1)];
  needKind(ctx, x, "float");
  broadcastsTo(ctx.env, scale.shape, x.shape.slice(axisAttribute(ctx, x, -1)));
  return [{ dtype: scale.dtype, shape: x.shape }];
}

/** In float32 where x is a smaller float, as stash_type says unless it is changed. */
const stashed = (b: Builder, node: Node, x: Value): Value => (intAttribute(node, "stash_type", 1) === 1 && x.dtype !== "float64" ? b.cast(x, "float32") : x);

/** y = x / sqrt(mean(x^2) + epsilon) * scale over the dims from `axis` on. */
const rms: Decomposition = ({ b, node, inputs }) => {
  const [x, scale] = inputs as readonly Value[];
  const axis = normalizeAxis(intAttribute(node, "axis", -1), x!.rank);
  const axes = x!.shape.map((_, i) => i).slice(axis);
  const wide = stashed(b, node, x!);
  const square = b.reduce("ReduceMean", b.mul(wide, wide), axes, true);
  const deviation = b.unary("Sqrt", b.addScalar(square, floatAttribute(node, "epsilon", 1e-5)));
  return [b.mul(b.cast(b.div(wide, deviation), scale!.dtype), scale!)];
};

/** y = (x - mean) / (deviation + 1e-9). */
const meanVariance: Decomposition = ({ b, node, inputs }) => {
  const x = inputs[0]!;
  const axes = (intsAttribute(node, "axes") ?? [0, 2, 3]).map((a) => normalizeAxis(a, x.rank));
  const centred = b.sub(x, b.reduce("ReduceMean", x, axes, true));
  const deviation = b.unary("Sqrt", b.reduce("ReduceMean", b.mul(centred, centred), axes, true));
  return [b.div(centred, b.addScalar(deviation, 1e-9))];
};

/** y = x / |x| along an axis; a row of zeros stays one. */
const lpNormalization: Decomposition = ({ b, node, inputs }) => {
  const x = inputs[0]!;
  const axis = normalizeAxis(intAttribute(node, "axis", -1), x.rank);
  const norm = b.op(intAttribute(node, "p", 2) === 1 ? "ReduceL1" : "ReduceL2", [x, b.int64([axis])], { keepdims: 1 });
  const zero = b.op("Equal", [norm, b.scalar(0, x.dtype)]);
  return [b.div(x, b.where(zero, b.scalar(1, x.dtype), norm))];
};

/** y = x sigmoid(alpha x). */
const swish: Decomposition = ({ b, node, inputs }) => {
  const x = inputs[0]!;
  return [b.mul(x, b.unary("Sigmoid", b.mulScalar(x, floatAttribute(node, "alpha", 1))))];
};

export const functionOps: readonly OpDef[] = [
  { ...define("Swish", [1, 1], likeInput), decompose: swish, composite: true },
  { ...define("RMSNormalization", [2, 2], rmsNormalization), decompose: rms, composite: true },
  {
    ...define("MeanVarianceNormalization", [1, 1], (ctx) => {
      const x = need(ctx, 0);
      axesOf(intsOf(ctx, "axes") ?? [0, 2, 3], x.shape.length, () => ctx.env.show(x.shape));
      return likeInput(ctx);
    }),
    decompose: meanVariance,
  },
  {
    ...define("LpNormalization", [1, 1], (ctx) => {
      axisAttribute(ctx, need(ctx, 0), -1);
      return likeInput(ctx);
    }),
    decompose: lpNormalization,
  },
];
