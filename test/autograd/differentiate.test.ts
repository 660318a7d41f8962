// What reverse mode does to a graph: which nodes it adds, where it stops, how it adds up, and what it refuses.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { differentiate, GradientTable, standardGradients } from "../../src/autograd/index.js";
import type { AccelerateError } from "../../src/errors.js";
import { Builder, Graph, OpTable, standardOps, type Value } from "../../src/graph/index.js";
import { evaluate } from "../support/evaluate.js";

function model() {
  const g = new Graph();
  const b = new Builder(g);
  const x = g.input("x", "float32", [g.env.symbol(4), 8]);
  const weights = [0, 1, 2].map((i) => g.input(`w${i}`, "float32", [8, 8]));
  let h = x;
  for (const w of weights) h = b.unary("Tanh", b.matmul(h, w));
  return { g, b, x, weights, loss: b.reduce("ReduceMean", h, undefined) };
}
const backward = (g: Graph, from: number) => g.nodes.slice(from).map((n) => n.op);
const error =
  (code: string, ...parts: RegExp[]) =>
  (e: unknown): boolean => {
    const { code: found, message } = e as AccelerateError;
    assert.equal(found, code, message);
    for (const part of parts) assert.match(message, part);
    return true;
  };

describe("differentiate", () => {
  test("frozen parameters cost nothing: the walk ends at the last one that is trained", () => {
    const all = model();
    const top = model();
    const before = all.g.nodes.length;
    differentiate(all.g, { loss: all.loss, wrt: all.weights });
    const gradients = differentiate(top.g, { loss: top.loss, wrt: [top.weights[2]!] });
    assert.deepEqual([...gradients.keys()], [top.weights[2]]);
    const full = backward(all.g, before);
    const small = backward(top.g, before);
    assert.equal(full.filter((op) => op.endsWith("MatMul")).length, 5);
    assert.equal(small.filter((op) => op.endsWith("MatMul")).length, 1);
    assert.equal(small.filter((op) => op === "Sub").length, 1, "the slope of one of three Tanh");
  });

  test("a value that the loss does not depend on is missing in the map", () => {
    const { g, b, x, weights, loss } = model();
    const unused = g.input("unused", "float32", [8]);
    b.add(x, unused);
    const gradients = differentiate(g, { loss, wrt: [unused, weights[0]!] });
    assert.equal(gradients.has(unused), false);
    assert.equal(gradients.has(weights[0]!), true);
  });

  test("contributions to one value are summed once, by one n-ary Sum", async () => {
    const g = new Graph();
    const b = new Builder(g);
    const w = g.input("w", "float64", [3]);
    const uses = ["Exp", "Tanh", "Sin", "Cos"].map((op) => b.unary(op, w));
    const loss = b.reduce("ReduceSum", b.op("Sum", uses), undefined);
    const before = g.nodes.length;
    const gradient = differentiate(g, { loss, wrt: [w] }).get(w)!;
    assert.equal(backward(g, before).filter((op) => op === "Sum").length, 1);
    assert.equal(gradient.producer!.inputs.length, 4);
    const values = [0.3, -0.5, 1.1];
    const [found] = await evaluate(g, new Map([[w, { dtype: "float64", shape: [3], data: Float64Array.from(values) }]]), [gradient]);
    for (const [i, v] of values.entries()) {
      const expected = Math.exp(v) + 1 - Math.tanh(v) ** 2 + Math.cos(v) - Math.sin(v);
      assert.ok(Math.abs(Number(found!.data[i]) - expected) < 1e-12);
    }
  });

  test("a detached value is a constant", () => {
    const g = new Graph();
    const b = new Builder(g);
    const w = g.input("w", "float32", [3]);
    const v = g.input("v", "float32", [3]);
    const cut = b.op("Identity", [b.unary("Exp", w)], { _detach: 1 });
    const gradients = differentiate(g, { loss: b.reduce("ReduceSum", b.mul(cut, v), undefined), wrt: [w, v] });
    assert.deepEqual([...gradients.keys()], [v]);
  });

  test("gradients stop at comparisons, indices and rounding", () => {
    const g = new Graph();
    const b = new Builder(g);
    const w = g.input("w", "float32", [3]);
    const v = g.input("v", "float32", [3]);
    const mask = b.cast(b.op("Greater", [w, b.scalar(0, "float32")]), "float32");
    const rounded = b.unary("Floor", w);
    const picked = b.gather(v, b.op("Cast", [w], { to: 7 }));
    const loss = b.reduce("ReduceSum", b.op("Sum", [b.mul(v, mask), b.mul(v, rounded), picked]), undefined);
    assert.deepEqual([...differentiate(g, { loss, wrt: [w, v] }).keys()], [v]);
  });

  test("values in the middle may be asked for, and the loss itself", async () => {
    const g = new Graph();
    const b = new Builder(g);
    const x = g.input("x", "float64", [2]);
    const h = b.mul(x, x);
    const loss = b.reduce("ReduceSum", b.mul(h, h), undefined);
    const gradients = differentiate(g, { loss, wrt: [x, h, loss] });
    const found = await evaluate(
      g,
      new Map([[x, { dtype: "float64", shape: [2], data: Float64Array.of(1, -2) }]]),
      [x, h, loss].map((v) => gradients.get(v)!),
    );
    assert.deepEqual(
      found.map((t) => Array.from(t.data as Float64Array)),
      [[4, -32], [2, 8], [1]],
    );
  });

  test("two parameters with one gradient get two values, so that both can be outputs", async () => {
    const g = new Graph();
    const b = new Builder(g);
    const [p, q] = ["p", "q"].map((name) => g.input(name, "float32", [2])) as [Value, Value];
    const gradients = differentiate(g, { loss: b.reduce("ReduceSum", b.add(p, q), undefined), wrt: [p, q, p] });
    assert.equal(gradients.size, 2);
    assert.notEqual(gradients.get(p), gradients.get(q));
    const data = { dtype: "float32", shape: [2], data: Float32Array.of(1, 2) } as const;
    const found = await evaluate(
      g,
      new Map([
        [p, data],
        [q, data],
      ]),
      [gradients.get(p)!, gradients.get(q)!],
    );
    assert.deepEqual(
      found.map((t) => Array.from(t.data as Float32Array)),
      [
        [1, 1],
        [1, 1],
      ],
    );
  });

  test("a seed that is fed scales all gradients", async () => {
    const g = new Graph();
    const b = new Builder(g);
    const w = g.input("w", "float32", [2]);
    const seed = g.input("seed", "float32", []);
    const gradient = differentiate(g, { loss: b.reduce("ReduceSum", b.mul(w, w), undefined), wrt: [w], seed }).get(w)!;
    const feeds = new Map([
      [w, { dtype: "float32", shape: [2], data: Float32Array.of(1, 3) }],
      [seed, { dtype: "float32", shape: [], data: Float32Array.of(0.5) }],
    ] as const);
    assert.deepEqual(Array.from((await evaluate(g, feeds, [gradient]))[0]!.data as Float32Array), [1, 3]);
  });

  test("a loss that is no scalar, or no float, is refused", () => {
    const { g, b, weights, loss } = model();
    assert.throws(() => differentiate(g, { loss: b.unary("Exp", weights[0]!), wrt: weights }), error("ERR_AUTOGRAD_LOSS", /\[8, 8\]/, /mean\(\) or sum\(\)/));
    assert.throws(() => differentiate(g, { loss: b.cast(loss, "int64"), wrt: weights }), error("ERR_AUTOGRAD_LOSS", /int64/));
    assert.throws(() => differentiate(g, { loss, wrt: weights, seed: b.scalar(1, "float64") }), error("ERR_AUTOGRAD_LOSS", /seed/));
  });

  const ops = new OpTable([
    ...standardOps,
    { op: "Softsquare", domain: "", inputs: [1, 1], outputs: [1, 1], infer: ({ inputs }) => [{ dtype: inputs[0]!.dtype, shape: inputs[0]!.shape }] },
  ]);
  function unknown() {
    const g = new Graph({ ops });
    const b = new Builder(g, { scope: "head" });
    const w = g.input("w", "float32", [3]);
    const y = b.unary("Softsquare", b.unary("Exp", w));
    return { g, b, w, loss: b.reduce("ReduceSum", b.unary("Tanh", y), undefined) };
  }

  test("an op without a rule is named with the path from the parameter to the loss, and nothing is added to the graph", () => {
    const { g, w, loss } = unknown();
    const before = g.nodes.length;
    assert.throws(
      () => differentiate(g, { loss, wrt: [w] }),
      error(
        "ERR_AUTOGRAD_NO_RULE",
        /op Softsquare has no gradient rule/,
        /w -> head\/Exp -> head\/Softsquare -> head\/Tanh -> head\/ReduceSum -> head\/ReduceSum_out/,
        /registerGradient\(\{ op: "Softsquare"/,
      ),
    );
    assert.equal(g.nodes.length, before);
  });

  test("an op without a rule off the path is no error", () => {
    const { g, b, w } = unknown();
    const v = g.input("v", "float32", [3]);
    const side = b.unary("Softsquare", w);
    assert.ok(differentiate(g, { loss: b.reduce("ReduceSum", b.mul(side, v), undefined), wrt: [v] }).has(v));
  });

  test("a rule can be added, and one with a wrong shape is named", () => {
    const good = unknown();
    const rules = new GradientTable([...standardGradients, { op: "Softsquare", rule: ({ b, input, gradOut }) => [b.mul(gradOut(0)!, input(0))] }]);
    assert.ok(differentiate(good.g, { loss: good.loss, wrt: [good.w], rules }).has(good.w));
    const bad = unknown();
    const wrong = new GradientTable([...standardGradients, { op: "Softsquare", rule: ({ b, gradOut }) => [b.reduce("ReduceSum", gradOut(0)!, [0])] }]);
    assert.throws(() => differentiate(bad.g, { loss: bad.loss, wrt: [bad.w], rules: wrong }), error("ERR_AUTOGRAD_RULE", /Softsquare/, /float32\[3\]/));
  });

  test("a gradient of a saved mean is refused", () => {
    const g = new Graph();
    const b = new Builder(g);
    const x = g.input("x", "float32", [2, 4]);
    const scale = g.input("scale", "float32", [4]);
    const [, mean] = b.ops("LayerNormalization", [x, scale], {}, { outputs: 2 });
    assert.throws(
      () => differentiate(g, { loss: b.reduce("ReduceSum", mean!, undefined), wrt: [x] }),
      error("ERR_AUTOGRAD_UNSUPPORTED", /node LayerNormalization/),
    );
  });
});
