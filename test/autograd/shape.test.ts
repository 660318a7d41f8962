// Gradients of ops that move or repeat elements against finite differences.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fc } from "../support/properties.js";
import { differentiate } from "../../src/autograd/index.js";
import { Builder, Graph } from "../../src/graph/index.js";
import { dims, runs, seeds, shapes } from "./arbitraries.js";
import { checkGradient } from "./gradcheck.js";

const shapeAndAxis = (min: number) => shapes(min, 3).chain((shape) => fc.tuple(fc.constant(shape), fc.integer({ min: 0, max: shape.length - 1 })));

describe("gradients of moving and repeating", () => {
  test("Reshape with copied, open and computed dims", async () => {
    await fc.assert(
      fc.asyncProperty(fc.tuple(dims, dims, dims), fc.integer({ min: 0, max: 4 }), seeds, fc.boolean(), (shape, form, seed, symbolic) =>
        checkGradient({
          operands: [{ shape }],
          build: (b, [x]) => {
            const [d0, d1, d2] = x!.shape as [number, number, number];
            const { env } = b.graph;
            const targets = [[-1], [0, -1], [0, 0, 0, 1], [env.mul(d0, d1), d2], [d2, d1, d0]];
            const target = targets[form]!;
            return b.op("Reshape", [x!, target.every((d) => typeof d === "number") ? b.int64(target as number[]) : b.sizes(target, [x!])]);
          },
          seed,
          symbolic,
        }),
      ),
      { numRuns: 20 },
    );
  });

  test("splitting the last dim into heads and back needs no run-time shapes in backward", () => {
    const g = new Graph();
    const b = new Builder(g);
    const x = g.input("x", "float32", [g.env.symbol(8), g.env.symbol(16), 32]);
    const heads = b.transpose(b.op("Reshape", [x, b.int64([0, 0, 4, 8])]), [0, 2, 1, 3]);
    const joined = b.op("Reshape", [b.transpose(heads, [0, 2, 1, 3]), b.int64([0, 0, 32])]);
    const seedless = b.mul(joined, joined);
    const loss = b.reduce("ReduceSum", seedless, undefined);
    const before = g.nodes.length;
    differentiate(g, { loss, wrt: [x] });
    const shapesRead = g.nodes.slice(before).filter((n) => n.op === "Shape" && n.inputs[0] !== seedless);
    assert.deepEqual(
      shapesRead.map((n) => n.name),
      [],
    );
  });

  test("Flatten, Squeeze and Unsqueeze", async () => {
    await fc.assert(
      fc.asyncProperty(shapeAndAxis(1), seeds, fc.boolean(), ([shape, axis], seed, symbolic) =>
        checkGradient({
          operands: [{ shape }],
          build: (b, [x]) => [b.op("Flatten", [x!], { axis }), b.unsqueeze(x!, [axis, shape.length + 1]), b.squeeze(b.unsqueeze(x!, [axis]), [axis])],
          seed,
          symbolic,
        }),
      ),
      runs,
    );
  });

  test("Transpose by any perm, and by the reversal that is its default", async () => {
    const shapeAndPerm = shapes(1, 4).chain((shape) =>
      fc.tuple(
        fc.constant(shape),
        fc.shuffledSubarray(
          shape.map((_, i) => i),
          { minLength: shape.length },
        ),
      ),
    );
    await fc.assert(
      fc.asyncProperty(shapeAndPerm, seeds, fc.boolean(), ([shape, perm], seed, symbolic) =>
        checkGradient({ operands: [{ shape }], build: (b, [x]) => [b.op("Transpose", [x!], { perm }), b.op("Transpose", [x!])], seed, symbolic }),
      ),
      runs,
    );
  });

  test("Expand to more and to bigger dims", async () => {
    await fc.assert(
      fc.asyncProperty(
        shapes(1, 3),
        fc.array(fc.boolean(), { minLength: 3, maxLength: 3 }),
        fc.integer({ min: 0, max: 3 }),
        seeds,
        (target, ones, from, seed) => {
          const shape = target.map((d, i) => (ones[i] ? 1 : d)).slice(from);
          return checkGradient({ operands: [{ shape }], build: (b, [x]) => b.expand(x!, target), seed });
        },
      ),
      runs,
    );
    await checkGradient({
      operands: [{ shape: [3, 1] }, { shape: [2, 3, 4] }],
      build: (b, [x, like]) => b.mul(b.expand(x!, like!.shape, [like!]), like!),
      seed: 4,
      symbolic: true,
    });
  });

  test("Tile", async () => {
    await fc.assert(
      fc.asyncProperty(shapes(1, 3), seeds, fc.boolean(), (shape, seed, symbolic) =>
        checkGradient({ operands: [{ shape }], build: (b, [x]) => b.op("Tile", [x!, b.int64(shape.map((_, i) => 1 + ((seed >> i) % 3)))]), seed, symbolic }),
      ),
      runs,
    );
  });

  test("Concat along any axis, all or some of its inputs wanted", async () => {
    await fc.assert(
      fc.asyncProperty(
        shapeAndAxis(1),
        fc.array(fc.tuple(dims, fc.boolean()), { minLength: 1, maxLength: 4 }),
        seeds,
        fc.boolean(),
        ([shape, axis], parts, seed, symbolic) => {
          const operands = parts.map(([size, gradient]) => ({ shape: shape.map((d, i) => (i === axis ? size : d)), gradient }));
          if (!parts.some(([, gradient]) => gradient)) operands[0] = { ...operands[0]!, gradient: true };
          return checkGradient({ operands, build: (b, inputs) => b.concat(inputs, axis - (seed % 2 ? shape.length : 0)), seed, symbolic });
        },
      ),
      { numRuns: 20 },
    );
  });

  test("Split along any axis, into given and equal parts, with parts that the loss does not read", async () => {
    await fc.assert(
      fc.asyncProperty(shapeAndAxis(1), fc.array(dims, { minLength: 1, maxLength: 3 }), seeds, fc.boolean(), ([given, axis], parts, seed, all) => {
        const shape = given.map((d, i) => (i === axis ? parts.reduce((p, n) => p + n, 0) : d));
        return checkGradient({
          operands: [{ shape }],
          build: (b, [x]) => {
            const out = b.ops("Split", [x!, b.int64(parts)], { axis }, { outputs: parts.length });
            return all ? out : out.slice(0, 1);
          },
          seed,
        });
      }),
      { numRuns: 20 },
    );
    await checkGradient({
      operands: [{ shape: [3, 6] }],
      build: (b, [x]) => b.ops("Split", [x!], { axis: 1, num_outputs: 3 }, { outputs: 3 })[1]!,
      seed: 2,
      symbolic: true,
    });
  });
});
