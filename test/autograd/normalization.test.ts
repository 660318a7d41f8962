// Gradients of Softmax, LogSoftmax and LayerNormalization.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fc } from "../support/properties.js";
import { float, sizeOf } from "../../src/graph/index.js";
import { dims, runs, seeds, shapes } from "./arbitraries.js";
import { checkGradient, gradientsOf, within } from "./gradcheck.js";

const shapeAndAxis = shapes(1, 4).chain((shape) => fc.tuple(fc.constant(shape), fc.integer({ min: -shape.length, max: shape.length - 1 })));

describe("gradients of normalizations", () => {
  for (const op of ["Softmax", "LogSoftmax"]) {
    test(`${op} along any axis`, async () => {
      await fc.assert(
        fc.asyncProperty(shapeAndAxis, seeds, fc.boolean(), ([shape, axis], seed, symbolic) =>
          checkGradient({ operands: [{ shape }], build: (b, [x]) => b.op(op, [x!], { axis }), seed, symbolic }),
        ),
        runs,
      );
    });
  }

  test("cross entropy: LogSoftmax with the picked element of each row", async () => {
    await fc.assert(
      fc.asyncProperty(dims, dims, seeds, fc.boolean(), (rows, classes, seed, symbolic) => {
        const labels = within(rows, seed, 0, classes).map(Math.floor);
        return checkGradient({
          operands: [{ shape: [rows, classes] }, { shape: [rows, 1], dtype: "int64", values: labels }],
          build: (b, [x, y]) => b.neg(b.reduce("ReduceMean", b.gatherElements(b.op("LogSoftmax", [x!], { axis: -1 }), y!, 1), undefined)),
          seed,
          symbolic,
        });
      }),
      runs,
    );
  });

  const layerNormCase = fc.record({
    lead: shapes(0, 2),
    rows: fc.integer({ min: 1, max: 2 }),
    columns: fc.integer({ min: 2, max: 6 }),
    two: fc.boolean(),
    bias: fc.boolean(),
  });
  test("LayerNormalization over the last one or two dims, with and without bias, by finite differences in float64", async () => {
    await fc.assert(
      fc.asyncProperty(layerNormCase, seeds, fc.boolean(), ({ lead, rows, columns, two, bias }, seed, symbolic) => {
        const tail = two ? [rows, columns] : [columns];
        const operands = [{ shape: [...lead, ...tail] }, { shape: tail }, ...(bias ? [{ shape: tail }] : [])];
        return checkGradient({
          operands,
          build: (b, inputs) => b.op("LayerNormalization", inputs, { axis: -tail.length, epsilon: float(1e-3) }),
          seed,
          symbolic,
          // The saved mean and inverse deviation are float32 (stash_type 1).
          tolerance: 2e-6,
        });
      }),
      { numRuns: 20 },
    );
  });

  test("LayerNormalization in float32, from its saved mean and deviation, has the gradient of float64", async () => {
    const shape = [2, 5, 16];
    const values = within(sizeOf(shape), 9, -2, 3);
    const scale = within(16, 10, 0.5, 1.5);
    const bias = within(16, 11, -1, 1);
    const [single, double] = await Promise.all(
      (["float32", "float64"] as const).map((dtype) =>
        gradientsOf({
          operands: [
            { shape, dtype, values },
            { shape: [16], dtype, values: scale },
            { shape: [16], dtype, values: bias },
          ],
          build: (b, inputs) => b.op("LayerNormalization", inputs, { epsilon: float(1e-5) }),
          seed: 9,
          symbolic: true,
        }),
      ),
    );
    for (const [i, gradient] of double!.gradients.entries()) {
      const expected = Array.from(gradient!.data as Float64Array);
      const largest = Math.max(...expected.map(Math.abs));
      for (const [j, e] of expected.entries()) assert.ok(Math.abs(Number(single!.gradients[i]!.data[j]) - e) <= 5e-6 * largest, `input ${i}, element ${j}`);
    }
  });

  test("only what is asked for is computed: frozen scale and bias, frozen input", async () => {
    for (const frozen of [0, 1, 2]) {
      const shapesOf = [[3, 4], [4], [4]];
      const operands = shapesOf.map((shape, i) => ({ shape, gradient: i !== frozen }));
      await checkGradient({ operands, build: (b, inputs) => b.op("LayerNormalization", inputs, { epsilon: float(1e-3) }), seed: 12 });
    }
  });

  test("a row of Softmax that sees nothing, whose NaN is replaced as exporters do it, has the gradient 0", async () => {
    const masked = [0, -Infinity, 0, -Infinity, -Infinity, -Infinity];
    const { gradients } = await gradientsOf({
      operands: [
        { shape: [2, 3], dtype: "float32" },
        { shape: [2, 3], dtype: "float32", values: masked, gradient: false },
      ],
      build: (b, [x, mask]) => {
        const y = b.op("Softmax", [b.add(x!, mask!)], { axis: -1 });
        return b.where(b.unary("IsNaN", y), b.scalar(0, "float32"), y);
      },
      seed: 4,
    });
    const found = Array.from(gradients[0]!.data as Float32Array);
    assert.ok(found[0] !== 0 && Math.abs(found[0]! + found[2]!) < 1e-6, `${found}`);
    assert.deepEqual([found[1], ...found.slice(3)], [0, 0, 0, 0]);
  });
});
