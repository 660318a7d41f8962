// The gradient of a whole transformer block, attention mask and all, against finite differences.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { differentiate } from "../../src/autograd/index.js";
import { Builder, float, Graph, type Value } from "../../src/graph/index.js";
import { checkGradient, within } from "./gradcheck.js";

const hidden = 6;
const heads = 2;

/** Post-norm encoder block over x [b, s, hidden] with a padding mask [b, s], and cross entropy of the first token's two classes. */
function block(b: Builder, [x, mask, labels, wq, wk, wv, wo, bias, scale, shift, w1, w2, wc]: readonly Value[]): Value {
  const { dtype } = x!;
  const linear = (v: Value, w: Value) => b.matmul(v, w, { transposeB: true });
  const split = (v: Value) => b.transpose(b.op("Reshape", [v, b.int64([0, 0, heads, hidden / heads])]), [0, 2, 1, 3]);
  const norm = (v: Value) => b.op("LayerNormalization", [v, scale!, shift!], { axis: -1, epsilon: float(1e-5) });
  const [q, k, v] = [wq!, wk!, wv!].map((w) => split(b.add(linear(x!, w), bias!))) as [Value, Value, Value];
  const scores = b.matmul(q, k, { transposeB: true, alpha: 1 / Math.sqrt(hidden / heads) });
  const masked = b.where(b.unsqueeze(mask!, [1, 2]), scores, b.scalar(-1e9, dtype));
  const context = b.matmul(b.op("Softmax", [masked], { axis: -1 }), v);
  const joined = b.op("Reshape", [b.transpose(context, [0, 2, 1, 3]), b.int64([0, 0, hidden])]);
  const h = norm(b.add(x!, linear(joined, wo!)));
  const out = norm(b.add(h, linear(b.unary("Tanh", linear(h, w1!)), w2!)));
  const logits = linear(b.gather(out, b.scalar(0, "int64"), 1), wc!);
  const picked = b.gatherElements(b.op("LogSoftmax", [logits], { axis: -1 }), labels!, 1);
  return b.neg(b.reduce("ReduceMean", picked, undefined));
}

const shapes = (batch: number, length: number) => [
  [batch, length, hidden],
  [batch, length],
  [batch, 1],
  ...[0, 1, 2, 3].map(() => [hidden, hidden]),
  ...[0, 1, 2].map(() => [hidden]),
  [8, hidden],
  [hidden, 8],
  [2, hidden],
];

describe("gradient of a transformer block", () => {
  for (const symbolic of [false, true]) {
    test(`agrees with finite differences in every parameter, with ${symbolic ? "symbolic" : "known"} sizes and a ragged batch`, async () => {
      const operands = shapes(2, 4).map((shape, i) => {
        if (i === 1) return { shape, dtype: "bool", values: [1, 1, 1, 1, 1, 1, 0, 0] } as const;
        if (i === 2) return { shape, dtype: "int64", values: [0, 1] } as const;
        return {
          shape,
          values: within(
            shape.reduce((p, d) => p * d, 1),
            31 * i,
            -0.9,
            0.9,
          ),
        };
      });
      for (const seed of [1, 2, 3]) await checkGradient({ operands, build: block, seed, symbolic });
    });
  }

  test("adds no Transpose but those of the heads, no Where, and few nodes per op of the forward pass", () => {
    const g = new Graph();
    const b = new Builder(g);
    const [batch, length] = [g.env.symbol(2), g.env.symbol(4)];
    const inputs = shapes(2, 4).map((shape, i) => {
      const dims = i === 0 ? [batch, length, hidden] : i === 1 ? [batch, length] : i === 2 ? [batch, 1] : shape;
      return g.input(`x${i}`, i === 1 ? "bool" : i === 2 ? "int64" : "float32", dims);
    });
    const loss = block(b, inputs);
    const before = g.nodes.length;
    const gradients = differentiate(g, { loss, wrt: inputs.slice(3) });
    assert.equal(gradients.size, inputs.length - 3);
    const ops = g.nodes.slice(before).map((n) => n.op);
    assert.equal(ops.filter((op) => op === "Transpose").length, 4);
    assert.equal(ops.filter((op) => op === "Where").length, 0);
    assert.ok(ops.length < 3.5 * before, `${ops.length} backward nodes for ${before} forward: ${ops.join()}`);
  });
});
