// The gradient of dropout under a fixed key: the mask of the forward pass.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { float } from "../../src/graph/index.js";
import { seeds, shapes } from "./arbitraries.js";
import { checkGradient, gradientsOf, within } from "./gradcheck.js";

describe("gradient of dropout", () => {
  test("is that of the mask which the key draws, by finite differences", async () => {
    await fc.assert(
      fc.asyncProperty(shapes(1, 4), seeds, fc.constantFrom(0, 0.1, 0.5, 1), fc.boolean(), (shape, seed, ratio, symbolic) =>
        checkGradient({
          operands: [{ shape }, { shape: [4], dtype: "int64", values: [seed, 0, 3, 1], known: true }],
          build: (b, [x, key]) => b.op("Dropout", [x!, key!], { ratio: float(ratio), site: 5 }, { domain: "accelerate_ts" }),
          seed,
          symbolic,
        }),
      ),
      { numRuns: 16 },
    );
  });

  test("is 0 or w/(1-p) for each element, 0 for about p of them", async () => {
    const { gradients } = await gradientsOf({
      operands: [
        { shape: [50, 40], dtype: "float32" },
        { shape: [4], dtype: "int64", values: [42, 0, 1, 0] },
      ],
      build: (b, [x, key]) => b.op("Dropout", [x!, key!], { ratio: float(0.25), site: 1 }, { domain: "accelerate_ts" }),
      seed: 4,
    });
    const w = within(2000, 4 + 7919, -1, 1);
    let dropped = 0;
    for (const [i, g] of Array.from(gradients[0]!.data as Float32Array).entries()) {
      if (g === 0) dropped++;
      else assert.ok(Math.abs(g - w[i]! / 0.75) < 1e-6);
    }
    assert.ok(Math.abs(dropped / 2000 - 0.25) < 0.05, `${dropped} of 2000 dropped`);
  });
});
