// What the rules of several families share: attributes, axes, and reshaping without run-time shape arithmetic.
import type { Builder } from "../../graph/builder.js";
import type { Dim, Shape, ShapeEnv } from "../../graph/dims.js";
import type { Node, Value } from "../../graph/graph.js";
import { unsupported } from "../errors.js";
import type { GradientContext } from "../gradient-table.js";

export function intAttribute(node: Node, name: string, fallback: number): number {
  const value = node.attributes[name];
  return typeof value === "number" ? value : fallback;
}
export function floatAttribute(node: Node, name: string, fallback: number): number {
  const value = node.attributes[name];
  return typeof value === "object" && "float" in value ? value.float : typeof value === "number" ? value : fallback;
}

export const normalizeAxis = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);

/** The elements of an int64 input that are known while the graph is built, or undefined. */
export const knownInts = (value: Value | undefined): readonly Dim[] | undefined => value?.content;

/** The number that a constant of one element holds, or undefined. */
export function constantScalar(value: Value): number | undefined {
  return value.constant?.data.length === 1 && value.dtype !== "float16" && value.dtype !== "bfloat16" ? Number(value.constant.data[0]) : undefined;
}

/** The known numbers of an int64 input; an error that names the node when they are computed at run time. */
export function constantInts(node: Node, i: number, what: string): readonly number[] {
  const known = node.inputs[i]?.content;
  if (known?.every((d) => typeof d === "number")) return known as readonly number[];
  throw unsupported(node, `${what} that are computed at run time`, `make ${what} constants`);
}

/** Whether two shapes are surely the same. */
export function sameShape(env: ShapeEnv, a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((d, i) => env.resolve(d) === env.resolve(b[i]!));
}

/**
 * Gives a value the dims of `like`, a value of as many elements. Where at most one symbolic dim is not already at its place, the target is a
 * constant with ONNX's 0 (copy) and -1 (the rest), so no node computes a shape and `like` need not be kept for it.
 */
export function reshapeLike(b: Builder, x: Value, like: Value): Value {
  const target = reshapeTarget(b.graph.env, x.shape, like.shape);
  if (target === "same") return x;
  return target ? b.op("Reshape", [x, b.int64(target)]) : b.op("Reshape", [x, b.shapeOf(like)], { allowzero: 1 });
}

/** Reshapes to dims; a symbolic dim that cannot be copied or left over is read from `from` at run time. */
export function reshapeTo(b: Builder, x: Value, dims: Shape, from: readonly Value[]): Value {
  const target = reshapeTarget(b.graph.env, x.shape, dims);
  if (target === "same") return x;
  return target ? b.op("Reshape", [x, b.int64(target)]) : b.op("Reshape", [x, b.sizes(dims, [x, ...from])], { allowzero: 1 });
}

/** Undefined where sizes must be computed, or are 0, which needs Reshape's `allowzero`. */
function reshapeTarget(env: ShapeEnv, from: Shape, to: Shape): number[] | "same" | undefined {
  if (sameShape(env, from, to)) return "same";
  const target: number[] = [];
  let rest = 0;
  for (const [i, dim] of env.resolveShape(to).entries()) {
    if (typeof dim === "number") target.push(dim);
    else if (i < from.length && env.resolve(from[i]!) === dim) target.push(0);
    else if (rest++ === 0) target.push(-1);
    else return undefined;
  }
  const empty = env.resolveShape(to).includes(0) || env.resolveShape(from).includes(0);
  return empty ? undefined : target;
}

/** Zeros of the shape of a value. */
export function zerosLike(b: Builder, x: Value): Value {
  return b.fill(b.shapeOf(x), 0, x.dtype);
}

/** 1 where a condition holds, else 0, in a float dtype. */
export const maskOf = (b: Builder, condition: Value, like: Value): Value => b.cast(condition, like.dtype);

/** Sums a broadcast gradient down to the i-th input. */
export function toInput(ctx: GradientContext, gradient: Value, i: number): Value {
  const input = ctx.input(i);
  return ctx.b.reduceTo(gradient, input.shape, input);
}

/** The rule of an op with one input and one output. */
export const unaryRule =
  (gradient: (b: Builder, dy: Value, x: Value, y: Value) => Value) =>
  (ctx: GradientContext): readonly Value[] => [gradient(ctx.b, ctx.gradOut(0)!, ctx.input(0), ctx.output(0))];
