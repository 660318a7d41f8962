// Pools: windows of spatial dims reduced to one number each.
import { ShapeError } from "../../errors.js";
import type { Value } from "../graph.js";
import type { Decomposition, InferContext, OpDef, OutputSpec } from "../op-def.js";
import { define, intAttribute, meet, need, needKind, sameDtype, vectorLength } from "./common.js";
import { autoPadOf, kernelShape, windowCounts, windowsOf } from "./conv-geometry.js";
import { customDomain } from "./custom.js";

/** x [N, C, spatial..] */
function images(ctx: InferContext): Value {
  const x = need(ctx, 0);
  needKind(ctx, x, "float");
  if (x.rank < 3) throw new ShapeError(`${ctx.op} takes [N, C, spatial..], the input is ${ctx.env.show(x.shape)}`);
  return x;
}

/** x [N, C, in..] -> y [N, C, out..]; MaxPool also int64 places of the maxima in the flattened x. */
function pool(ctx: InferContext): readonly OutputSpec[] {
  const x = images(ctx);
  const windows = windowsOf(ctx.attributes, kernelShape(ctx.attributes, x.rank - 2));
  for (const [i, size] of windows.kernel.entries())
    if (windows.before[i]! >= size * windows.dilations[i]! || windows.after[i]! >= size * windows.dilations[i]!)
      throw new ShapeError(`pads ${windows.before[i]} and ${windows.after[i]} are not smaller than the kernel of ${size}`);
  const counts = windowCounts(ctx.env, x.shape.slice(2), windows, autoPadOf(ctx.attributes), intAttribute(ctx, "ceil_mode", 0) !== 0);
  const shape = [x.shape[0]!, x.shape[1]!, ...counts];
  const y = { dtype: x.dtype, shape };
  return ctx.outputs === 1 ? [y] : [y, { dtype: "int64", shape }];
}

/** x [N, C, in..] -> [N, C, 1..] */
function globalPool(ctx: InferContext): readonly OutputSpec[] {
  const x = images(ctx);
  return [{ dtype: x.dtype, shape: x.shape.map((d, i) => (i < 2 ? d : 1)) }];
}

/** x [N, C, in..], y and dy [N, C, out..], windows int64 [4 n] (kernel, strides, dilations, pads before) -> dx like x; attributes of the MaxPool. */
function maxPoolGrad(ctx: InferContext): readonly OutputSpec[] {
  const { env } = ctx;
  const x = images(ctx);
  const [y, dy, windows] = [need(ctx, 1), need(ctx, 2), need(ctx, 3)];
  needKind(ctx, windows, "index");
  for (const v of [y, dy]) {
    sameDtype(ctx, x, v);
    if (v.rank !== x.rank || !v.shape.every((d, i) => meet(env, d, (i < 2 ? x : y).shape[i]!) !== undefined))
      throw new ShapeError(`${v.name} ${env.show(v.shape)} does not fit x ${env.show(x.shape)}`);
  }
  if (vectorLength(ctx, windows) !== 4 * (x.rank - 2)) throw new ShapeError(`windows must be [${4 * (x.rank - 2)}], they are ${env.show(windows.shape)}`);
  return [{ dtype: x.dtype, shape: x.shape }];
}
/** dY added to zeros at the places that MaxPool tells with its second output. */
const decomposeMaxPoolGrad: Decomposition = ({ b, node, inputs }) => {
  const [x, , dy] = inputs as readonly Value[];
  const places = b.ops("MaxPool", [x!], node.attributes, { outputs: 2 })[1]!;
  const flat = (v: Value) => b.op("Reshape", [v, b.int64([-1])]);
  const zeros = b.fill(b.op("Reshape", [b.unary("Size", x!), b.int64([1])]), 0, x!.dtype);
  return [b.reshapeLike(b.op("ScatterElements", [zeros, flat(places), flat(dy!)], { axis: 0, reduction: "add" }), x!)];
};

export const poolOps: readonly OpDef[] = [
  define("MaxPool", [1, 1], pool, { outputs: [1, 2] }),
  define("AveragePool", [1, 1], pool),
  define("LpPool", [1, 1], pool),
  define("GlobalAveragePool", [1, 1], globalPool),
  define("GlobalMaxPool", [1, 1], globalPool),
  define("GlobalLpPool", [1, 1], globalPool),
  { ...define("MaxPoolGrad", [4, 4], maxPoolGrad, { domain: customDomain }), decompose: decomposeMaxPoolGrad },
];
