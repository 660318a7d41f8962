// A small encoder as a graph, with attention as one op, and what its losses and gradients are with and without passes.
import assert from "node:assert/strict";
import { differentiate } from "../../../src/autograd/index.js";
import { Builder } from "../../../src/graph/builder.js";
import { float, Graph, type TensorData, typedArray, type Value } from "../../../src/graph/index.js";
import { Assumptions } from "../../../src/graph/passes/assumptions.js";
import { decompose } from "../../../src/graph/passes/decompose.js";
import type { GraphPass, PassContext } from "../../../src/graph/passes/pass.js";
import { random } from "../../autograd/gradcheck.js";
import { compileGraph } from "../../support/evaluate.js";

export const sizes = { vocab: 13, hidden: 8, heads: 2, inner: 12, positions: 16 };

/** Three rows of five tokens; the second and third are padded. */
export const paddedBatch: Batch = {
  ids: [
    [3, 4, 5, 6, 7],
    [8, 9, 2, 0, 0],
    [1, 0, 0, 0, 0],
  ],
  mask: [
    [1, 1, 1, 1, 1],
    [1, 1, 1, 0, 0],
    [1, 0, 0, 0, 0],
  ],
  labels: [
    [-100, 4, -100, -100, 7],
    [-100, -100, 2, -100, -100],
    [-100, -100, -100, -100, -100],
  ],
};

export interface Batch {
  readonly ids: readonly (readonly number[])[];
  readonly mask: readonly (readonly number[])[];
  readonly labels: readonly (readonly number[])[];
}

/** What a model is built from. */
export class Model {
  readonly graph = new Graph();
  readonly b: Builder;
  readonly feeds = new Map<Value, TensorData>();
  readonly parameters: Value[] = [];
  readonly ids: Value;
  readonly mask: Value;
  readonly labels: Value;
  readonly key: Value;
  readonly dropout: boolean;
  #site = 0;
  #seed = 1;

  constructor(batch: Batch, options: { readonly dropout: boolean }) {
    this.dropout = options.dropout;
    this.ids = this.feed("ids", batch.ids);
    this.mask = this.feed("mask", batch.mask);
    this.labels = this.feed("labels", batch.labels);
    this.key = this.graph.input("key", "int64", [4]);
    this.feeds.set(this.key, { dtype: "int64", shape: [4], data: BigInt64Array.of(7n, 0n, 3n, 1n) });
    this.b = new Builder(this.graph);
    for (const input of this.graph.inputs) this.b.source(input);
  }

  feed(name: string, rows: readonly (readonly number[])[], dtype: "int64" | "float32" = "int64"): Value {
    const shape = [rows.length, rows[0]!.length];
    const value = this.graph.input(
      name,
      dtype,
      shape.map((d) => this.graph.env.symbol(d)),
    );
    this.feeds.set(value, { dtype, shape, data: typedArray(dtype, rows.flat()) });
    return value;
  }

