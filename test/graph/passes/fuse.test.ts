// Fusion: losses, outputs and gradients are what they were, chains that it knows are found, and it leaves alone what it cannot prove.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Builder, float, Graph, type Value } from "../../../src/graph/index.js";
import { fuse, fusePass } from "../../../src/graph/passes/fuse.js";
import { evaluate } from "../../support/evaluate.js";
import { within } from "../../autograd/gradcheck.js";
import { type Build, type Model, paddedBatch, run, sizes, unchanged } from "./encoder.js";

const ops = (graph: Graph): string[] => graph.nodes.map((node) => node.op);
const count = (graph: Graph, op: string): number => ops(graph).filter((o) => o === op).length;

const languageModel: Build = (m) => m.crossEntropy(m.linear(m.encoder({ causal: true }), sizes.hidden, sizes.vocab), m.labels);
/** Layers that are normalized in front, as GPT-2's: the sums are read by the next residual, too. */
const preNorm: Build = (m) => {
  const { b } = m;
  let x = m.drop(m.embeddings());
  for (let i = 0; i < 2; i++) {
    x = b.add(x, m.drop(m.linear(m.attention(m.norm(x), undefined, true), sizes.hidden, sizes.hidden)));
    const wide = b.op("Gelu", [m.linear(m.norm(x), sizes.hidden, sizes.inner)], { approximate: "tanh" });
    x = b.add(x, m.drop(m.linear(wide, sizes.inner, sizes.hidden)));
  }
  return m.crossEntropy(m.linear(m.norm(x), sizes.hidden, sizes.vocab), m.labels);
};

describe("fusion changes neither losses nor gradients", () => {
  for (const dropout of [false, true]) {
    it(`of an encoder ${dropout ? "with" : "without"} dropout`, async () => {
      const { graph, changes } = await unchanged(languageModel, paddedBatch, [fusePass], { dropout });
      assert.equal(count(graph, "DropoutAddLayerNorm"), 5);
      assert.equal(count(graph, "BiasGelu"), 2);
      assert.equal(count(graph, "CrossEntropy"), 1);
      assert.equal(changes, 8);
      assert.equal(count(graph, "LayerNormalization") + count(graph, "Gelu") + count(graph, "LogSoftmax"), 0);
      // What is left is that of the embeddings.
      assert.equal(count(graph, "Dropout"), Number(dropout));
    });
    it(`of layers that are normalized in front, ${dropout ? "with" : "without"} dropout`, async () => {
      const { graph } = await unchanged(preNorm, paddedBatch, [fusePass], { dropout });
      assert.equal(count(graph, "DropoutAddLayerNorm"), 5);
      assert.equal(count(graph, "Dropout"), Number(dropout));
      // Sums of residuals come out of the normalizations: only the embeddings' own additions and the biases of maps without one stay.
      const residuals = graph.nodes.filter((n) => n.op === "Add" && n.inputs.every((v) => v!.rank === 3) && n.inputs[0]!.producer?.op !== "Gather");
      assert.equal(residuals.length, 0);
    });
  }

  it("where a sum and a normalized value are outputs", async () => {
    const build: Build = (m) => {
      const x = m.embeddings();
      const sum = m.b.add(m.drop(m.linear(x, sizes.hidden, sizes.hidden)), x);
      const y = m.norm(sum);
      m.graph.outputs.push(sum, y);
      return m.scalarOf(y);
    };
    const { graph } = await unchanged(build, paddedBatch, [fusePass], { dropout: true });
    assert.deepEqual([count(graph, "DropoutAddLayerNorm"), count(graph, "Dropout")], [1, 0]);
  });

  it("of attention with a mask that is written out", async () => {
    const build: Build = (m) => {
      const { b } = m;
      const x = m.embeddings();
      const scores = b.matmul(m.linear(x, sizes.hidden, sizes.hidden), m.linear(x, sizes.hidden, sizes.hidden), { transposeB: true });
      const weights = b.op("Softmax", [b.add(b.unsqueeze(m.keyBias(), [1]), scores)], { axis: -1 });
      return m.scalarOf(b.matmul(weights, x));
    };
    const { graph } = await unchanged(build, paddedBatch, [fusePass]);
    assert.equal(count(graph, "MaskedSoftmax"), 1);
    assert.equal(graph.nodes.find((n) => n.op === "MaskedSoftmax")!.inputs.length, 2);
  });

  it("of a smoothed cross entropy", async () => {
    const build: Build = (m) => {
      const { b } = m;
      const logs = b.op("LogSoftmax", [m.linear(m.embeddings(), sizes.hidden, sizes.vocab)], { axis: -1 });
      const classes = b.where(b.op("Equal", [m.labels, b.scalar(-100, "int64")]), b.scalar(0, "int64"), m.labels);
      const picked = b.squeeze(b.gatherElements(logs, b.unsqueeze(classes, [-1]), -1), [-1]);
      const target = b.add(b.mulScalar(picked, 0.9), b.mulScalar(b.reduce("ReduceMean", logs, [-1]), 0.1));
      return b.neg(b.reduce("ReduceMean", target, undefined));
    };
    const { graph } = await unchanged(build, paddedBatch, [fusePass]);
    assert.deepEqual([count(graph, "CrossEntropy"), count(graph, "LogSoftmax"), count(graph, "GatherElements")], [1, 0, 0]);
  });
});

