// What the rules of several families share: attributes, axes, masks, and sums over broadcast dims.
import type { Builder } from "../../graph/builder.js";
import type { Dim } from "../../graph/dims.js";
import type { Node, Value } from "../../graph/graph.js";
import { unsupported } from "../errors.js";
import type { GradientContext } from "../gradient-table.js";

export { floatAttribute, intAttribute, normalizeAxis } from "../../graph/node-attributes.js";
export { scatterRows } from "../../graph/scatter.js";
export { counted, reshapeLike, reshapeTo, sameShape } from "../../graph/reshape.js";

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