  parameter(...shape: number[]): Value {
    const next = random(this.#seed++);
    const value = this.graph.input(`p${this.parameters.length}`, "float32", shape);
    this.parameters.push(value);
    const data = Float32Array.from({ length: shape.reduce((a, d) => a * d, 1) }, () => next() - 0.5);
    this.feeds.set(value, { dtype: "float32", shape, data });
    return value;
  }

  linear(x: Value, from: number, to: number): Value {
    return this.b.add(this.b.matmul(x, this.parameter(to, from), { transposeB: true }), this.parameter(to));
  }
  drop(x: Value): Value {
    if (!this.dropout) return x;
    return this.b.op("Dropout", [x, this.key], { ratio: float(0.3), site: this.#site++ }, { domain: "accelerate_ts" });
  }
  norm(x: Value): Value {
    return this.b.op("LayerNormalization", [x, this.parameter(sizes.hidden), this.parameter(sizes.hidden)], { axis: -1, epsilon: float(1e-12) });
  }

  /** Added to scores: 0 at tokens, very little at padding. [B, S]. */
  keyBias(mask: Value = this.mask): Value {
    const { b } = this;
    return b.mulScalar(b.addScalar(b.mulScalar(b.cast(mask, "float32"), -1), 1), -3.4028234663852886e38);
  }
  embeddings(): Value {
    const { b, ids } = this;
    const tokens = b.op("Range", [b.scalar(0, "int64"), b.squeeze(b.dim(ids.shape[1]!), [0]), b.scalar(1, "int64")]);
    const positions = b.gather(this.parameter(sizes.positions, sizes.hidden), tokens);
    return b.add(b.add(b.gather(this.parameter(sizes.vocab, sizes.hidden), ids), this.parameter(1, sizes.hidden)), positions);
  }
  attention(x: Value, keyBias: Value | undefined, causal: boolean): Value {
    const [q, k, v] = [0, 1, 2].map(() => this.linear(x, sizes.hidden, sizes.hidden)) as [Value, Value, Value];
    const drops = this.dropout ? { ratio: float(0.3), site: this.#site++ } : {};
    const attributes = { heads: sizes.heads, scale: float(0.5), causal: Number(causal), ...drops };
    return this.b.ops("Attention", [q, k, v, keyBias, this.dropout ? this.key : undefined], attributes, { domain: "accelerate_ts", outputs: 2 })[0]!;
  }
  layer(x: Value, keyBias: Value | undefined, causal = false): Value {
    const { b } = this;
    const attended = this.norm(b.add(this.drop(this.linear(this.attention(x, keyBias, causal), sizes.hidden, sizes.hidden)), x));
    const wide = b.op("Gelu", [this.linear(attended, sizes.hidden, sizes.inner)], { approximate: "none" });
    return this.norm(b.add(this.drop(this.linear(wide, sizes.inner, sizes.hidden)), attended));
  }
  /** Hidden states [B, S, H] of two layers. */
  encoder(options: { readonly keyBias?: Value | undefined; readonly causal?: boolean } = {}): Value {
    const keyBias = "keyBias" in options ? options.keyBias : this.keyBias();
    let x = this.drop(this.norm(this.embeddings()));
    for (let i = 0; i < 2; i++) x = this.layer(x, keyBias, options.causal);
    return x;
  }
  /** Cross-entropy of logits [.., C] over the labels [..] that are not -100. */
  crossEntropy(logits: Value, labels: Value): Value {
    const { b } = this;
    const ignored = b.op("Equal", [labels, b.scalar(-100, "int64")]);
    const classes = b.where(ignored, b.scalar(0, "int64"), labels);
    const logs = b.op("LogSoftmax", [logits], { axis: -1 });
    const picked = b.squeeze(b.gatherElements(logs, b.unsqueeze(classes, [-1]), -1), [-1]);
    const sum = b.reduce("ReduceSum", b.neg(b.where(ignored, b.scalar(0, "float32"), picked)), undefined);
    return b.div(sum, b.reduce("ReduceSum", b.cast(b.unary("Not", ignored), "float32"), undefined));
  }
  /** The same over rows that were flattened. */
  flat(x: Value): Value {
    const { b } = this;
    return b.op("Reshape", [x, b.int64(x.rank === 3 ? [-1, b.graph.env.resolve(x.shape[2]!) as number] : [-1])]);
  }
  /** The last token of each row that is no padding: [B, H]. */
  lastToken(x: Value): Value {
    const { b } = this;
    const places = b.op("Range", [b.scalar(0, "int64"), b.squeeze(b.dim(this.ids.shape[1]!), [0]), b.scalar(1, "int64")]);
    const real = b.cast(b.unary("Not", b.op("Equal", [this.ids, b.scalar(0, "int64")])), "float32");
    const last = b.op("ArgMax", [b.mul(b.cast(places, "float32"), real)], { axis: 1, keepdims: 0 });
    return this.tokens(x, b.unsqueeze(last, [1]), true);
  }
  /** Tokens [B, K] of hidden states: [B, K, H], or [B, H] of one. */
  tokens(x: Value, at: Value, one = false): Value {
    const { b } = this;
    const index = b.op("Expand", [b.unsqueeze(at, [2]), b.concat([b.op("Shape", [at]), b.int64([sizes.hidden])], 0)]);
    const found = b.gatherElements(x, index, 1);
    return one ? b.squeeze(found, [1]) : found;
  }
  /** A scalar of all numbers of a value, each with another weight. */
  scalarOf(x: Value): Value {
    const { b } = this;
    return b.reduce("ReduceMean", b.mul(x, b.unary("Cos", b.mulScalar(x, 3))), undefined);
  }
}

/** A model's loss; more outputs are pushed to the graph's. */
export type Build = (model: Model) => Value;

export interface Result {
  readonly changes: number;
  readonly loss: number;
  readonly outputs: readonly TensorData[];
  readonly gradients: ReadonlyMap<string, TensorData>;
  readonly graph: Graph;
  /** The passes' conditions, for data of another run. */
  holds(batch: Batch): boolean;
}

/** Loss and gradients of a model after some passes. */
export async function run(build: Build, batch: Batch, passes: readonly GraphPass[], options: { readonly dropout?: boolean } = {}): Promise<Result> {
  const model = new Model(batch, { dropout: options.dropout ?? false });
  const { graph, feeds } = model;
  const made = build(model);
  graph.outputs.unshift(made);
  const assumptions = new Assumptions((value) => (model.parameters.includes(value) ? undefined : feeds.get(value)));
  const context: PassContext = { assume: (a) => assumptions.assume(a), look: (inputs) => assumptions.look(inputs), precision: "no", backward: true };
  let changes = 0;
  for (const pass of passes) changes += pass.run(graph, context);
  const shown = new Graph();
  shown.nodes.push(...graph.nodes);
  decompose(graph, (node) => node.op === "Attention");
  const [loss, ...others] = graph.outputs;
  const gradients = differentiate(graph, { loss: loss!, wrt: model.parameters });
  const present = model.parameters.filter((p) => gradients.has(p));
  await using compiled = await compileGraph(graph, [loss!, ...others, ...present.map((p) => gradients.get(p)!)]);
  const results = await compiled.run(feeds);
  return {
    changes,
    loss: results[0]!.data[0] as number,
    outputs: results.slice(1, 1 + others.length),
    gradients: new Map(present.map((p, i) => [p.name, results[1 + others.length + i]!])),
    graph: shown,
    holds: (other) => {
      const given = new Map([...new Model(other, { dropout: false }).feeds].map(([v, data]) => [v.name, data]));
      return assumptions.made.every((a) => a.holds(a.inputs.map((v) => given.get(v.name)!)));
    },
  };
}

const norm = (values: ArrayLike<number>): number => Math.sqrt(Array.from(values).reduce((s, x) => s + x * x, 0));

/** The library's bound for a pass: no gradient differs by more than 5e-6 of its tensor's largest number, or 1e-7 of the norm of all. */
export function sameGradients(got: ReadonlyMap<string, TensorData>, want: ReadonlyMap<string, TensorData>): void {
  assert.deepEqual([...got.keys()], [...want.keys()]);
  const all = norm([...want.values()].map(({ data }) => norm(data as Float32Array)));
  for (const [name, { data, shape }] of want) {
    const other = got.get(name)!;
    assert.deepEqual(other.shape, shape, name);
    const most = Math.max(...Array.from(data as Float32Array, Math.abs));
    for (const [i, x] of (data as Float32Array).entries()) {
      const off = Math.abs(x - (other.data[i] as number));
      assert.ok(off <= 5e-6 * most + 1e-7 * all, `gradient of ${name} [${i}]: ${other.data[i]} for ${x}`);
    }
  }
}

/** Runs a model with and without passes, which must not change what comes out. */
export async function unchanged(build: Build, batch: Batch, passes: readonly GraphPass[], options: { readonly dropout?: boolean } = {}): Promise<Result> {
  const [want, got] = [await run(build, batch, [], options), await run(build, batch, passes, options)];
  assert.ok(Math.abs(want.loss - got.loss) <= 5e-6 * Math.max(1, Math.abs(want.loss)), `loss ${got.loss} for ${want.loss}`);
  for (const [i, { data }] of want.outputs.entries())
    for (const [k, x] of (data as Float32Array).entries())
      assert.ok(Math.abs(x - (got.outputs[i]!.data[k] as number)) <= 1e-5 * Math.max(1, Math.abs(x)), `output ${i}`);
  sameGradients(got.gradients, want.gradients);
  return got;
}
