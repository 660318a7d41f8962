// What Attention means: its decomposition, forward and backward, against plain loops; and what its shape rule refuses.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fc } from "../support/properties.js";
import { Builder, float, Graph } from "../../src/graph/index.js";
import { attentionCases, attentionOracle, dataOf, tokens } from "./attention-cases.js";
import { runAttention } from "./attention-graph.js";

/** Fails where numbers differ by more than a share of the greatest. */
function near(got: Float64Array, want: Float64Array, tolerance: number, what: string): void {
  assert.equal(got.length, want.length, what);
  const greatest = want.reduce((a, x) => Math.max(a, Math.abs(x)), 1);
  for (const [i, x] of want.entries()) assert.ok(Math.abs(got[i]! - x) <= tolerance * greatest, `${what}[${i}] is ${got[i]}, not ${x}`);
}

test("the decomposition computes attention and its gradients, whatever is packed, masked, causal or dropped", async () => {
  await fc.assert(
    fc.asyncProperty(attentionCases({ size: 5, tokens: 6 }), async (c) => {
      const data = dataOf(c);
      const want = attentionOracle(c, data);
      const [y, lse, dq, dk, dv, dbias] = await runAttention(c, data, { dtype: "float64", decomposed: true, biasGradient: true });
      const few = 2e-7;
      near(y!, want.y, few, "y");
      // Where all keys of a query are masked, rounding absorbs the scores.
      if (c.bias !== "each") near(lse!, want.lse, few, "lse");
      near(dq!, want.dq, few, "dq");
      near(dk!, want.dk, few, "dk");
      near(dv!, want.dv, few, "dv");
      if (!dbias) return;
      if (dbias.length === want.dbias.length) return near(dbias, want.dbias, few, "dbias");
      const sums = new Float64Array(tokens(c.keys));
      for (const [j, [, token]] of c.keys.entries()) sums[token]! += want.dbias[j]!;
      near(dbias, sums, few, "dbias");
    }),
    { numRuns: 40 },
  );
});

test("the gradients of the plain loops are those of finite differences", () => {
  fc.assert(
    fc.property(attentionCases({ size: 4, tokens: 5 }), (c) => {
      const given = dataOf(c);
      // No bias that absorbs the scores.
      const data = { ...given, bias: given.bias.map((x) => Math.max(x, -3)) };
      const want = attentionOracle(c, data);
      const lossOf = (moved: typeof data) => attentionOracle(c, moved).y.reduce((sum, y, i) => sum + y * data.dy[i]!, 0);
      for (const [name, gradient] of [
        ["q", want.dq],
        ["k", want.dk],
        ["v", want.dv],
      ] as const) {
        const at = c.seed % data[name].length;
        const moved = (by: number) => ({ ...data, [name]: data[name].map((x, i) => (i === at ? x + by : x)) });
        const measured = (lossOf(moved(1e-5)) - lossOf(moved(-1e-5))) / 2e-5;
        assert.ok(Math.abs(measured - gradient[at]!) < 1e-5 * Math.max(1, Math.abs(measured)), `${name}: ${measured} and ${gradient[at]}`);
      }
    }),
    { numRuns: 60 },
  );
});

test("the shape rule names what does not fit", () => {
  const build = (qShape: number[], kShape: number[], vShape: number[], heads = 2, bias?: number[], places?: number[]) => {
    const graph = new Graph();
    const b = new Builder(graph);
    const input = (name: string, shape: number[]) => graph.input(name, "float32", shape);
    const inputs = [input("q", qShape), input("k", kShape), input("v", vShape), bias && input("bias", bias)];
    const all = places ? [...inputs, undefined, graph.input("places", "int64", places)] : inputs;
    return b.ops("Attention", all, { heads, scale: float(1) }, { domain: "accelerate_ts", outputs: 2 }).map((v) => v.shape);
  };
  assert.deepEqual(build([2, 3, 8], [2, 4, 8], [2, 4, 6]), [
    [2, 3, 6],
    [2, 3, 2],
  ]);
  assert.deepEqual(build([5, 8], [2, 4, 8], [2, 4, 6], 2, [2, 4], [5, 2]), [
    [5, 6],
    [5, 2],
  ]);
  assert.throws(() => build([2, 3, 8], [2, 4, 8], [2, 5, 8]), /must have the same rows/);
  assert.throws(() => build([2, 3, 8], [3, 4, 8], [3, 4, 8]), /different batches/);
  assert.throws(() => build([2, 3, 8], [2, 4, 8], [2, 4, 8], 3), /3 heads/);
  assert.throws(() => build([2, 3, 8], [2, 4, 8], [2, 4, 8], 0), /heads must be 1 or more/);
  assert.throws(() => build([2, 3, 8], [2, 4, 8], [2, 4, 8], 2, [2, 3]), /key bias/);
  assert.throws(() => build([5, 8], [2, 4, 8], [2, 4, 8]), /unless it has places/);
  assert.throws(() => build([5, 8], [2, 4, 8], [2, 4, 8], 2, undefined, [4, 2]), /places must be/);
});
