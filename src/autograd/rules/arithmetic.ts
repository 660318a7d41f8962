// Gradients of the arithmetic of two or more operands, with broadcasting: Add, Sub, Mul, Div, Pow, Mod, Sum, Mean, Max, Min.
import type { Value } from "../../graph/graph.js";
import type { GradientContext, GradientDef, GradientRule } from "../gradient-table.js";
import { constantScalar, maskOf, toInput } from "./helpers.js";

/** Runs what computes the gradient of an input only if it is needed, and sums it down to the input's shape. */
const reduced = (ctx: GradientContext, i: number, gradient: () => Value): Value | undefined => (ctx.needs(i) ? toInput(ctx, gradient(), i) : undefined);

const sum: GradientRule = (ctx) => ctx.node.inputs.map((_, i) => reduced(ctx, i, () => ctx.gradOut(0)!));

const mean: GradientRule = (ctx) => {
  const share = ctx.b.divScalar(ctx.gradOut(0)!, ctx.node.inputs.length);
  return ctx.node.inputs.map((_, i) => reduced(ctx, i, () => share));
};

/** The sign is changed after the sum over broadcast dims: there it is small. */
const sub: GradientRule = (ctx) => [reduced(ctx, 0, () => ctx.gradOut(0)!), ctx.needs(1) ? ctx.b.neg(toInput(ctx, ctx.gradOut(0)!, 1)) : undefined];

const mul: GradientRule = (ctx) => {
  const { b } = ctx;
  const dy = ctx.gradOut(0)!;
  if (ctx.input(0) === ctx.input(1)) return [b.mulScalar(b.mul(dy, ctx.input(0)), 2), undefined];
  return [reduced(ctx, 0, () => b.mul(dy, ctx.input(1))), reduced(ctx, 1, () => b.mul(dy, ctx.input(0)))];
};

/** dA = dY/B; dB = -dY/B * Y. */
const div: GradientRule = (ctx) => {
  const { b } = ctx;
  const da = b.div(ctx.gradOut(0)!, ctx.input(1));
  return [reduced(ctx, 0, () => da), ctx.needs(1) ? b.neg(toInput(ctx, b.mul(da, ctx.output(0)), 1)) : undefined];
};

/**
 * dX = dY * p * x^(p-1), zero where p is 0. dP = dY * y * log(x), zero where x is 0 (as torch has it for p >= 0, where y log x tends to 0).
 */
const pow: GradientRule = (ctx) => {
  const { b } = ctx;
  const dy = ctx.gradOut(0)!;
  const x = ctx.input(0);
  const p = ctx.input(1);
  const base = (): Value | undefined => {
    const known = constantScalar(p);
    if (known !== undefined) {
      if (known === 0) return undefined;
      const power = known === 1 ? undefined : known === 2 ? x : known === 3 ? b.mul(x, x) : b.pow(x, b.scalar(known - 1, x.dtype));
      const scaled = b.mulScalar(dy, known);
      return toInput(ctx, power ? b.mul(scaled, power) : scaled, 0);
    }
    const exponent = b.cast(p, x.dtype);
    const power = b.pow(x, b.addScalar(exponent, -1));
    const zero = b.scalar(0, x.dtype);
    return toInput(ctx, b.where(b.op("Equal", [exponent, zero]), zero, b.mul(dy, b.mul(exponent, power))), 0);
  };
  const exponent = (): Value => {
    const log = b.unary("Log", b.where(b.op("Equal", [x, b.scalar(0, x.dtype)]), b.scalar(1, x.dtype), x));
    const gradient = b.mul(b.mul(dy, ctx.output(0)), log);
    return toInput(ctx, b.cast(gradient, p.dtype), 1);
  };
  return [ctx.needs(0) ? base() : undefined, ctx.needs(1) ? exponent() : undefined];
};

/** The larger (smaller) operand gets dY; equal ones share it evenly, as in torch.maximum. */
const extremum =
  (strict: "Greater" | "Less", loose: "GreaterOrEqual" | "LessOrEqual"): GradientRule =>
  (ctx) => {
    const { b, node } = ctx;
    const dy = ctx.gradOut(0)!;
    if (node.inputs.length === 1) return [dy];
    if (node.inputs.length > 2) {
      const chosen = node.inputs.map((x) => maskOf(b, b.op("Equal", [x!, ctx.output(0)]), dy));
      const part = b.div(dy, b.sumOf(chosen));
      return chosen.map((mask, i) => reduced(ctx, i, () => b.mul(part, mask)));
    }
    const [x, y] = [ctx.input(0), ctx.input(1)];
    const share = b.add(maskOf(b, b.op(strict, [x, y]), dy), maskOf(b, b.op(loose, [x, y]), dy));
    const dx = b.mul(b.mulScalar(dy, 0.5), share);
    return [reduced(ctx, 0, () => dx), reduced(ctx, 1, () => b.sub(dy, dx))];
  };

/** y = a - b q with a whole q: dA = dY, dB = -dY q. */
const mod: GradientRule = (ctx) => {
  const { b } = ctx;
  const dy = ctx.gradOut(0)!;
  const quotient = () => b.div(b.sub(ctx.output(0), ctx.input(0)), ctx.input(1));
  return [reduced(ctx, 0, () => dy), reduced(ctx, 1, () => b.mul(dy, quotient()))];
};

export const arithmeticGradients: readonly GradientDef[] = [
  { op: "Add", rule: sum },
  { op: "Sum", rule: sum },
  { op: "Mean", rule: mean },
  { op: "Sub", rule: sub },
  { op: "Mul", rule: mul },
  { op: "Div", rule: div },
  { op: "Pow", note: "of the base and of the exponent; that of the exponent is 0 where the base is", rule: pow },
  { op: "Mod", note: "of both operands, whole quotients being constants", rule: mod },
  { op: "Max", note: "equal operands share it evenly", rule: extremum("Greater", "GreaterOrEqual") },
  { op: "Min", note: "equal operands share it evenly", rule: extremum("Less", "LessOrEqual") },
];
