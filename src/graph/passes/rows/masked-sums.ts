// Sums over tokens to which some tokens add nothing: losses of tokens whose label is ignored, means over the tokens of a mask.
import type { Builder } from "../../builder.js";
import { isFloat } from "../../dtype.js";
import type { Graph, Node, Value } from "../../graph.js";
import type { Lead, RowSpace } from "./row-set.js";
import { hasRows } from "./row-wise.js";

/** What says which rows are 0: a value with one number per row. */
export interface Zeroing {
  readonly value: Value;
  /** Rows are 0 where this number of theirs is 0 (or false), or where it is not. */
  readonly where: "zero" | "nonzero";
}
export interface MaskedSum {
  /** The reduction. */
  readonly node: Node;
  /** What it adds up. */
  readonly value: Value;
  readonly lead: Lead;
  /** Any one of these makes a row 0. */
  readonly zeroing: readonly Zeroing[];
  /** Whether all rows are added into one number; else each batch entry's for itself. */
  readonly total: boolean;
}

const allZero = (x: Value | undefined): boolean => x?.constant?.data.every((d) => Number(d) === 0) ?? false;

/** The value with one number per row behind a mask that was repeated or converted; the rows that are 0 stay the same. */
function perRow(graph: Graph, x: Value, space: RowSpace, lead: Lead): Value | undefined {
  let value = x;
  for (;;) {
    const { env } = graph;
    if (hasRows({ env, space }, value, lead) && value.shape.slice(lead).every((d) => env.resolve(d) === 1)) return value;
    const node = value.producer;
    const [input] = node?.inputs ?? [];
    if (node?.domain !== "" || !input) return undefined;
    const whole = !isFloat(input.dtype);
    // A fraction that becomes a whole number may become 0.
    if (node.op === "Expand" ? input.rank !== value.rank : node.op !== "Cast" || !(whole || isFloat(value.dtype))) return undefined;
    value = input;
  }
}

/** What a rule sees of an op that may leave rows 0: what makes rows of an operand 0, and what an operand that is a mask makes 0. */
interface Seen {
  readonly node: Node;
  through(operand: Value | undefined): Zeroing[];
  mask(operand: Value | undefined, where: Zeroing["where"]): Zeroing[];
}
const ofFirst = ({ node, through }: Seen): Zeroing[] => through(node.inputs[0]);
/** Ops that leave 0 what it is, or make it. */
const rules: Readonly<Record<string, (seen: Seen) => Zeroing[]>> = {
  Where: ({ node: { inputs }, mask }) => [...(allZero(inputs[1]) ? mask(inputs[0], "nonzero") : []), ...(allZero(inputs[2]) ? mask(inputs[0], "zero") : [])],
  Mul: ({ node: { inputs }, mask, through }) => [...inputs.flatMap((x) => mask(x, "zero")), ...inputs.flatMap(through)],
  // A divisor that differs by row may be 0, too.
  Div: ({ node: { inputs, outputs }, through }) => (inputs[1]!.rank < outputs[0]!.rank ? through(inputs[0]) : []),
  Neg: ofFirst,
  Abs: ofFirst,
  Identity: ofFirst,
  Cast: ({ node: { inputs }, through }) => (isFloat(inputs[0]!.dtype) ? through(inputs[0]) : []),
};

/** What makes rows of a value 0, through ops that leave 0 what it is. */
function zeroing(graph: Graph, x: Value, space: RowSpace, lead: Lead): Zeroing[] {
  const node = x.producer;
  const rule = node?.domain === "" ? rules[node.op] : undefined;
  if (!node || !rule || !hasRows({ env: graph.env, space }, x, lead)) return [];
  return rule({
    node,
    through: (operand) => (operand ? zeroing(graph, operand, space, lead) : []),
    mask: (operand, where) => {
      const value = operand?.rank === x.rank ? perRow(graph, operand, space, lead) : undefined;
      return value ? [{ value, where }] : [];
    },
  });
}

/** The reductions of a graph over rows of which some are 0 by a mask. */
export function maskedSums(graph: Graph, spaceOf: (value: Value) => { readonly space: RowSpace; readonly lead: Lead } | undefined): MaskedSum[] {
  return graph.nodes.flatMap((node) => {
    const [value] = node.inputs;
    if (node.domain !== "" || (node.op !== "ReduceSum" && node.op !== "ReduceMean") || !value || !isFloat(value.dtype)) return [];
    const found = spaceOf(value);
    if (!found) return [];
    const { space, lead } = found;
    const given = node.inputs[1] ? node.inputs[1].content : value.shape.map((_, i) => i);
    if (!given?.every((axis) => typeof axis === "number")) return [];
    const axes = given.map((axis) => (axis < 0 ? axis + value.rank : axis));
    const rows = axes.filter((axis) => axis < lead).length;
    if (rows === 0) return [];
    const zero = zeroing(graph, value, space, lead);
    return zero.length > 0 ? [{ node, value, lead, zeroing: zero, total: node.op === "ReduceSum" && axes.length === value.rank }] : [];
  });
}

/** A sum over all rows, made of the rows that count. */
export function totalOf(b: Builder, { node, value }: MaskedSum, rows: Value): Value {
  const total = b.reduce("ReduceSum", rows, undefined);
  return node.attributes.keepdims === 0 ? total : b.op("Reshape", [total, b.int64(value.shape.map(() => 1))]);
}
