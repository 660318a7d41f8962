// Gradients of element-wise functions against finite differences.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fc } from "../support/properties.js";
import { dtypes, float, sizeOf } from "../../src/graph/index.js";
import { runs, seeds, shapes } from "./arbitraries.js";
import { apart, checkGradient, gradientsOf, random, within } from "./gradcheck.js";

type Values = (n: number, seed: number) => number[];
const anywhere: Values = (n, seed) => within(n, seed, -1.5, 1.5);
const positive: Values = (n, seed) => within(n, seed, 0.3, 2.5);
const awayFromKinks: Values = (n, seed) => apart(n, seed);

/** Ops of one operand with values from where they are smooth. */
const unary: Readonly<Record<string, Values>> = {
  Identity: anywhere,
  Neg: anywhere,
  Exp: anywhere,
  Tanh: anywhere,
  Sigmoid: anywhere,
  Sin: anywhere,
  Cos: anywhere,
  Sqrt: positive,
  Log: positive,
  Reciprocal: positive,
  Abs: awayFromKinks,
  Relu: awayFromKinks,
};

/** Ops whose kernel knows float32 only, with their alpha. */
const single = [["Softplus"], ["Tan"], ["Atan"], ["Sinh"], ["Cosh"], ["LeakyRelu", 0.2], ["Elu", 1], ["Elu", 0.4]] as const;

describe("gradients of element-wise functions", () => {
  for (const [op, values] of Object.entries(unary)) {
    test(`${op} has the slope of its finite differences`, async () => {
      await fc.assert(
        fc.asyncProperty(shapes(0, 3), seeds, fc.boolean(), (shape, seed, symbolic) =>
          checkGradient({ operands: [{ shape, values: values(sizeOf(shape), seed) }], build: (b, [x]) => b.unary(op, x!), seed, symbolic }),
        ),
        runs,
      );
    });
  }

  for (const [op, alpha] of single) {
    test(`${op}${alpha === undefined ? "" : ` with alpha ${alpha}`} has the slope of its finite differences, in float32 as its kernel is`, async () => {
      const values = apart(20, 3, 0.08);
      const attributes = alpha === undefined ? {} : { alpha: float(alpha) };
      await checkGradient({
        operands: [{ shape: [4, 5], dtype: "float32", values }],
        build: (b, [x]) => b.op(op, [x!], attributes),
        seed: 3,
        step: 5e-3,
        tolerance: 2e-3,
      });
    });
  }

  test("Erf has the slope 2/sqrt(pi) exp(-x^2), in float32 as its kernel is", async () => {
    const values = within(50, 3, -3, 3);
    const { gradients } = await gradientsOf({ operands: [{ shape: [50], dtype: "float32", values }], build: (b, [x]) => b.unary("Erf", x!), seed: 3 });
    const weights = within(50, 3 + 7919, -1, 1);
    for (const [i, x] of values.entries())
      assert.ok(Math.abs(Number(gradients[0]!.data[i]) - weights[i]! * (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x)) < 1e-6);
  });

  test("the slope of Abs and Relu at 0 is 0", async () => {
    for (const op of ["Abs", "Relu"]) {
      const { gradients } = await gradientsOf({ operands: [{ shape: [3], values: [0, 0, 0] }], build: (b, [x]) => b.unary(op, x!), seed: 1 });
      assert.deepEqual(Array.from(gradients[0]!.data as Float64Array, Math.abs), [0, 0, 0], op);
    }
  });

  test("Cast between floats casts the gradient back", async () => {
    const { gradients } = await gradientsOf({
      operands: [{ shape: [2, 3] }, { shape: [2, 3], dtype: "float32" }],
      build: (b, [x, y]) => b.mul(x!, b.cast(y!, "float64")),
      seed: 5,
    });
    assert.deepEqual(
      gradients.map((g) => g!.dtype),
      ["float64", "float32"],
    );
    const weights = within(6, 5 + 7919, -1, 1);
    const x = within(6, 5, -1.5, 1.5);
    for (let i = 0; i < 6; i++) assert.ok(Math.abs(Number(gradients[1]!.data[i]) - weights[i]! * x[i]!) < 1e-6);
  });

  test("a Cast to integers stops the gradient", async () => {
    const { gradients } = await gradientsOf({
      operands: [{ shape: [4] }, { shape: [4] }],
      build: (b, [x, y]) => b.mul(x!, b.cast(b.op("Cast", [y!], { to: dtypes.int64.onnx }), "float64")),
      seed: 5,
    });
    assert.ok(gradients[0]);
    assert.equal(gradients[1], undefined);
  });

  test("Where sends the gradient to the side that was taken, with broadcasting of all three", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(
          [
            [2, 3],
            [2, 3],
            [2, 3],
          ],
          [[2, 1], [3], []],
          [[3], [2, 3], [2, 1]],
          [
            [1, 1],
            [4, 1, 2],
            [3, 1],
          ],
        ),
        seeds,
        fc.boolean(),
        (given, seed, symbolic) => {
          const [condition, a, c] = given as readonly (readonly number[])[] as readonly [readonly number[], readonly number[], readonly number[]];
          const next = random(seed);
          const values = Array.from({ length: sizeOf(condition) }, () => (next() < 0.5 ? 1 : 0));
          return checkGradient({
            operands: [{ shape: condition, dtype: "bool", values }, { shape: a }, { shape: c }],
            build: (b, [q, x, y]) => b.where(q!, x!, y!),
            seed,
            symbolic,
          });
        },
      ),
      runs,
    );
  });

  test("Clip passes the gradient between its bounds", async () => {
    await fc.assert(
      fc.asyncProperty(shapes(1, 3), seeds, fc.constantFrom([-0.52, 0.31], [-0.52, undefined], [undefined, 0.31]), (shape, seed, [low, high]) =>
        checkGradient({
          operands: [{ shape, values: apart(sizeOf(shape), seed) }],
          build: (b, [x]) =>
            b.op("Clip", [x!, low === undefined ? undefined : b.scalar(low, "float64"), high === undefined ? undefined : b.scalar(high, "float64")]),
          seed,
        }),
      ),
      runs,
    );
  });
});
