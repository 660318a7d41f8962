// Gradients of GELU, in float32 as its kernel is, against the closed forms, and by finite differences of the composed forms.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { differentiate } from "../../src/autograd/index.js";
import { Builder, Graph, type Value } from "../../src/graph/index.js";
import { checkGradient, gradientsOf, within } from "./gradcheck.js";

/** erf by its Taylor series: exact to rounding for |x| < 4. */
function erf(x: number): number {
  let term = x;
  let sum = x;
  for (let n = 1; n < 120; n++) {
    term *= (-x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}
const forms = {
  none: (x: number) => (x * (1 + erf(x / Math.SQRT2))) / 2,
  tanh: (x: number) => (x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))) / 2,
} as const;

describe("gradients of GELU", () => {
  for (const approximate of ["none", "tanh"] as const) {
    test(`Gelu with approximate "${approximate}" has the slope of its closed form`, async () => {
      const values = within(200, 5, -5, 5);
      const { gradients } = await gradientsOf({
        operands: [{ shape: [200], dtype: "float32", values }],
        build: (b, [x]) => b.op("Gelu", [x!], { approximate }),
        seed: 5,
      });
      const weights = within(200, 5 + 7919, -1, 1);
      for (const [i, x] of values.entries()) {
        const slope = (forms[approximate](x + 1e-5) - forms[approximate](x - 1e-5)) / 2e-5;
        assert.ok(Math.abs(Number(gradients[0]!.data[i]) - weights[i]! * slope) < 2e-6, `at ${x}`);
      }
    });
  }

  test("GELU composed of Tanh, in float64, by finite differences", async () => {
    await checkGradient({
      operands: [{ shape: [3, 4] }],
      build: (b, [x]) => {
        const inner = b.mulScalar(b.add(x!, b.mulScalar(b.pow(x!, b.scalar(3, "float64")), 0.044715)), Math.sqrt(2 / Math.PI));
        return b.mul(b.mulScalar(x!, 0.5), b.addScalar(b.unary("Tanh", inner), 1));
      },
      seed: 2,
    });
  });

  test("the exact form takes ten nodes, none of them a Where", () => {
    const g = new Graph();
    const b = new Builder(g);
    const x = g.input("x", "float32", [g.env.symbol(4), 8]);
    const y: Value = b.op("Gelu", [x]);
    const before = g.nodes.length;
    differentiate(g, { loss: b.reduce("ReduceSum", y, undefined), wrt: [x] });
    const ops = g.nodes
      .slice(before)
      .filter((n) => n.name.includes("Gelu/"))
      .map((n) => n.op);
    assert.equal(ops.length, 10, ops.join());
    assert.ok(!ops.includes("Where"));
  });
});
