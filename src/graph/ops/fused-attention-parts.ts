// Attention and its gradient in ONNX's own ops and Dropout: rows of packed sides are put at their places, weights are [B, heads, Sq, Sk].
import type { Builder } from "../builder.js";
import { type AttributeValue, float, type Node, type Value } from "../graph.js";
import type { Decomposition } from "../op-def.js";

/** The scores of keys that are not there, or come later. */
const absent = Number.NEGATIVE_INFINITY;

type Maybe = Value | undefined;

/** What both ops are given. */
export interface AttentionInputs {
  readonly q: Value;
  readonly k: Value;
  readonly v: Value;
  readonly keyBias: Maybe;
  readonly key: Maybe;
  readonly qPlaces: Maybe;
  readonly kPlaces: Maybe;
}

const number = (value: AttributeValue | undefined, fallback: number): number =>
  typeof value === "number" ? value : typeof value === "object" && "float" in value ? value.float : fallback;

/** Greatest number of one column of places, and 1: int64 [1]. */
const extent = (b: Builder, places: readonly Value[], column: number): Value => {
  const all = places.map((p) => b.slice(p, 1, column, column + 1));
  return b.op("Add", [b.op("Reshape", [b.reduce("ReduceMax", all.length === 1 ? all[0]! : b.concat(all, 0), undefined), b.int64([1])]), b.int64([1])]);
};

/** The computation over weights [B, heads, Sq, Sk], made once for a node. */
export class AttentionParts {
  readonly #b: Builder;
  readonly #heads: number;
  readonly #scale: number;
  readonly #causal: boolean;
  readonly #dropout: ((x: Value) => Value) | undefined;
  readonly #in: AttentionInputs;
  readonly #batch: Value;
  readonly #queries: Value;
  readonly #keys: Value;
  /** [B, heads, S, d]. */
  readonly q: Value;
  readonly k: Value;
  readonly v: Value;

  constructor(b: Builder, node: Node, inputs: AttentionInputs) {
    this.#b = b;
    this.#in = inputs;
    this.#heads = number(node.attributes.heads, 1);
    this.#scale = number(node.attributes.scale, 1);
    this.#causal = number(node.attributes.causal, 0) !== 0;
    const { ratio, site } = node.attributes;
    const { key, q, k, qPlaces, kPlaces } = inputs;
    this.#dropout =
      key && number(ratio, 0) > 0
        ? (x) => b.op("Dropout", [x, key], { ratio: float(number(ratio, 0)), site: number(site, 0) }, { domain: "accelerate_ts" })
        : undefined;
    const size = (x: Value, axis: number) => b.op("Shape", [x], { start: axis, end: axis + 1 });
    const packed = [qPlaces, kPlaces].filter((p) => p !== undefined);
    this.#batch = qPlaces && kPlaces ? extent(b, packed, 0) : size(qPlaces ? k : q, 0);
    this.#queries = qPlaces ? extent(b, [qPlaces], 1) : size(q, 1);
    this.#keys = kPlaces ? extent(b, [kPlaces], 1) : size(k, 1);
    this.q = this.split(q, "q");
    this.k = this.split(k, "k");
    this.v = this.split(inputs.v, "k");
  }