describe("fusion leaves alone", () => {
  const declines = async (build: Build) => assert.equal((await unchanged(build, paddedBatch, [fusePass])).changes, 0);
  const logits = (m: Model): Value => m.linear(m.embeddings(), sizes.hidden, sizes.vocab);

  it("log-probabilities that are read elsewhere", () =>
    declines((m) => {
      const { b } = m;
      const logs = b.op("LogSoftmax", [logits(m)], { axis: -1 });
      m.graph.outputs.push(logs);
      return b.reduce("ReduceMean", b.gatherElements(logs, b.unsqueeze(m.ids, [-1]), -1), undefined);
    }));
  it("a softmax over another dim", () => declines((m) => m.scalarOf(m.b.op("Softmax", [logits(m)], { axis: 1 }))));
  it("a normalization over two dims", async () => {
    const graph = new Graph();
    const b = new Builder(graph);
    const x = graph.input("x", "float32", [2, 3, 4]);
    graph.output(b.op("LayerNormalization", [x, graph.input("w", "float32", [3, 4])], { axis: 1 }));
    assert.equal(fuse(graph), 0);
  });
  it("float64", () => {
    const graph = new Graph();
    const b = new Builder(graph);
    const x = graph.input("x", "float64", [2, 3, 4]);
    const y = b.op("LayerNormalization", [x, graph.input("w", "float64", [4])], { axis: -1 });
    graph.output(b.op("Softmax", [b.op("Gelu", [y])], { axis: -1 }));
    assert.equal(fuse(graph), 0);
  });
  it("a dropout and a bias that are read elsewhere, but for the sum", async () => {
    const build: Build = (m) => {
      const x = m.embeddings();
      const dropped = m.drop(m.linear(x, sizes.hidden, sizes.hidden));
      m.graph.outputs.push(dropped);
      return m.scalarOf(m.norm(m.b.add(x, dropped)));
    };
    const { graph } = await unchanged(build, paddedBatch, [fusePass], { dropout: true });
    assert.deepEqual([count(graph, "DropoutAddLayerNorm"), count(graph, "Dropout")], [1, 1]);
  });
});

describe("fusion finds what exporters composed:", () => {
  const values = within(24, 3, -3, 3);
  const check = async (expected: string, build: (b: Builder, x: Value) => Value) => {
    const made = () => {
      const graph = new Graph();
      const b = new Builder(graph);
      const x = graph.input("x", "float32", [2, 3, 4]);
      graph.output(build(b, x));
      return { graph, feeds: new Map([[x, { dtype: "float32" as const, shape: [2, 3, 4], data: Float32Array.from(values) }]]) };
    };
    const [before, after] = [made(), made()];
    assert.ok(fuse(after.graph) > 0);
    assert.deepEqual(ops(after.graph), [expected]);
    const [want] = await evaluate(before.graph, before.feeds, before.graph.outputs);
    const [got] = await evaluate(after.graph, after.feeds, after.graph.outputs);
    for (const [i, w] of (want!.data as Float32Array).entries()) assert.ok(Math.abs(w - Number(got!.data[i])) < 2e-6, `${got!.data[i]} for ${w}`);
  };
  const s = (b: Builder, value: number) => b.scalar(value, "float32");

  it("GELU of Erf, half last", () =>
    check("BiasGelu", (b, x) => b.mul(b.mul(x, b.add(b.unary("Erf", b.div(x, s(b, 1.4142135381698608))), s(b, 1))), s(b, 0.5))));
  it("GELU of Erf, half first", () =>
    check("BiasGelu", (b, x) => b.mul(b.mul(s(b, 0.5), x), b.add(s(b, 1), b.unary("Erf", b.mul(x, s(b, 0.7071067690849304)))))));
  it("GELU of Tanh with a power", () =>
    check("BiasGelu", (b, x) => {
      const inner = b.mul(b.add(x, b.mul(b.pow(x, s(b, 3)), s(b, 0.044715))), s(b, Math.sqrt(2 / Math.PI)));
      return b.mul(b.mul(x, s(b, 0.5)), b.add(b.unary("Tanh", inner), s(b, 1)));
    }));
  it("GELU of Tanh with products", () =>
    check("BiasGelu", (b, x) => {
      const inner = b.mul(s(b, Math.sqrt(2 / Math.PI)), b.add(x, b.mul(b.mul(b.mul(x, s(b, 0.044715)), x), x)));
      return b.mul(s(b, 0.5), b.mul(x, b.add(s(b, 1), b.unary("Tanh", inner))));
    }));
  for (const square of ["a power", "a product"]) {
    it(`layer normalization with ${square}`, () =>
      check("DropoutAddLayerNorm", (b, x) => {
        const d = b.sub(x, b.reduce("ReduceMean", x, [-1], true));
        const variance = b.reduce("ReduceMean", square === "a power" ? b.pow(d, s(b, 2)) : b.mul(d, d), [-1], true);
        const vector = (low: number) => b.constant({ dtype: "float32", shape: [4], data: Float32Array.from([low, 1, 2, 3]) });
        return b.add(b.mul(b.div(d, b.unary("Sqrt", b.add(variance, s(b, 1e-5)))), vector(0.5)), vector(-1));
      }));
  }
  it("no GELU where a number differs", () => {
    const graph = new Graph();
    const b = new Builder(graph);
    const x = graph.input("x", "float32", [2, 4]);
    graph.output(b.mul(b.mul(x, b.add(b.unary("Erf", b.div(x, s(b, 1.5))), s(b, 1))), s(b, 0.5)));
    assert.equal(fuse(graph), 0);
  });
});

it("a fused graph is not fused again, and floats of attributes stay what they were", async () => {
  const { graph } = await run(languageModel, paddedBatch, [fusePass], { dropout: true });
  const norm = graph.nodes.find((n) => n.op === "DropoutAddLayerNorm" && n.inputs[5])!;
  assert.deepEqual(norm.attributes, { epsilon: float(1e-12), ratio: float(0.3), site: norm.attributes.site });
  const again = await run(languageModel, paddedBatch, [fusePass, fusePass], { dropout: true });
  assert.equal(again.changes, 8);
});
