// Gradients of ops that pick elements against finite differences.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fc } from "../support/properties.js";
import { differentiate } from "../../src/autograd/index.js";
import { Builder, Graph, sizeOf } from "../../src/graph/index.js";
import { runs, seeds, shapes } from "./arbitraries.js";
import { apart, checkGradient, gradientsOf, random, within } from "./gradcheck.js";

const shapeAndAxis = shapes(1, 3).chain((shape) => fc.tuple(fc.constant(shape), fc.integer({ min: 0, max: shape.length - 1 })));
const integers = (n: number, seed: number, low: number, high: number): number[] => within(n, seed, low, high).map(Math.floor);

describe("gradients of picking", () => {
  test("Gather with indices of any rank and sign, along any axis", async () => {
    await fc.assert(
      fc.asyncProperty(
        shapeAndAxis,
        shapes(0, 2),
        seeds,
        fc.boolean(),
        fc.constantFrom("int64", "int32"),
        ([shape, axis], indexShape, seed, symbolic, dtype) => {
          const size = shape[axis]!;
          const operands = [{ shape }, { shape: indexShape, dtype, values: integers(sizeOf(indexShape), seed, -size, size) } as const];
          return checkGradient({ operands, build: (b, [x, i]) => b.gather(x!, i!, axis), seed, symbolic });
        },
      ),
      { numRuns: 20 },
    );
  });

  test("Gather of one constant index, as in x.at(0), is padding in backward", async () => {
    await fc.assert(
      fc.asyncProperty(shapeAndAxis, seeds, fc.boolean(), fc.boolean(), ([shape, axis], seed, vector, symbolic) => {
        const at = integers(1, seed, -shape[axis]!, shape[axis]!)[0]!;
        return checkGradient({ operands: [{ shape }], build: (b, [x]) => b.gather(x!, vector ? b.int64([at]) : b.scalar(at, "int64"), axis), seed, symbolic });
      }),
      { numRuns: 20 },
    );
    const g = new Graph();
    const b = new Builder(g);
    const x = g.input("x", "float32", [g.env.symbol(2), g.env.symbol(8), 4]);
    const loss = b.reduce("ReduceSum", b.gather(x, b.scalar(0, "int64"), 1), undefined);
    assert.equal(differentiate(g, { loss, wrt: [x] }).get(x)!.producer!.op, "Pad");
  });

  test("the padding row of an embedding gets no gradient", async () => {
    const { gradients } = await gradientsOf({
      operands: [{ shape: [3, 2] }, { shape: [4], dtype: "int64", values: [0, 2, 2, 1] }],
      build: (b, [table, ids]) => b.op("Gather", [table!, ids!], { axis: 0, _padding_idx: 0 }),
      seed: 3,
    });
    const w = within(8, 3 + 7919, -1, 1);
    assert.deepEqual(Array.from(gradients[0]!.data as Float64Array), [0, 0, w[6], w[7], w[2]! + w[4]!, w[3]! + w[5]!]);
  });

  test("GatherElements adds up what is picked twice", async () => {
    await fc.assert(
      fc.asyncProperty(shapeAndAxis, fc.integer({ min: 1, max: 5 }), seeds, fc.boolean(), ([shape, axis], count, seed, symbolic) => {
        const indexShape = shape.map((d, i) => (i === axis ? count : d));
        const values = integers(sizeOf(indexShape), seed, 0, shape[axis]!);
        return checkGradient({
          operands: [{ shape }, { shape: indexShape, dtype: "int64", values }],
          build: (b, [x, i]) => b.gatherElements(x!, i!, axis),
          seed,
          symbolic,
        });
      }),
      runs,
    );
  });

  test("TopK sends the gradient to what was taken, Trilu to its triangle", async () => {
    await checkGradient({
      operands: [{ shape: [3, 5], values: apart(15, 4) }],
      build: (b, [x]) => b.ops("TopK", [x!, b.int64([2])], { axis: 1 }, { outputs: 2 })[0]!,
      seed: 4,
      symbolic: true,
    });
    for (const upper of [0, 1])
      await checkGradient({ operands: [{ shape: [2, 3, 4] }], build: (b, [x]) => b.op("Trilu", [x!, b.scalar(1, "int64")], { upper }), seed: 4 });
  });

  const bound = fc.integer({ min: -5, max: 6 });
  test("Slice with bounds of any sign, clamped to the dim", async () => {
    await fc.assert(
      fc.asyncProperty(shapeAndAxis, bound, bound, seeds, fc.boolean(), ([shape, axis], start, end, seed, symbolic) =>
        checkGradient({ operands: [{ shape }, { shape: [1] }], build: (b, [x, y]) => [b.slice(x!, axis, start, end), y!], seed, symbolic }),
      ),
      { numRuns: 30 },
    );
  });

  test("Slice of several axes at once, with steps of any sign", async () => {
    await fc.assert(
      fc.asyncProperty(fc.tuple(shapes(2, 2), fc.constantFrom([1, 2], [-1, 1], [2, -2], [-3, 2]), seeds, fc.boolean()), ([tail, steps, seed, symbolic]) => {
        const shape = [...tail, 3];
        const next = random(seed);
        const starts = steps.map((s, i) => (s > 0 ? Math.floor(next() * 2) : shape[i]! - 1));
        const ends = steps.map((s) => (s > 0 ? 2 ** 40 : -(2 ** 40)));
        return checkGradient({
          operands: [{ shape }, { shape: [1] }],
          build: (b, [x, y]) => [b.op("Slice", [x!, b.int64(starts), b.int64(ends), b.int64([0, 1]), b.int64(steps)]), y!],
          seed,
          symbolic,
        });
      }),
      { numRuns: 20 },
    );
  });

  test("Slice with bounds that are fed", async () => {
    await checkGradient({
      operands: [{ shape: [5, 2] }, { shape: [1], dtype: "int64", values: [1] }, { shape: [1], dtype: "int64", values: [4] }],
      build: (b, [x, start, end]) => b.reduce("ReduceSum", b.op("Slice", [x!, start!, end!, b.int64([0])]), [0]),
      seed: 3,
    });
  });

  test("Pad with zeros or another constant", async () => {
    await fc.assert(
      fc.asyncProperty(shapes(1, 3), seeds, fc.boolean(), (shape, seed, symbolic) =>
        checkGradient({
          operands: [{ shape }],
          build: (b, [x]) => b.op("Pad", [x!, b.int64(integers(2 * shape.length, seed, 0, 3)), b.scalar(0.5, "float64")]),
          seed,
          symbolic,
        }),
      ),
      runs,
    );
  });

  test("Pad in all modes, with negative counts, with axes, and with counts that are fed", async () => {
    for (const symbolic of [false, true]) {
      for (const [k, mode] of ["reflect", "edge", "wrap"].entries()) {
        await checkGradient({
          operands: [{ shape: [3, 4] }],
          build: (b, [x]) => b.op("Pad", [x!, b.int64([2, 1, 0, 3])], { mode }),
          seed: 40 + k,
          symbolic,
        });
      }
      await checkGradient({
        operands: [{ shape: [4, 5] }, { shape: [] }],
        build: (b, [x, value]) => b.op("Pad", [x!, b.int64([-1, 2, 1, -2]), value!, b.int64([0, -1])]),
        seed: 44,
        symbolic,
      });
    }
    await checkGradient({
      operands: [{ shape: [3, 2] }, { shape: [4], dtype: "int64", values: [1, 0, -1, 2], known: true }, { shape: [1] }],
      build: (b, [x, pads, value]) => b.reduce("ReduceSum", b.unary("Exp", b.op("Pad", [x!, pads!, value!])), undefined),
      seed: 45,
      symbolic: true,
    });
  });

  test("adding rows, and picking them again, twice differentiated", async () => {
    for (const [axis, padding] of [
      [0, -1],
      [1, -1],
      [0, 2],
    ] as const) {
      await checkGradient({
        operands: [{ shape: axis === 0 ? [3, 2, 4] : [5, 3, 2] }, { shape: axis === 0 ? [3, 2] : [3, 2], dtype: "int64", values: [0, 2, 2, 1, 0, 0] }],
        build: (b, [rows, at]) => {
          const dy = axis === 0 ? rows! : b.unsqueeze(rows!, [3]);
          const shape = axis === 0 ? [4, 4] : [5, 4, 1];
          return b.op("EmbeddingGrad", [at!, dy, b.int64(shape)], { axis, padding_idx: padding }, { domain: "accelerate_ts" });
        },
        seed: 50 + axis,
      });
    }
  });
});