  #places(side: "q" | "k"): Maybe {
    return side === "q" ? this.#in.qPlaces : this.#in.kPlaces;
  }

  /** Rows of a side at their places: [B, S, ..]; what has no row is `fill`. */
  #dense(x: Value, side: "q" | "k", fill = 0): Value {
    const b = this.#b;
    const places = this.#places(side);
    if (!places) return x;
    const tail = b.graph.env.resolveShape(x.shape.slice(1)) as number[];
    const shape = b.concat([this.#batch, side === "q" ? this.#queries : this.#keys, ...(tail.length > 0 ? [b.int64(tail)] : [])], 0);
    return b.op("ScatterND", [b.expand(b.scalar(fill, x.dtype), shape), places, x]);
  }

  /** Rows of a side as [B, heads, S, d]. */
  split(x: Value, side: "q" | "k"): Value {
    const b = this.#b;
    const size = (b.graph.env.resolve(x.shape.at(-1)!) as number) / this.#heads;
    return b.transpose(b.op("Reshape", [this.#dense(x, side), b.int64([0, 0, this.#heads, size])]), [0, 2, 1, 3]);
  }

  /** The inverse of `split`. */
  merge(x: Value, side: "q" | "k"): Value {
    const b = this.#b;
    const size = b.graph.env.resolve(x.shape.at(-1)!) as number;
    const dense = b.op("Reshape", [b.transpose(x, [0, 2, 1, 3]), b.int64([0, 0, this.#heads * size])]);
    const places = this.#places(side);
    return places ? b.op("GatherND", [dense, places]) : dense;
  }

  dropout(x: Value): Value {
    return this.#dropout?.(x) ?? x;
  }

  /** scale q k^T + bias, [B, heads, Sq, Sk]. */
  scores(): Value {
    const b = this.#b;
    let scores = b.matmul(this.q, this.k, { transposeB: true, alpha: this.#scale });
    const { keyBias, k, kPlaces } = this.#in;
    const rows = keyBias ?? (kPlaces && b.fill(b.op("Shape", [k], { start: 0, end: 1 }), 0, k.dtype));
    if (rows) scores = b.add(scores, b.unsqueeze(this.#dense(rows, "k", absent), [1, 2]));
    if (this.#causal) {
      const tokens = (count: Value) => b.op("Range", [b.scalar(0, "int64"), b.squeeze(count, [0]), b.scalar(1, "int64")]);
      const seen = b.op("GreaterOrEqual", [b.unsqueeze(tokens(this.#queries), [1]), b.unsqueeze(tokens(this.#keys), [0])]);
      scores = b.where(seen, scores, b.scalar(absent, scores.dtype));
    }
    if (!kPlaces) return scores;
    // A query without any key takes all places alike: what lies there is zeros.
    const none = b.op("Equal", [b.reduce("ReduceMax", scores, [-1], true), b.scalar(absent, scores.dtype)]);
    return b.where(none, b.scalar(0, scores.dtype), scores);
  }

  /** Gradients of the scores (before the scale), q, k and v. */
  gradients(dy: Value): { readonly scores: Value; readonly q: Value; readonly k: Value; readonly v: Value } {
    const b = this.#b;
    const weights = b.op("Softmax", [this.scores()], { axis: -1 });
    const given = this.split(dy, "q");
    const dv = b.matmul(this.dropout(weights), given, { transposeA: true });
    const dWeights = this.dropout(b.matmul(given, this.v, { transposeB: true }));
    const product = b.mul(weights, dWeights);
    const scores = b.sub(product, b.mul(weights, b.reduce("ReduceSum", product, [-1], true)));
    const alpha = this.#scale;
    return { scores, q: b.matmul(scores, this.k, { alpha }), k: b.matmul(scores, this.q, { transposeA: true, alpha }), v: dv };
  }

  /** The gradient of the key bias from that of the scores. */
  biasGradient(scores: Value, keyBias: Value): Value {
    const b = this.#b;
    const dense = b.reduce("ReduceSum", scores, [1, 2], false);
    return this.#in.kPlaces ? b.op("GatherND", [dense, this.#in.kPlaces]) : b.reduceTo(dense, keyBias.shape, keyBias);
  }
}

const inputsAt = (inputs: readonly Maybe[], at: number, more: number): AttentionInputs => ({
  q: inputs[at]!,
  k: inputs[at + 1]!,
  v: inputs[at + 2]!,
  keyBias: inputs[more],
  key: inputs[more + 1],
  qPlaces: inputs[more + 2],
  kPlaces: inputs[more + 3],
});

/** The inputs of an Attention node. */
export const attentionInputs = (inputs: readonly Maybe[]): AttentionInputs => inputsAt(inputs, 0, 3);

export const decomposeAttention: Decomposition = ({ b, node, inputs }) => {
  const parts = new AttentionParts(b, node, attentionInputs(inputs));
  const scores = parts.scores();
  const y = b.matmul(parts.dropout(b.op("Softmax", [scores], { axis: -1 })), parts.v);
  if (node.outputs.length === 1) return [parts.merge(y, "q")];
  const greatest = b.reduce("ReduceMax", scores, [-1], true);
  const lse = b.add(b.unary("Log", b.reduce("ReduceSum", b.unary("Exp", b.sub(scores, greatest)), [-1], true)), greatest);
  return [parts.merge(y, "q"), parts.merge(lse, "q")];
};

export const decomposeAttentionGrad: Decomposition = ({ b, node, inputs }) => {
  const parts = new AttentionParts(b, node, inputsAt(inputs, 1, 4));
  const gradients = parts.gradients(inputs[0]!);
  return [parts.merge(gradients.q, "q"), parts.merge(gradients.k, "k"), parts.merge(gradients.v, "k")];
};
