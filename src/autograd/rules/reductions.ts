// Gradients of reductions over constant axes, and of the running sum.
import type { Builder } from "../../graph/builder.js";
import type { Dim } from "../../graph/dims.js";
import type { Value } from "../../graph/graph.js";
import type { GradientContext, GradientDef, GradientRule } from "../gradient-table.js";
import { constantInts, intAttribute, maskOf, normalizeAxis, reshapeTo, sameShape } from "./helpers.js";

interface Reduction {
  readonly axes: readonly number[];
  /** Shape of the output had it kept its dims. */
  readonly kept: readonly Dim[];
}

function reductionOf({ node, input }: GradientContext): Reduction {
  const x = input(0);
  const attribute = node.attributes.axes;
  const given = Array.isArray(attribute) ? (attribute as readonly number[]) : node.inputs[1] ? constantInts(node, 1, "axes") : [];
  const all = given.length === 0 && intAttribute(node, "noop_with_empty_axes", 0) === 0;
  const axes = all ? x.shape.map((_, i) => i) : given.map((axis) => normalizeAxis(axis, x.rank));
  return { axes, kept: x.shape.map((d, i) => (axes.includes(i) ? 1 : d)) };
}

/** A value of the output's shape with the reduced dims back as 1, so that it broadcasts to the input. */
const keep = (ctx: GradientContext, value: Value, { kept }: Reduction): Value => reshapeTo(ctx.b, value, kept, [ctx.input(0)]);

/** The sum over the axes of the reduction, with dims kept. */
const sumOver = (b: Builder, x: Value, { axes }: Reduction): Value => (axes.length === 0 ? x : b.reduce("ReduceSum", x, axes, true));

const expandTo = (b: Builder, value: Value, like: Value): Value => (sameShape(b.graph.env, value.shape, like.shape) ? value : b.expand(value, b.shapeOf(like)));

const reduceSum: GradientRule = (ctx) => [expandTo(ctx.b, keep(ctx, ctx.gradOut(0)!, reductionOf(ctx)), ctx.input(0))];

/** dY/n, expanded. A symbolic n is computed from the sizes at run time. */
const reduceMean: GradientRule = (ctx) => {
  const { b } = ctx;
  const x = ctx.input(0);
  const reduction = reductionOf(ctx);
  const dy = keep(ctx, ctx.gradOut(0)!, reduction);
  const count = b.graph.env.product(reduction.axes.map((axis) => x.shape[axis]!));
  if (typeof count === "number") return [expandTo(b, b.divScalar(dy, count), x)];
  b.source(x);
  return [expandTo(b, b.div(dy, b.cast(b.dim(count), x.dtype)), x)];
};

/** dY to the extreme element; equal ones share it evenly, as in torch.amax. */
const reduceExtremum: GradientRule = (ctx) => {
  const { b } = ctx;
  const x = ctx.input(0);
  const reduction = reductionOf(ctx);
  const mask = maskOf(b, b.op("Equal", [x, keep(ctx, ctx.output(0), reduction)]), x);
  return [b.mul(mask, b.div(keep(ctx, ctx.gradOut(0)!, reduction), sumOver(b, mask, reduction)))];
};

/** dY times the product of the other elements: a single 0 leaves only its own gradient, two leave none. */
const reduceProd: GradientRule = (ctx) => {
  const { b } = ctx;
  const x = ctx.input(0);
  const reduction = reductionOf(ctx);
  const zero = b.op("Equal", [x, b.scalar(0, x.dtype)]);
  const safe = b.where(zero, b.scalar(1, x.dtype), x);
  const product = reduction.axes.length === 0 ? safe : b.op("ReduceProd", [safe, b.int64(reduction.axes)], { keepdims: 1 });
  const isZero = maskOf(b, zero, x);
  const others = b.sub(sumOver(b, isZero, reduction), isZero);
  const slope = b.mul(b.div(product, safe), maskOf(b, b.op("Equal", [others, b.scalar(0, x.dtype)]), x));
  return [b.mul(slope, keep(ctx, ctx.gradOut(0)!, reduction))];
};

/** A reduction whose gradient is dY, broadcast, times a slope made of x and the kept output. */
const scaled =
  (slope: (b: Builder, x: Value, y: Value) => Value): GradientRule =>
  (ctx) => {
    const reduction = reductionOf(ctx);
    return [ctx.b.mul(slope(ctx.b, ctx.input(0), keep(ctx, ctx.output(0), reduction)), keep(ctx, ctx.gradOut(0)!, reduction))];
  };

/** The gradient of a running sum is the running sum from the other end. */
const cumSum: GradientRule = ({ b, node, input, gradOut }) => {
  const attributes = { exclusive: intAttribute(node, "exclusive", 0), reverse: 1 - intAttribute(node, "reverse", 0) };
  return [b.op("CumSum", [gradOut(0)!, input(1)], attributes)];
};

export const reductionGradients: readonly GradientDef[] = [
  { op: "ReduceSum", note: "axes must be constants", rule: reduceSum },
  { op: "ReduceMean", note: "axes must be constants", rule: reduceMean },
  { op: "ReduceMax", note: "equal elements share it evenly; axes must be constants", rule: reduceExtremum },
  { op: "ReduceMin", note: "equal elements share it evenly; axes must be constants", rule: reduceExtremum },
  { op: "ReduceL1", note: "axes must be constants", rule: scaled((b, x) => b.unary("Sign", x)) },
  { op: "ReduceProd", note: "right where elements are 0; axes must be constants", rule: reduceProd },
  // x / y, and 0 where all is 0, as in torch.
  {
    op: "ReduceL2",
    note: "0 where all is 0; axes must be constants",
    rule: scaled((b, x, y) => b.div(x, b.where(b.op("Equal", [y, b.scalar(0, y.dtype)]), b.scalar(1, y.dtype), y))),
  },
  { op: "ReduceLogSum", note: "axes must be constants", rule: scaled((b, x, y) => b.mul(b.unary("Exp", b.neg(y)), b.fill(b.shapeOf(x), 1, x.dtype))) },
  { op: "ReduceSumSquare", note: "axes must be constants", rule: scaled((b, x) => b.mulScalar(x, 2)) },
  { op: "ReduceLogSumExp", note: "axes must be constants", rule: scaled((b, x, y) => b.unary("Exp", b.sub(x, y))) },
  { op: "CumSum", rule: cumSum },
];
