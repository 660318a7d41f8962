// Gradients of element-wise functions of one operand, selections by a condition, and casts.
import type { Value } from "../../graph/graph.js";
import type { GradientDef, GradientRule } from "../gradient-table.js";
import { maskOf, toInput, unaryRule } from "./helpers.js";

/**
 * dA = dY * [c], dB = dY * [not c]. The condition is cast at its own, often smaller, shape: ONNX Runtime's Where takes over twice the time of a
 * product, and its select of a broadcast condition is slower still.
 */
const where: GradientRule = (ctx) => {
  const { b } = ctx;
  const dy = ctx.gradOut(0)!;
  const condition = ctx.input(0);
  return [
    undefined,
    ctx.needs(1) ? toInput(ctx, b.mul(dy, maskOf(b, condition, dy)), 1) : undefined,
    ctx.needs(2) ? toInput(ctx, b.mul(dy, maskOf(b, b.unary("Not", condition), dy)), 2) : undefined,
  ];
};

/**
 * dY where x lies within the bounds, which both count as inside (as in torch.clamp). A bound gets dY of what lies beyond it; where the bounds have changed places, the upper one
 * is what counts.
 */
const clip: GradientRule = (ctx) => {
  const { b, node } = ctx;
  const x = ctx.input(0);
  const dy = ctx.gradOut(0)!;
  const [, min, max] = node.inputs;
  let dx = dy;
  if (ctx.needs(0) && min) dx = b.mul(dx, maskOf(b, b.op("GreaterOrEqual", [x, min]), x));
  if (ctx.needs(0) && max) dx = b.mul(dx, maskOf(b, b.op("LessOrEqual", [x, max]), x));
  const below = (): Value => {
    const beyond = maskOf(b, b.op("Less", [x, min!]), x);
    return max ? b.mul(beyond, maskOf(b, b.op("Less", [min!, max]), x)) : beyond;
  };
  const above = (): Value => maskOf(b, b.op("Greater", [min ? b.op("Max", [x, min]) : x, max!]), x);
  return [dx, ctx.needs(1) ? toInput(ctx, b.mul(dy, below()), 1) : undefined, ctx.needs(2) ? toInput(ctx, b.mul(dy, above()), 2) : undefined];
};

/** [y > 0] by a comparison, a cast and a product: faster on the CPU than Where or Sign. y, not x: what follows reads y too. */
const relu = unaryRule((b, dy, _x, y) => b.mul(dy, maskOf(b, b.op("Greater", [y, b.scalar(0, y.dtype)]), dy)));

const identity: GradientRule = (ctx) => [ctx.gradOut(0)!];

export const elementwiseGradients: readonly GradientDef[] = [
  { op: "Identity", rule: identity },
  { op: "Cast", rule: unaryRule((b, dy, x) => b.cast(dy, x.dtype)) },
  { op: "CastLike", rule: unaryRule((b, dy, x) => b.cast(dy, x.dtype)) },
  { op: "Neg", rule: unaryRule((b, dy) => b.neg(dy)) },
  { op: "Abs", rule: unaryRule((b, dy, x) => b.mul(dy, b.unary("Sign", x))) },
  { op: "Sqrt", rule: unaryRule((b, dy, _x, y) => b.div(b.mulScalar(dy, 0.5), y)) },
  { op: "Exp", rule: unaryRule((b, dy, _x, y) => b.mul(dy, y)) },
  { op: "Log", rule: unaryRule((b, dy, x) => b.div(dy, x)) },
  { op: "Sin", rule: unaryRule((b, dy, x) => b.mul(dy, b.unary("Cos", x))) },
  { op: "Cos", rule: unaryRule((b, dy, x) => b.neg(b.mul(dy, b.unary("Sin", x)))) },
  { op: "Reciprocal", rule: unaryRule((b, dy, _x, y) => b.neg(b.mul(dy, b.mul(y, y)))) },
  // d(erf x) = 2/sqrt(pi) exp(-x^2)
  { op: "Erf", rule: unaryRule((b, dy, x) => b.mul(b.mulScalar(dy, 2 / Math.sqrt(Math.PI)), b.unary("Exp", b.mul(x, b.neg(x))))) },
  // dY (1 - y^2), dY (y - y^2)
  { op: "Tanh", rule: unaryRule((b, dy, _x, y) => b.mul(dy, b.sub(b.scalar(1, y.dtype), b.mul(y, y)))) },
  { op: "Sigmoid", rule: unaryRule((b, dy, _x, y) => b.mul(dy, b.sub(y, b.mul(y, y)))) },
  { op: "Softplus", rule: unaryRule((b, dy, x) => b.mul(dy, b.unary("Sigmoid", x))) },
  { op: "Tan", rule: unaryRule((b, dy, _x, y) => b.mul(dy, b.addScalar(b.mul(y, y), 1))) },
  // dY / sqrt(1 - x^2) and its kin
  { op: "Asin", rule: unaryRule((b, dy, x) => b.div(dy, b.unary("Sqrt", b.sub(b.scalar(1, x.dtype), b.mul(x, x))))) },
  { op: "Acos", rule: unaryRule((b, dy, x) => b.neg(b.div(dy, b.unary("Sqrt", b.sub(b.scalar(1, x.dtype), b.mul(x, x)))))) },
  { op: "Asinh", rule: unaryRule((b, dy, x) => b.div(dy, b.unary("Sqrt", b.addScalar(b.mul(x, x), 1)))) },
  { op: "Acosh", rule: unaryRule((b, dy, x) => b.div(dy, b.unary("Sqrt", b.addScalar(b.mul(x, x), -1)))) },
  { op: "Atanh", rule: unaryRule((b, dy, x) => b.div(dy, b.sub(b.scalar(1, x.dtype), b.mul(x, x)))) },
  { op: "Atan", rule: unaryRule((b, dy, x) => b.div(dy, b.addScalar(b.mul(x, x), 1))) },
  { op: "Sinh", rule: unaryRule((b, dy, x) => b.mul(dy, b.unary("Cosh", x))) },
  { op: "Cosh", rule: unaryRule((b, dy, x) => b.mul(dy, b.unary("Sinh", x))) },
  { op: "Relu", rule: relu },
  { op: "Where", rule: where },
  { op: "Clip", note: "of the bounds, too", rule: clip },
];
