// What the patterns of fusion share: looking at values, and rewriting by what was matched on the graph as it was.
import type { Builder } from "../../builder.js";
import type { Shape, ShapeEnv } from "../../dims.js";
import type { Graph, Node, Value } from "../../graph.js";
import { rewrite } from "../rewrite.js";
import { Uses } from "../uses.js";

export const customDomain = "accelerate_ts";

/** The node that makes a value, if it is of an op of ONNX's own. */
export function made(value: Value | undefined, op: string): Node | undefined {
  const node = value?.producer;
  return node?.op === op && node.domain === "" ? node : undefined;
}

/** The number of a constant of one element, whatever its float or integer dtype. */
export function scalarOf(value: Value | undefined): number | undefined {
  const data = value?.constant;
  return data?.data.length === 1 && data.dtype !== "float16" && data.dtype !== "bfloat16" ? Number(data.data[0]) : undefined;
}
/** Whether a constant is a number, to the precision that exporters write. */
export const isNumber = (value: Value | undefined, expected: number): boolean => {
  const found = scalarOf(value);
  return found !== undefined && Math.abs(found - expected) <= 1e-4 * Math.abs(expected);
};

/** Whether two shapes are surely the same. */
export const sameShape = (env: ShapeEnv, a: Shape, b: Shape): boolean => a.length === b.length && a.every((d, i) => env.resolve(d) === env.resolve(b[i]!));

/** Whether a value is a vector with one number for each of the last dim of x. */
export function isVectorOver(env: ShapeEnv, value: Value, x: Value): boolean {
  return value.rank === 1 && x.rank > 1 && value.dtype === x.dtype && env.resolve(value.shape[0]!) === env.resolve(x.shape.at(-1)!);
}

/** x + bias, as an Add with a vector over the last dim on either side. */
export function biasedSum(env: ShapeEnv, node: Node | undefined): { readonly x: Value; readonly bias: Value } | undefined {
  if (node?.op !== "Add" || node.domain !== "") return undefined;
  const [a, b] = node.inputs as [Value, Value];
  if (isVectorOver(env, b, a)) return { x: a, bias: b };
  return isVectorOver(env, a, b) ? { x: b, bias: a } : undefined;
}

export const isLastAxis = (axis: unknown, fallback: number, rank: number): boolean => {
  const at = typeof axis === "number" ? axis : fallback;
  return rank > 0 && (at === -1 || at === rank - 1);
};

/** The axes of a reduction, as its attribute or its constant input has them. */
export function reducedAxes(node: Node): readonly number[] | undefined {
  const { axes } = node.attributes;
  if (Array.isArray(axes)) return axes as readonly number[];
  return node.inputs[1]?.content?.every((d) => typeof d === "number") ? (node.inputs[1].content as readonly number[]) : undefined;
}
/** Whether a node reduces the last dim, and only that. */
export function reducesLast(node: Node): boolean {
  const axes = reducedAxes(node);
  return axes?.length === 1 && isLastAxis(axes[0], -1, node.inputs[0]!.rank);
}

/** Where a replacement is built. */
export interface Site {
  readonly b: Builder;
  /** A value of the graph as it was, in the new one; undefined where it is not known to be made by now. */
  current(old: Value): Value | undefined;
}

/**
 * Rewrites a graph node by node; `replace` sees each node as it was, with the producers and readers of then. It returns one value per output, or undefined to leave the node.
 * Returns how many nodes were replaced.
 */
export function replaceMatches(graph: Graph, replace: (node: Node, site: Site, uses: Uses) => readonly Value[] | undefined): number {
  const uses = new Uses(graph);
  const known = new Map<Value, Value>();
  let replaced = 0;
  rewrite(graph, (node, inputs, b) => {
    for (const [i, old] of node.inputs.entries()) if (old) known.set(old, inputs[i]!);
    const values = replace(node, { b, current: (old) => known.get(old) ?? (old.producer ? undefined : old) }, uses);
    if (values) replaced++;
    return values;
  });
  return replaced;
}
