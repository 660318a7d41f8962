// What becomes of a mask's expression: its number at one place, its form where causality is settled, and nodes that compute it as [B, Sk].
import type { Builder } from "../../builder.js";
import { dtypeFromOnnx, dtypes } from "../../dtype.js";
import type { Attributes, Value } from "../../graph.js";
import { batchAxis, keyAxis, type Mask } from "./mask-tree.js";

/** Scores that are lower than others by this much have no weight in float32, whatever the scores are in a model that computes anything. */
export const masking = -1e4;

const truth = (x: boolean) => Number(x);
const numbers: Readonly<Record<string, (...x: number[]) => number>> = {
  Add: (a, b) => a! + b!,
  Sub: (a, b) => a! - b!,
  Mul: (a, b) => a! * b!,
  Div: (a, b) => a! / b!,
  Neg: (a) => -a!,
  Abs: (a) => Math.abs(a!),
  Not: (a) => truth(a === 0),
  And: (a, b) => truth(a !== 0 && b !== 0),
  Or: (a, b) => truth(a !== 0 || b !== 0),
  Xor: (a, b) => truth((a !== 0) !== (b !== 0)),
  Where: (c, a, b) => (c !== 0 ? a! : b!),
  Equal: (a, b) => truth(a === b),
  Greater: (a, b) => truth(a! > b!),
  GreaterOrEqual: (a, b) => truth(a! >= b!),
  Less: (a, b) => truth(a! < b!),
  LessOrEqual: (a, b) => truth(a! <= b!),
  Min: Math.min,
  Max: Math.max,
};

function cast(x: number, { to }: Attributes): number {
  const dtype = dtypeFromOnnx(to as number);
  if (dtype === "bool") return truth(x !== 0);
  return dtype && dtypes[dtype].kind !== "float" ? Math.trunc(x) : x;
}
const apply = (op: string, attributes: Attributes, inputs: readonly number[]): number =>
  op === "Cast" ? cast(inputs[0]!, attributes) : numbers[op]!(...inputs);

export interface At {
  readonly causal: boolean;
  /** The place of the key. */
  readonly key: number;
  leaf(value: Value, axes: readonly number[]): number;
}

/** The number of an expression at one place; NaN where it depends on other places than the key's. */
export function numberAt(mask: Mask, at: At): number {
  switch (mask.kind) {
    case "number":
      return mask.value;
    case "causal":
      return truth(at.causal);
    case "leaf":
      return at.leaf(mask.value, mask.axes);
    case "op":
      return apply(
        mask.op,
        mask.attributes,
        mask.inputs.map((m) => numberAt(m, at)),
      );
    case "place":
      return mask.axis === keyAxis ? at.key : Number.NaN;
    default:
      return Number.NaN;
  }
}

/** All that an expression is made of. */
export function* partsOf(mask: Mask): Generator<Mask> {
  yield mask;
  if (mask.kind === "op") for (const input of mask.inputs) yield* partsOf(input);
}

/** The expression where the causal mask is 1 or 0, simplified. */
export function settle(mask: Mask, causal: boolean): Mask {
  if (mask.kind === "causal") return { kind: "number", value: truth(causal), dtype: "bool" };
  if (mask.kind !== "op") return mask;
  const inputs = mask.inputs.map((m) => settle(m, causal));
  const known = inputs.map((m) => (m.kind === "number" ? m.value : undefined));
  const [a, b] = inputs as [Mask, Mask];
  if (mask.op === "And" || mask.op === "Or") {
    const stops = mask.op === "And" ? 0 : 1;
    for (const [i, other] of [
      [0, b],
      [1, a],
    ] as const) {
      if (known[i] !== undefined) return truth(known[i] !== 0) === stops ? { kind: "number", value: stops, dtype: "bool" } : other;
    }
  }
  if (mask.op === "Where" && known[0] !== undefined) return inputs[known[0] !== 0 ? 1 : 2]!;
  if (known.every((x) => x !== undefined)) {
    const sample = inputs.find((m) => m.kind === "number")!;
    const dtype = mask.op === "Cast" ? dtypeFromOnnx(mask.attributes.to as number)! : resultDtype(mask.op, sample.kind === "number" ? sample.dtype : "float32");
    return { kind: "number", value: apply(mask.op, mask.attributes, known as number[]), dtype };
  }
  return { ...mask, inputs };
}

const booleans = new Set(["Not", "And", "Or", "Xor", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"]);
const resultDtype = (op: string, dtype: "bool" | (typeof dtypes extends Record<infer K, unknown> ? K : never)) => (booleans.has(op) ? "bool" : dtype);

/** A leaf as [B, Sk], [B, 1], [Sk] or a scalar. */
function leafOf(b: Builder, value: Value, axes: readonly number[]): Value | undefined {
  const { env } = b.graph;
  const ones = value.shape.flatMap((d, i) => (env.resolve(d) === 1 ? [i] : []));
  const kept = axes.filter((_, i) => !ones.includes(i));
  const flat = ones.length > 0 ? b.squeeze(value, ones) : value;
  if (kept.length === 0 || (kept.length === 1 && kept[0] === keyAxis)) return flat;
  if (kept.length === 1 && kept[0] === batchAxis) return b.unsqueeze(flat, [1]);
  if (kept.length !== 2 || !kept.includes(batchAxis) || !kept.includes(keyAxis)) return undefined;
  return kept[0] === batchAxis ? flat : b.transpose(flat, [1, 0]);
}

/**
 * Nodes that compute an expression without causality, broadcasting to [B, Sk].
 *
 * @param current the value that a value of the graph is now
 */
export function emit(b: Builder, mask: Mask, current: (value: Value) => Value): Value | undefined {
  if (mask.kind === "number") return b.scalar(mask.value, mask.dtype);
  if (mask.kind === "leaf") return leafOf(b, current(mask.value), mask.axes);
  if (mask.kind === "place") return mask.axis === keyAxis ? current(mask.value) : undefined;
  if (mask.kind !== "op") return undefined;
  const inputs = mask.inputs.map((m) => emit(b, m, current));
  return inputs.every((v) => v !== undefined) ? b.op(mask.op, inputs, mask.attributes) : undefined;
}
