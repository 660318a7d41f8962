// Reductions over axes, and the ops that walk along one axis: ArgMax, CumSum, TopK.
import { ShapeError } from "../../errors.js";
import type { Dim } from "../dims.js";
import type { InferContext, OpDef, OutputSpec } from "../op-def.js";
import { axesOf, axisAttribute, define, intAttribute, literals, need, needKind, scalarContent, unknownShape, vectorLength } from "./common.js";

/** x [..], axes int64 [n]? -> x without the axes, or with 1 in their place. */
function reduce(ctx: InferContext): readonly OutputSpec[] {
  const { env } = ctx;
  const x = need(ctx, 0);
  needKind(ctx, x, ctx.op === "ReduceMax" || ctx.op === "ReduceMin" ? "any" : "number");
  const dtype = x.dtype;
  const keep = intAttribute(ctx, "keepdims", 1) !== 0;
  const rank = x.shape.length;
  const axesInput = ctx.inputs[1];
  const given = axesInput ? literals(axesInput) : [];
  if (!given) {
    const shape: Dim[] = unknownShape(env, keep ? rank : rank - vectorLength(ctx, axesInput!));
    return [{ dtype, shape }];
  }
  if (given.length === 0) {
    if (intAttribute(ctx, "noop_with_empty_axes", 0) !== 0) return [{ dtype, shape: x.shape }];
    return [{ dtype, shape: keep ? x.shape.map(() => 1) : [] }];
  }
  const axes = axesOf(given, rank, () => env.show(x.shape));
  const shape = keep ? x.shape.map((d, i) => (axes.includes(i) ? 1 : d)) : x.shape.filter((_, i) => !axes.includes(i));
  return [{ dtype, shape }];
}

/** x [..] -> int64, without the axis or with 1 in its place. */
function argReduce(ctx: InferContext): readonly OutputSpec[] {
  const x = need(ctx, 0);
  needKind(ctx, x, "number");
  const axis = axisAttribute(ctx, x, 0);
  const keep = intAttribute(ctx, "keepdims", 1) !== 0;
  return [{ dtype: "int64", shape: keep ? x.shape.map((d, i) => (i === axis ? 1 : d)) : x.shape.filter((_, i) => i !== axis) }];
}

/** x [..], axis (scalar) -> like x. */
function cumSum(ctx: InferContext): readonly OutputSpec[] {
  const [x, axis] = [need(ctx, 0), need(ctx, 1)];
  needKind(ctx, x, "number");
  needKind(ctx, axis, "index");
  const at = scalarContent(axis);
  if (typeof at === "number") axesOf([at], x.shape.length, () => ctx.env.show(x.shape));
  return [{ dtype: x.dtype, shape: x.shape }];
}

/** x [.., n, ..], k int64 [1] -> values [.., k, ..] and int64 indices. */
function topK(ctx: InferContext): readonly OutputSpec[] {
  const { env } = ctx;
  const [x, k] = [need(ctx, 0), need(ctx, 1)];
  const axis = axisAttribute(ctx, x, -1);
  const size = scalarContent(k) ?? env.unknown();
  const from = env.hint(x.shape[axis]!);
  const wanted = env.hint(size);
  if (from !== undefined && wanted !== undefined && (wanted > from || wanted < 0))
    throw new ShapeError(`cannot take ${wanted} of dim ${axis} of ${env.show(x.shape)}`);
  const shape = x.shape.map((d, i) => (i === axis ? size : d));
  return [
    { dtype: x.dtype, shape },
    { dtype: "int64", shape },
  ];
}

const reductions = ["Sum", "Mean", "Max", "Min", "Prod", "L1", "L2", "SumSquare", "LogSum", "LogSumExp"];

export const reductionOps: readonly OpDef[] = [
  ...reductions.map((name) => define(`Reduce${name}`, [1, 2], reduce)),
  define("ArgMax", [1, 1], argReduce),
  define("ArgMin", [1, 1], argReduce),
  define("CumSum", [2, 2], cumSum),
  define("TopK", [2, 2], topK, { outputs: [2, 2] }),
];
