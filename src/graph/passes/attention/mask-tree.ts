// What an attention mask is as a function of batch entry, head, query and key: a small expression read off the nodes that compute it.
import type { Dim } from "../../dims.js";
import type { DType } from "../../dtype.js";
import type { Attributes, Graph, Value } from "../../graph.js";
import { knownNumber, sameDims, sourceOfLayout } from "./values.js";

/** The dims of scores. */
export const [batchAxis, , queryAxis, keyAxis] = [0, 1, 2, 3] as const;

/**
 * number: the same everywhere; size: a dim of the graph; place: the index along an axis; causal: 1 where the key is not after the query, else 0; leaf: values of the graph that depend on the batch
 * entry and the key only, `axes` naming the axis of each of its dims; op: an element-wise op.
 */
export type Mask =
  | { readonly kind: "number"; readonly value: number; readonly dtype: DType }
  | { readonly kind: "size"; readonly dim: Dim }
  | { readonly kind: "place"; readonly axis: number; readonly value: Value }
  | { readonly kind: "causal" }
  | { readonly kind: "leaf"; readonly value: Value; readonly axes: readonly number[] }
  | { readonly kind: "op"; readonly op: string; readonly attributes: Attributes; readonly inputs: readonly Mask[] };

export const elementwise: ReadonlySet<string> = new Set(
  "Add Sub Mul Div Neg Abs Cast Not And Or Xor Where Equal Greater GreaterOrEqual Less LessOrEqual Min Max".split(" "),
);
const maxDepth = 60;

/** Reads masks of one graph. */
export class MaskReader {
  readonly #graph: Graph;
  readonly #inputs: ReadonlySet<Value>;

  constructor(graph: Graph) {
    this.#graph = graph;
    this.#inputs = new Set(graph.inputs);
  }

