// Gradients of activation functions with kinks or parameters: HardSwish, Mish, PRelu and their kin.
import type { Builder } from "../../graph/builder.js";
import type { Value } from "../../graph/graph.js";
import type { GradientDef, GradientRule } from "../gradient-table.js";
import { floatAttribute, maskOf, toInput, unaryRule } from "./helpers.js";

const compared = (b: Builder, op: "Greater" | "Less" | "LessOrEqual", x: Value, bound: number): Value => maskOf(b, b.op(op, [x, b.scalar(bound, x.dtype)]), x);

/** Slope alpha up to 0, then 1: alpha + (1 - alpha) [x > 0]. */
const leakyRelu: GradientRule = ({ b, node, input, gradOut }) => {
  const alpha = floatAttribute(node, "alpha", 0.01);
  return [b.mul(gradOut(0)!, b.addScalar(b.mulScalar(compared(b, "Greater", input(0), 0), 1 - alpha), alpha))];
};

/** Up to 0 the slope is y plus the distance to the floor that y tends to, beyond it `above`. */
function exponential(b: Builder, dy: Value, x: Value, y: Value, floor: number, above: number): Value {
  const below = b.addScalar(b.op("Min", [y, b.scalar(0, y.dtype)]), floor);
  if (floor === above) return b.mul(dy, below);
  return b.mul(dy, b.add(below, b.mulScalar(compared(b, "Greater", x, 0), above - floor)));
}

const elu: GradientRule = ({ b, node, input, output, gradOut }) => [exponential(b, gradOut(0)!, input(0), output(0), floatAttribute(node, "alpha", 1), 1)];

const selu: GradientRule = ({ b, node, input, output, gradOut }) => {
  const gamma = floatAttribute(node, "gamma", 1.0507010221481323);
  return [exponential(b, gradOut(0)!, input(0), output(0), gamma * floatAttribute(node, "alpha", 1.6732631921768188), gamma)];
};

/** exp(min(x, 0) / alpha) = 1 + min(y, 0) / alpha. */
const celu: GradientRule = ({ b, node, output, gradOut }) => {
  const y = output(0);
  const below = b.divScalar(b.op("Min", [y, b.scalar(0, y.dtype)]), floatAttribute(node, "alpha", 1));
  return [b.mul(gradOut(0)!, b.addScalar(below, 1))];
};

/** alpha where 0 < y < 1. */
const hardSigmoid: GradientRule = ({ b, node, output, gradOut }) => {
  const y = output(0);
  const inside = b.mul(compared(b, "Greater", y, 0), compared(b, "Less", y, 1));
  return [b.mul(b.mulScalar(gradOut(0)!, floatAttribute(node, "alpha", 0.2)), inside)];
};

/** y = x h with h = clip(x / 6 + 1/2, 0, 1); the slope is h + x / 6 where 0 < h < 1, else h. */
const hardSwish = unaryRule((b, dy, x) => {
  const h = b.op("Clip", [b.addScalar(b.divScalar(x, 6), 0.5), b.scalar(0, x.dtype), b.scalar(1, x.dtype)]);
  const inside = b.mul(compared(b, "Greater", h, 0), compared(b, "Less", h, 1));
  return b.mul(dy, b.add(h, b.mul(b.divScalar(x, 6), inside)));
});

/** y = x t with t = tanh(softplus x); the slope is t + x (1 - t^2) sigmoid(x). */
const mish = unaryRule((b, dy, x) => {
  const t = b.unary("Tanh", b.unary("Softplus", x));
  const bend = b.mul(b.sub(b.scalar(1, x.dtype), b.mul(t, t)), b.unary("Sigmoid", x));
  return b.mul(dy, b.add(t, b.mul(x, bend)));
});

/** dX = dY (1 + [x <= 0] (slope - 1)); dSlope = dY min(x, 0), summed over broadcast dims. */
const prelu: GradientRule = (ctx) => {
  const { b } = ctx;
  const dy = ctx.gradOut(0)!;
  const [x, slope] = [ctx.input(0), ctx.input(1)];
  const dx = () => b.mul(dy, b.addScalar(b.mul(compared(b, "LessOrEqual", x, 0), b.addScalar(slope, -1)), 1));
  return [ctx.needs(0) ? dx() : undefined, ctx.needs(1) ? toInput(ctx, b.mul(dy, b.op("Min", [x, b.scalar(0, x.dtype)])), 1) : undefined];
};

const thresholdedRelu: GradientRule = ({ b, node, input, gradOut }) => [b.mul(gradOut(0)!, compared(b, "Greater", input(0), floatAttribute(node, "alpha", 1)))];

/** dY where |x| is greater than lambd. */
const shrink: GradientRule = ({ b, node, input, gradOut }) => [
  b.mul(gradOut(0)!, compared(b, "Greater", b.unary("Abs", input(0)), floatAttribute(node, "lambd", 0.5))),
];

export const curveGradients: readonly GradientDef[] = [
  { op: "LeakyRelu", rule: leakyRelu },
  { op: "Elu", rule: elu },
  { op: "Selu", rule: selu },
  { op: "Celu", rule: celu },
  { op: "HardSigmoid", rule: hardSigmoid },
  { op: "HardSwish", rule: hardSwish },
  { op: "Mish", rule: mish },
  { op: "PRelu", rule: prelu },
  { op: "ThresholdedRelu", rule: thresholdedRelu },
  { op: "Shrink", rule: shrink },
  // dY / (1 + |x|)^2
  {
    op: "Softsign",
    rule: unaryRule((b, dy, x) => {
      const d = b.addScalar(b.unary("Abs", x), 1);
      return b.div(dy, b.mul(d, d));
    }),
  },
];
