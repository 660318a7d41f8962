// Gradients of arithmetic with broadcasting against finite differences.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fc } from "../support/properties.js";
import { sizeOf } from "../../src/graph/index.js";
import { broadcasting, runs, seeds, shapes } from "./arbitraries.js";
import { apart, checkGradient, gradientsOf, within } from "./gradcheck.js";

describe("gradients of arithmetic", () => {
  for (const op of ["Add", "Sub", "Mul", "Div"]) {
    test(`${op} sums the gradient over broadcast dims`, async () => {
      await fc.assert(
        fc.asyncProperty(broadcasting(2), seeds, fc.boolean(), ([a, c], seed, symbolic) => {
          const operands = [{ shape: a! }, { shape: c!, values: within(sizeOf(c!), seed + 1, 0.5, 2) }];
          return checkGradient({ operands, build: (b, [x, y]) => b.op(op, [x!, y!]), seed, symbolic });
        }),
        runs,
      );
    });
    test(`${op} of a value with itself counts both uses`, async () => {
      await checkGradient({ operands: [{ shape: [3], values: [0.5, 1.5, -2] }], build: (b, [x]) => b.op(op, [x!, x!]), seed: 4 });
    });
  }

  test("Sum of one to four values sends the gradient to each", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 4 }).chain((n) => broadcasting(n)),
        seeds,
        fc.boolean(),
        (given, seed, symbolic) => checkGradient({ operands: given.map((shape) => ({ shape })), build: (b, inputs) => b.op("Sum", inputs), seed, symbolic }),
      ),
      runs,
    );
  });

  test("Mean sends each of its inputs an equal share, in float32 as its kernel is", async () => {
    const operands = [[2, 3], [3], [2, 1]].map((shape) => ({ shape, dtype: "float32" }) as const);
    await checkGradient({ operands, build: (b, inputs) => b.op("Mean", inputs), seed: 4, step: 5e-3, tolerance: 2e-3 });
  });

  test("Pow has the gradient of base and exponent", async () => {
    await fc.assert(
      fc.asyncProperty(broadcasting(2), seeds, fc.boolean(), ([a, c], seed, symbolic) =>
        checkGradient({
          operands: [{ shape: a!, values: within(sizeOf(a!), seed, 0.3, 2) }, { shape: c! }],
          build: (b, [x, y]) => b.pow(x!, y!),
          seed,
          symbolic,
        }),
      ),
      runs,
    );
  });

  for (const exponent of [0.5, 1, 2, 3, -1, 4, 1.5]) {
    test(`x to the constant ${exponent} has the gradient ${exponent} x^(${exponent}-1)`, async () => {
      const values = Number.isInteger(exponent) ? [0.5, -1.5, 2, -0.3] : [0.5, 1.5, 2, 0.3];
      await checkGradient({ operands: [{ shape: [2, 2], values }], build: (b, [x]) => b.pow(x!, b.scalar(exponent, "float64")), seed: 8 });
    });
  }

  test("x to the constant 0 gets no gradient, to a fed 0 a gradient of 0, at x = 0 too", async () => {
    const constant = await gradientsOf({
      operands: [{ shape: [2], values: [0, 2] }],
      build: (b, [x]) => b.add(b.pow(x!, b.scalar(0, "float64")), b.mulScalar(x!, 0.5)),
      seed: 1,
    });
    const fed = await gradientsOf({
      operands: [
        { shape: [2], values: [0, 2] },
        { shape: [2], values: [0, 0], gradient: false },
      ],
      build: (b, [x, p]) => b.pow(x!, p!),
      seed: 1,
    });
    assert.ok(constant.gradients[0]);
    assert.deepEqual(Array.from(fed.gradients[0]!.data as Float64Array, Math.abs), [0, 0]);
  });

  test("the gradient of an exponent is 0 where the base is 0", async () => {
    const { gradients } = await gradientsOf({
      operands: [
        { shape: [2], values: [0, 0], gradient: false },
        { shape: [2], values: [2, 0.5] },
      ],
      build: (b, [x, p]) => b.pow(x!, p!),
      seed: 1,
    });
    assert.deepEqual(Array.from(gradients[1]!.data as Float64Array, Math.abs), [0, 0]);
  });

  for (const op of ["Max", "Min"]) {
    test(`${op} sends the gradient to the operand that was taken`, async () => {
      await fc.assert(
        fc.asyncProperty(broadcasting(2), seeds, fc.boolean(), ([a, c], seed, symbolic) => {
          const values = apart(sizeOf(a!) + sizeOf(c!), seed);
          const operands = [
            { shape: a!, values: values.slice(0, sizeOf(a!)) },
            { shape: c!, values: values.slice(sizeOf(a!)) },
          ];
          return checkGradient({ operands, build: (b, [x, y]) => b.op(op, [x!, y!]), seed, symbolic });
        }),
        runs,
      );
    });
    test(`${op} of equal operands gives each half`, async () => {
      const { gradients } = await gradientsOf({
        operands: [
          { shape: [3], values: [1, 2, 3] },
          { shape: [3], values: [1, 2, 3] },
        ],
        build: (b, [x, y]) => b.op(op, [x!, y!]),
        seed: 2,
      });
      const half = within(3, 2 + 7919, -1, 1).map((w) => w / 2);
      for (const g of gradients) assert.deepEqual(Array.from(g!.data as Float64Array), half);
    });
  }

  test("chains of arithmetic have the gradient of their composition", async () => {
    await fc.assert(
      fc.asyncProperty(shapes(1, 3), seeds, fc.boolean(), (shape, seed, symbolic) =>
        checkGradient({
          operands: [{ shape, values: within(sizeOf(shape), seed, 0.5, 2) }, { shape }],
          build: (b, [x, y]) => b.div(b.mul(b.add(x!, y!), b.unary("Exp", y!)), b.add(b.mul(x!, x!), b.unary("Sqrt", x!))),
          seed,
          symbolic,
        }),
      ),
      runs,
    );
  });
});