  /** The expression of a value that broadcasts to [B, heads, Sq, Sk]; undefined where it depends on heads or queries in another way than by their order. */
  read(value: Value): Mask | undefined {
    return value.rank > 4
      ? undefined
      : this.#read(
          value,
          value.shape.map((_, i) => 4 - value.rank + i),
          0,
        );
  }

  #isOne(dim: Dim): boolean {
    return this.#graph.env.resolve(dim) === 1;
  }

  #leaf(value: Value, axes: readonly number[]): Mask | undefined {
    const fits = axes.every((axis, i) => this.#isOne(value.shape[i]!) || axis === batchAxis || axis === keyAxis);
    const named = axes.filter((_, i) => !this.#isOne(value.shape[i]!));
    return fits && new Set(named).size === named.length ? { kind: "leaf", value, axes } : undefined;
  }

  #read(value: Value, axes: readonly number[], depth: number): Mask | undefined {
    const { env } = this.#graph;
    if (value.content?.length === 1 && value.shape.every((d) => this.#isOne(d))) {
      const dim = env.resolve(value.content[0]!);
      return typeof dim === "number" ? { kind: "number", value: dim, dtype: value.dtype } : { kind: "size", dim };
    }
    const number = knownNumber(value);
    if (number !== undefined) return { kind: "number", value: number, dtype: value.dtype };
    if (value.constant) return this.#constant(value, axes);
    const node = value.producer;
    if (!node || depth > maxDepth) return this.#leaf(value, axes);
    const below = (input: Value | undefined, its: readonly number[] = input ? axes.slice(axes.length - input.rank) : []) =>
      input ? this.#read(input, its, depth + 1) : undefined;
    // What cannot be read further may still be a value that only depends on batch entry and key.
    return this.#producer(value, axes, below) ?? this.#leaf(value, axes);
  }

  #producer(value: Value, axes: readonly number[], below: (input: Value | undefined, axes?: readonly number[]) => Mask | undefined): Mask | undefined {
    const node = value.producer!;
    const [x] = node.inputs;
    if (node.domain !== "" || !x) return undefined;
    if (node.op === "Identity" || node.op === "Expand") return below(x);
    if (node.op === "Range") return knownNumber(x) === 0 && knownNumber(node.inputs[2]!) === 1 ? { kind: "place", axis: axes[0]!, value } : undefined;
    if (node.op === "Slice") {
      const from = node.inputs[1]!.content?.every((d) => d === 0) && (!node.inputs[4] || node.inputs[4].content?.every((d) => d === 1));
      const whole = from ? below(x, axes) : undefined;
      // Functions of the places alone: the beginning is what it is in the whole.
      if (whole?.kind === "causal") return whole;
      return whole?.kind === "place" && value.rank === 1 ? { ...whole, value } : undefined;
    }
    if (node.op === "Gather") return this.#gather(value, axes, below);
    if (node.op === "GatherND") return this.#gatherPairs(value, axes, below);
    if (["Reshape", "Unsqueeze", "Squeeze", "Flatten"].includes(node.op)) {
      const source = sourceOfLayout(value);
      const its = this.#axesThrough(source, value, axes);
      return its && below(source, its);
    }
    if (!elementwise.has(node.op)) return undefined;
    const inputs = node.inputs.map((input) => below(input));
    return inputs.every((m) => m !== undefined) ? composed(node.op, node.attributes, inputs) : undefined;
  }

  /** The axes of a source's dims, when a reshape of it has the same dims up to those of size 1. */
  #axesThrough(source: Value, value: Value, axes: readonly number[]): number[] | undefined {
    const { env } = this.#graph;
    const kept = (v: Value) => v.shape.flatMap((d, i) => (this.#isOne(d) ? [] : [i]));
    const [from, to] = [kept(source), kept(value)];
    // Sizes that are the same in this run become a condition of the compiled graph: then the reshape moves nothing.
    const same = from.length === to.length && from.every((s, i) => env.equal(source.shape[s]!, value.shape[to[i]!]!));
    // A dim of size 1 has no axis: it broadcasts.
    return same ? source.shape.map((_, i) => (from.includes(i) ? axes[to[from.indexOf(i)]!]! : -1)) : undefined;
  }

  /** x[b, k] written as a pick from x in one dim: flat(x)[k + b * S]. */
  #gather(value: Value, axes: readonly number[], below: (input: Value | undefined, axes?: readonly number[]) => Mask | undefined): Mask | undefined {
    const { env } = this.#graph;
    const node = value.producer!;
    const [data, indices] = node.inputs as [Value, Value];
    const source = sourceOfLayout(data);
    if ((node.attributes.axis ?? 0) !== 0 || source.rank !== 2 || data.shape.slice(1).some((d) => !this.#isOne(d))) return undefined;
    if (!sameDims(env, [data.shape[0]!], [env.product(source.shape)])) return undefined;
    const index = below(indices, axes.slice(0, indices.rank));
    if (index?.kind !== "op" || index.op !== "Add") return undefined;
    for (const [k, rows] of [index.inputs, index.inputs.toReversed()] as [Mask, Mask][]) {
      if (bare(k).kind !== "place" || rows.kind !== "op" || rows.op !== "Mul") continue;
      for (const [b, size] of [rows.inputs, rows.inputs.toReversed()] as [Mask, Mask][]) {
        const [column, row] = [bare(k), bare(b)];
        const stride = size.kind === "size" ? size.dim : size.kind === "number" ? size.value : undefined;
        if (column.kind !== "place" || row.kind !== "place" || stride === undefined || !sameDims(env, [stride], [source.shape[1]!])) continue;
        return below(source, [row.axis, column.axis]);
      }
    }
    return undefined;
  }

  /** x[b, k] by pairs of places. */
  #gatherPairs(value: Value, axes: readonly number[], below: (input: Value | undefined, axes?: readonly number[]) => Mask | undefined): Mask | undefined {
    const node = value.producer!;
    const [data, indices] = node.inputs as [Value, Value];
    const pairs = indices.producer;
    const paired = pairs?.op === "Concat" && pairs.inputs.length === 2 && [-1, indices.rank - 1].includes((pairs.attributes.axis as number | undefined) ?? 0);
    if (!paired || data.rank !== 2 || (node.attributes.batch_dims ?? 0) !== 0 || !pairs.inputs.every((v) => v && this.#isOne(v.shape.at(-1)!)))
      return undefined;
    const [row, column] = pairs.inputs.map((v) => below(v, [...axes, -1])).map((m) => m && bare(m));
    return row?.kind === "place" && column?.kind === "place" ? below(data, [row.axis, column.axis]) : undefined;
  }

  /** Constants: 0, 1, .. along an axis, or a triangle over queries and keys. */
  #constant(value: Value, axes: readonly number[]): Mask | undefined {
    const { data, shape } = value.constant!;
    if (data.length > 0 && data.every((x: number | bigint) => x === data[0])) return { kind: "number", value: Number(data[0]), dtype: value.dtype };
    const long = shape.flatMap((d, i) => (d === 1 ? [] : [i]));
    if (long.length === 1 && value.rank === 1 && Array.from(data, Number).every((x, i) => x === i)) return { kind: "place", axis: axes[0]!, value };
    const [rows, columns] = long;
    if (long.length === 2 && axes[rows!] === queryAxis && axes[columns!] === keyAxis) {
      const n = shape[columns!]!;
      const triangle = Array.from(data, Number).every((x, i) => x === (i % n <= Math.floor(i / n) ? 1 : 0));
      if (triangle) return { kind: "causal" };
    }
    return this.#leaf(value, axes);
  }

  /** Whether a leaf is fed by a run. */
  isInput(value: Value): boolean {
    return this.#inputs.has(value);
  }
}

/** Without casts, for places and sizes. */
function bare(mask: Mask): Mask {
  return mask.kind === "op" && mask.op === "Cast" ? bare(mask.inputs[0]!) : mask;
}

/** Comparisons of the query's place with the key's are the causal mask; of a place with what none is below, always true. */
function composed(op: string, attributes: Attributes, inputs: readonly Mask[]): Mask {
  const [a, b] = inputs.map(bare);
  if (a?.kind === "place" && b?.kind === "place") {
    const order = `${a.axis}${op}${b.axis}`;
    if (order === "2GreaterOrEqual3" || order === "3LessOrEqual2") return { kind: "causal" };
    if (order === "2Less3" || order === "3Greater2") return { kind: "op", op: "Not", attributes: {}, inputs: [{ kind: "causal" }] };
  }
  if (op === "GreaterOrEqual" && a?.kind === "place" && b?.kind === "number" && b.value <= 0) return { kind: "number", value: 1, dtype: "bool" };
  return { kind: "op", op, attributes, inputs };
}
