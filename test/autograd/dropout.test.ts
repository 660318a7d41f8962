// The gradient of dropout under a fixed key: the mask of the forward pass.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fc } from "../support/properties.js";
import { differentiate } from "../../src/autograd/index.js";
import { Builder, float, Graph, type TensorData, type Value } from "../../src/graph/index.js";
import { evaluate } from "../support/evaluate.js";
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

test("ONNX's Dropout passes on what it kept, and everything outside of training", async () => {
  for (const [ratio, training] of [
    [0.25, "constant"],
    [0.25, true],
    [0.25, false],
    [undefined, "constant"],
    [0.25, undefined],
  ] as const) {
    const g = new Graph();
    const b = new Builder(g);
    const x = g.input("x", "float32", [200]);
    const mode = training === undefined ? undefined : training === "constant" ? b.scalar(1, "bool") : g.input("training", "bool", []);
    const y = b.op("Dropout", [x, ratio === undefined ? undefined : b.scalar(ratio, "float32"), ...(mode ? [mode] : [])]);
    const w = b.constant({ dtype: "float32", shape: [200], data: Float32Array.from({ length: 200 }, (_, i) => Math.cos(i)) });
    const gradient = differentiate(g, { loss: b.reduce("ReduceSum", b.mul(y, w), undefined), wrt: [x] }).get(x)!;
    const feeds = new Map<Value, TensorData>([[x, { dtype: "float32", shape: [200], data: new Float32Array(200).fill(1) }]]);
    if (mode && !mode.constant) feeds.set(mode, { dtype: "bool", shape: [], data: Uint8Array.of(Number(training)) });
    const [kept, dx] = await evaluate(g, feeds, [y, gradient]);
    const off = training === undefined || training === false;
    for (const [i, v] of (kept!.data as Float32Array).entries()) {
      assert.ok(Math.abs(Number(dx!.data[i]) - Math.cos(i) * v) < 1e-5);
      if (off) assert.equal(v, 1);
    }
    if (!off) assert.ok((kept!.data as Float32Array).some((v) => v === 0));
  }
});
