// Gradients of matrix products against finite differences, with all flags, vectors and broadcast batches.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fc } from "../support/properties.js";
import { differentiate } from "../../src/autograd/index.js";
import { Builder, Graph } from "../../src/graph/index.js";
import { broadcasting, dims, seeds } from "./arbitraries.js";
import { checkGradient } from "./gradcheck.js";

const swap = (shape: readonly number[], flag: boolean): number[] => (flag ? [...shape.slice(0, -2), shape.at(-1)!, shape.at(-2)!] : [...shape]);

describe("gradients of matrix products", () => {
  test("MatMul and FusedMatMul, with every flag and broadcast batch dims", async () => {
    await fc.assert(
      fc.asyncProperty(
        broadcasting(2, 2),
        fc.tuple(dims, dims, dims),
        fc.boolean(),
        fc.boolean(),
        fc.constantFrom(1, 0.25, -1.5),
        seeds,
        fc.boolean(),
        ([p, q], [m, k, n], transposeA, transposeB, alpha, seed, symbolic) => {
          const operands = [{ shape: swap([...p!, m, k], transposeA) }, { shape: swap([...q!, k, n], transposeB) }];
          return checkGradient({ operands, build: (b, [x, y]) => b.matmul(x!, y!, { transposeA, transposeB, alpha }), seed, symbolic });
        },
      ),
      { numRuns: 60 },
    );
  });

  test("MatMul of vectors, from the left, the right and both", async () => {
    for (const symbolic of [false, true]) {
      for (const [a, c] of [
        [[3], [3]],
        [[2, 3], [3]],
        [[3], [3, 2]],
        [[4, 2, 3], [3]],
        [[3], [4, 3, 2]],
      ]) {
        await checkGradient({ operands: [{ shape: a! }, { shape: c! }], build: (b, [x, y]) => b.matmul(x!, y!), seed: 6, symbolic });
      }
    }
  });

  test("Gemm with every flag, alpha, beta and shape of C", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.tuple(dims, dims, dims),
        fc.boolean(),
        fc.boolean(),
        fc.constantFrom(undefined, "full", "row", "column", "scalar"),
        seeds,
        fc.boolean(),
        ([m, k, n], transposeA, transposeB, c, seed, symbolic) => {
          const shapesOfC = { full: [m, n], row: [n], column: [m, 1], scalar: [] } as const;
          const operands = [{ shape: swap([m, k], transposeA) }, { shape: swap([k, n], transposeB) }, ...(c ? [{ shape: shapesOfC[c] }] : [])];
          return checkGradient({
            operands,
            build: (b, [x, y, z]) => b.gemm(x!, y!, z, { transposeA, transposeB, alpha: 0.5, beta: z ? -2 : 1 }),
            seed,
            symbolic,
          });
        },
      ),
      { numRuns: 30 },
    );
  });

  test("a weight matrix gets its gradient in one product over all rows, without transposes or a sum over the batch", () => {
    const g = new Graph();
    const b = new Builder(g);
    const x = g.input("x", "float32", [g.env.symbol(8), g.env.symbol(16), 32]);
    const w = g.input("w", "float32", [64, 32]);
    const loss = b.reduce("ReduceSum", b.matmul(x, w, { transposeB: true }), undefined);
    const before = g.nodes.length;
    const gradients = differentiate(g, { loss, wrt: [x, w] });
    const ops = g.nodes.slice(before).map((n) => n.op);
    assert.ok(!ops.includes("Transpose") && !ops.includes("ReduceSum"), ops.join());
    assert.equal(gradients.get(w)!.producer!.op, "FusedMatMul");
    assert.equal(gradients.get(w)!.producer!.inputs[0]!.rank, 2);
  });
});
