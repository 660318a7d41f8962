// The pass attention: every way of writing it that it knows, with the same numbers and gradients as before; and what it must leave alone.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { differentiate } from "../../../src/autograd/index.js";
import { Builder } from "../../../src/graph/builder.js";
import { type DType, float, Graph, type TensorData, typedArray, type Value } from "../../../src/graph/index.js";
import { Assumptions } from "../../../src/graph/passes/assumptions.js";
import { attentionPass } from "../../../src/graph/passes/attention.js";
import { random } from "../../autograd/gradcheck.js";
import { evaluate } from "../../support/evaluate.js";

const [batch, heads, size, rows] = [3, 2, 5, 6];
const lowest = -3.4028234663852886e38;

/** What a test writes its attention with. */
class Written {
  readonly graph = new Graph();
  readonly b = new Builder(this.graph);
  readonly feeds = new Map<Value, TensorData>();
  readonly x: Value;
  readonly weights: readonly Value[];
  readonly dims = { batch: this.graph.env.symbol(batch, "B"), rows: this.graph.env.symbol(rows, "S") };
  #seed = 3;

  constructor() {
    this.x = this.numbers("x", [batch, rows, heads * size], [this.dims.batch, this.dims.rows, heads * size]);
    this.weights = ["q", "k", "v"].map((name) => this.numbers(name, [heads * size, heads * size]));
    this.b.source(this.x);
  }
  numbers(name: string, shape: readonly number[], dims: readonly (number | string)[] = shape): Value {
    const next = random(this.#seed++);
    return this.feed(
      name,
      "float32",
      shape,
      Array.from({ length: shape.reduce((a, d) => a * d, 1) }, () => 2 * next() - 1),
      dims,
    );
  }
  feed(name: string, dtype: DType, shape: readonly number[], values: readonly number[], dims: readonly (number | string)[] = shape): Value {
    const value = this.graph.input(name, dtype, dims);
    this.feeds.set(value, { dtype, shape: [...shape], data: typedArray(dtype, values) });
    return value;
  }
  /** [B, heads, S, d] of one of q, k, v. */
  split(i: number, perm = [0, 2, 1, 3]): Value {
    const { b } = this;
    return b.transpose(b.op("Reshape", [b.matmul(this.x, this.weights[i]!), b.int64([0, 0, heads, size])]), perm);
  }
  merge(y: Value): Value {
    return this.b.op("Reshape", [this.b.transpose(y, [0, 2, 1, 3]), this.b.int64([0, 0, heads * size])]);
  }
  scores(): Value {
    return this.b.matmul(this.split(0), this.split(1), { transposeB: true, alpha: 0.4 });
  }
  finish(scores: Value): Value {
    const { b } = this;
    return this.merge(b.matmul(b.op("Softmax", [scores], { axis: -1 }), this.split(2)));
  }
  /** 1 for tokens: lengths 6, 4 and 1; or padding on the left. */
  mask(left = false, dtype: DType = "int64"): Value {
    const values = [6, 4, 1].flatMap((n) => Array.from({ length: rows }, (_, i) => Number(left ? i >= rows - n : i < n)));
    return this.feed("mask", dtype, [batch, rows], values, [this.dims.batch, this.dims.rows]);
  }
  /** 0 and lowest, [B, 1, 1, S]. */
  additive(mask: Value): Value {
    const { b } = this;
    return b.unsqueeze(b.mulScalar(b.addScalar(b.mulScalar(b.cast(mask, "float32"), -1), 1), lowest), [1, 2]);
  }
  places(): Value {
    const { b } = this;
    return b.op("Range", [b.scalar(0, "int64"), b.squeeze(b.dim(this.dims.rows), [0]), b.scalar(1, "int64")]);
  }
  /** Whether a query [S, 1] may look at a key [1, S]. */
  causal(): Value {
    return this.b.op("GreaterOrEqual", [this.b.unsqueeze(this.places(), [1]), this.places()]);
  }
}
type Write = (w: Written) => Value | readonly [Value, Value];

/** y and the gradients of x and the maps, with or without the pass. */
async function compute(write: Write, passed: boolean) {
  const w = new Written();
  const { graph, b } = w;
  const written = write(w);
  const [y, other] = "dtype" in written ? [written, undefined] : written;
  const weight = w.numbers("dy", [batch, rows, heads * size]);
  graph.output(b.reduce("ReduceSum", b.mul(y, weight), undefined));
  graph.output(y);
  if (other) graph.output(other);
  const assumptions = new Assumptions((input) => w.feeds.get(input));
  const changes = passed
    ? attentionPass.run(graph, { assume: (a) => assumptions.assume(a), look: (inputs) => assumptions.look(inputs), precision: "no", backward: true })
    : 0;
  const wrt = [w.x, ...w.weights];
  const gradients = differentiate(graph, { loss: graph.outputs[0]!, wrt });
  const found = await evaluate(graph, w.feeds, [...graph.outputs, ...wrt.map((v) => gradients.get(v)!)]);
  return { found, changes, nodes: graph.nodes, assumptions };
}

async function becomes(write: Write): Promise<{ causal: boolean; bias: boolean; assumed: number }> {
  const want = await compute(write, false);
  const got = await compute(write, true);
  assert.equal(got.changes, 1);
  assert.ok(!got.nodes.some((n) => n.op === "Softmax"));
  for (const [i, tensor] of got.found.entries()) {
    const wanted = want.found[i]!;
    assert.deepEqual(tensor.shape, wanted.shape);
    const greatest = (wanted.data as Float32Array).reduce((a, x) => Math.max(a, Math.abs(x)), 0.3);
    for (const [j, x] of (tensor.data as Float32Array).entries())
      assert.ok(Math.abs(x - Number(wanted.data[j])) <= 5e-6 * greatest, `output ${i}[${j}]: ${x}, not ${wanted.data[j]}`);
  }
  const node = got.nodes.find((n) => n.op === "Attention")!;
  return { causal: node.attributes.causal === 1, bias: node.inputs[3] !== undefined, assumed: got.assumptions.made.length };
}
async function stays(write: Write): Promise<void> {
  const { changes, nodes } = await compute(write, true);
  assert.equal(changes, 0);
  assert.ok(nodes.some((n) => n.op === "Softmax"));
}

describe("attention is found", () => {
  it("with a factor in the product, on q, on k, on the scores, or on several", async () => {
    await becomes((w) => w.finish(w.scores()));
    await becomes((w) => w.finish(w.b.mulScalar(w.b.matmul(w.split(0), w.split(1, [0, 2, 3, 1])), 0.4)));
    await becomes((w) => w.finish(w.b.divScalar(w.b.matmul(w.b.divScalar(w.split(0), 2), w.b.mulScalar(w.split(1, [0, 2, 3, 1]), 0.9)), 1.5)));
    await becomes((w) => w.finish(w.b.matmul(w.split(0), w.b.transpose(w.split(1), [0, 1, 3, 2]))));
  });

  it("with k turned in three dims, and heads that were not split from rows", async () => {
    await becomes((self) => {
      const { b } = self;
      const flat = b.op("Reshape", [self.split(1), b.int64([-1, rows, size])]);
      const turned = b.op("Reshape", [b.transpose(flat, [0, 2, 1]), b.int64([-1, heads, size, rows])]);
      return self.finish(b.matmul(self.split(0), turned));
    });
    await becomes((w) => w.finish(w.b.matmul(w.b.unary("Tanh", w.split(0)), w.b.unary("Tanh", w.split(1)), { transposeB: true })));
  });

  it("with a key mask that is added, from a mask of 0 and 1 or from any numbers, or by a condition; also where all keys of a row are masked", async () => {
    assert.deepEqual(await becomes((w) => w.finish(w.b.add(w.scores(), w.additive(w.mask())))), { causal: false, bias: true, assumed: 0 });
    await becomes((w) => w.finish(w.b.add(w.additive(w.feed("mask", "int64", [batch, rows], new Array(18).fill(0))), w.scores())));
    await becomes((w) => w.finish(w.b.add(w.scores(), w.b.unsqueeze(w.numbers("soft", [batch, rows]), [1, 2]))));
    await becomes((w) => {
      const expanded = w.b.expand(w.b.unsqueeze(w.b.cast(w.mask(), "bool"), [1, 2]), [w.dims.batch, 1, w.dims.rows, w.dims.rows], [w.x]);
      return w.finish(w.b.add(w.scores(), w.b.where(expanded, w.b.scalar(0, "float32"), w.b.scalar(lowest, "float32"))));
    });
    const filled = await becomes((w) =>
      w.finish(w.b.where(w.b.unsqueeze(w.b.unary("Not", w.b.cast(w.mask(), "bool")), [1, 2]), w.b.scalar(-1e6, "float32"), w.scores())),
    );
    assert.deepEqual(filled, { causal: false, bias: true, assumed: 1 });
  });

  it("with valid lengths in place of a mask", async () => {
    const found = await becomes((w) => {
      const lengths = w.feed("lengths", "int64", [batch], [6, 4, 1], [w.dims.batch]);
      const outside = w.b.op("GreaterOrEqual", [w.places(), w.b.unsqueeze(lengths, [1, 2, 3])]);
      return w.finish(w.b.where(outside, w.b.scalar(-1e6, "float32"), w.scores()));
    });
    assert.deepEqual(found, { causal: false, bias: true, assumed: 1 });
  });

  it("where a query sees itself and what came before, with and without padding on the right", async () => {
    const toBias = ({ b }: Written, allowed: Value) => b.mulScalar(b.addScalar(b.mulScalar(b.cast(allowed, "float32"), -1), 1), lowest);
    assert.deepEqual(await becomes((w) => w.finish(w.b.add(w.scores(), toBias(w, w.causal())))), { causal: true, bias: false, assumed: 0 });
    const padded = await becomes((w) =>
      w.finish(w.b.add(w.scores(), toBias(w, w.b.op("And", [w.causal(), w.b.unsqueeze(w.b.cast(w.mask(), "bool"), [1, 2])])))),
    );
    assert.deepEqual(padded, { causal: true, bias: true, assumed: 1 });
    const separate = await becomes((w) => w.finish(w.b.add(w.b.where(w.causal(), w.scores(), w.b.scalar(-1e9, "float32")), w.additive(w.mask()))));
    assert.deepEqual(separate, { causal: true, bias: true, assumed: 1 });
    const triangle = Array.from({ length: 16 * 16 }, (_, i) => Number(i % 16 <= Math.floor(i / 16)));
    const buffer = await becomes((self) => {
      const { b } = self;
      const all = b.constant({ dtype: "bool", shape: [1, 1, 16, 16], data: typedArray("bool", triangle) });
      const n = b.dim(self.dims.rows);
      const cut = b.op("Slice", [b.op("Slice", [all, b.int64([0]), n, b.int64([2])]), b.int64([0]), n, b.int64([3])]);
      return self.finish(b.where(cut, self.scores(), b.scalar(lowest, "float32")));
    });
    assert.deepEqual(buffer, { causal: true, bias: false, assumed: 0 });
  });

  it("with dropout on the weights, which draws the same mask", async () => {
    await becomes((w) => {
      const key = w.feed("key", "int64", [4], [7, 0, 3, 1]);
      const weights = w.b.op(
        "Dropout",
        [w.b.op("Softmax", [w.b.add(w.scores(), w.additive(w.mask()))], { axis: -1 }), key],
        { ratio: float(0.3), site: 4 },
        { domain: "accelerate_ts" },
      );
      return w.merge(w.b.matmul(weights, w.split(2)));
    });
  });

  it("with exporters' guard against rows of NaN, and their masks by indices", async () => {
    await becomes((w) => {
      const { b } = w;
      const range = b.op("Range", [b.scalar(0, "int64"), b.squeeze(b.dim(w.dims.batch), [0]), b.scalar(1, "int64")]);
      const mask = b.cast(w.mask(), "bool");
      const index = b.add(b.unsqueeze(w.places(), [0, 1, 2]), b.mul(b.unsqueeze(range, [1, 2, 3]), b.dim(w.dims.rows)));
      const picked = b.gather(b.op("Reshape", [mask, b.int64([-1])]), index);
      const bias = b.where(picked, b.scalar(0, "float32"), b.scalar(Number.NEGATIVE_INFINITY, "float32"));
      const weights = b.op("Softmax", [b.add(w.scores(), bias)], { axis: -1 });
      return w.merge(b.matmul(b.where(b.op("IsNaN", [weights]), b.scalar(0, "float32"), weights), w.split(2)));
    });
  });
});

describe("attention is left alone", () => {
  it("when something else reads the weights or the scores", async () => {
    const both =
      (pick: (w: Written, scores: Value, weights: Value) => Value): Write =>
      (w) => {
        const scores = w.scores();
        const weights = w.b.op("Softmax", [scores], { axis: -1 });
        return [w.merge(w.b.matmul(weights, w.split(2))), pick(w, scores, weights)];
      };
    await stays(both((_, __, weights) => weights));
    await stays(both((w, __, weights) => w.b.mulScalar(weights, 2)));
    await stays(both((_, scores) => scores));
  });

  it("when the mask depends on heads or on queries otherwise than by causality", async () => {
    await stays((w) => w.finish(w.b.add(w.scores(), w.numbers("by_head", [1, heads, 1, rows]))));
    await stays((w) => w.finish(w.b.add(w.scores(), w.numbers("by_query", [rows, rows]))));
    await stays((w) => w.finish(w.b.where(w.b.op("Greater", [w.b.unsqueeze(w.places(), [1]), w.places()]), w.scores(), w.b.scalar(lowest, "float32"))));
    await stays((w) => w.finish(w.b.where(w.causal(), w.scores(), w.b.scalar(-3, "float32"))));
    await stays((w) => w.finish(w.b.mulScalar(w.b.add(w.scores(), w.additive(w.mask())), 2)));
  });

  it("when a row's first key is masked and queries that see no other key would take others", async () => {
    const toBias = ({ b }: Written, allowed: Value) => b.mulScalar(b.addScalar(b.mulScalar(b.cast(allowed, "float32"), -1), 1), lowest);
    await stays((w) => w.finish(w.b.add(w.scores(), toBias(w, w.b.op("And", [w.causal(), w.b.unsqueeze(w.b.cast(w.mask(true), "bool"), [1, 2])])))));
    await stays((w) => w.finish(w.b.where(w.b.unsqueeze(w.b.unary("Not", w.b.cast(w.mask(true), "bool")), [1, 2]), w.b.scalar(-1e6, "float32"), w.scores())));
  });

  it("in another dtype, over another axis, or with a product that is no attention", async () => {
    await stays((w) => w.merge(w.b.matmul(w.b.op("Softmax", [w.scores()], { axis: 2 }), w.split(2))));
    await stays((w) => w.merge(w.b.matmul(w.b.op("Softmax", [w.b.unary("Tanh", w.scores())], { axis: -1 }), w.split(2))));
    await stays((self) => {
      const { b } = self;
      const wide = b.op("Softmax", [b.cast(self.scores(), "float64")], { axis: -1 });
      return self.merge(b.matmul(b.cast(wide, "float32"), self.split(2)));
    });
  });
});
