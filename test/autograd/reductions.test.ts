// Gradients of reductions against finite differences, over any axes.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fc } from "../support/properties.js";
import { sizeOf } from "../../src/graph/index.js";
import { runs, seeds, shapes } from "./arbitraries.js";
import { apart, checkGradient, gradientsOf, within } from "./gradcheck.js";

const shapeAndAxes = shapes(0, 4).chain((shape) => {
  const axes = fc.uniqueArray(fc.integer({ min: 0, max: Math.max(0, shape.length - 1) }), { minLength: 1, maxLength: Math.max(1, shape.length) });
  const signed = fc.tuple(axes, fc.boolean()).map(([list, negative]) => list.map((a) => (negative ? a - shape.length : a)));
  return fc.tuple(fc.constant(shape), shape.length === 0 ? fc.constant(undefined) : fc.option(signed, { nil: undefined }));
});

describe("gradients of reductions", () => {
  const ops = ["ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSumExp"];
  for (const op of ops) {
    test(`${op} over any axes, with and without keepdims`, async () => {
      await fc.assert(
        fc.asyncProperty(shapeAndAxes, fc.boolean(), seeds, fc.boolean(), ([shape, axes], keep, seed, symbolic) =>
          checkGradient({
            operands: [{ shape, values: apart(sizeOf(shape), seed) }],
            build: (b, [x]) => b.op(op, axes ? [x!, b.int64(axes)] : [x!], { keepdims: Number(keep) }),
            seed,
            symbolic,
          }),
        ),
        { numRuns: 20 },
      );
    });
  }

  test("CumSum from either end, with and without the element itself", async () => {
    for (const exclusive of [0, 1]) {
      for (const reverse of [0, 1]) {
        await checkGradient({ operands: [{ shape: [3, 4] }], build: (b, [x]) => b.op("CumSum", [x!, b.scalar(1, "int64")], { exclusive, reverse }), seed: 6 });
      }
    }
  });

  test("equal maxima share the gradient evenly", async () => {
    const { gradients } = await gradientsOf({
      operands: [{ shape: [1, 4], values: [3, 1, 3, 3] }],
      build: (b, [x]) => b.reduce("ReduceMax", x!, [1]),
      seed: 2,
    });
    const share = within(1, 2 + 7919, -1, 1)[0]! / 3;
    assert.deepEqual(
      Array.from(gradients[0]!.data as Float64Array, (g) => g + 0),
      [share, 0, share, share],
    );
  });

  test("a reduction over no axes that is a no-op passes the gradient on", async () => {
    await fc.assert(
      fc.asyncProperty(shapes(0, 3), seeds, (shape, seed) =>
        checkGradient({ operands: [{ shape }], build: (b, [x]) => b.op("ReduceSum", [x!], { keepdims: 1, noop_with_empty_axes: 1 }), seed }),
      ),
      runs,
    );
  });
});
