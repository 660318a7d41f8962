// The kernels of the fused ops against their decompositions, over shapes, seeds, optional inputs, instruction sets and numbers of threads.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fc } from "../support/properties.js";
import { Builder, float, Graph, typedArray } from "../../src/graph/index.js";
import { within } from "../autograd/gradcheck.js";
import { evaluate } from "../support/evaluate.js";
import { checkOp, type OpInput } from "./compare.js";

const sizeOf = (shape: readonly number[]): number => shape.reduce((p, d) => p * d, 1);
const floats = (shape: readonly number[], seed: number, low = -2, high = 2): OpInput => ({ shape, values: within(sizeOf(shape), seed, low, high) });
const key = (seed: number): OpInput => ({ shape: [4], dtype: "int64", values: [seed, 1, 7, 0] });
/** Somewhere in a tensor of rank k + 1. */
const places = (rows: number, k: number, seed: number): OpInput => ({
  shape: [rows, k],
  dtype: "int64",
  values: within(rows * k, seed, 0, 50).map(Math.floor),
});

const seeds = fc.nat(100_000);
/** Widths around those of vectors, and of a model. */
const columns = fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constantFrom(48, 64, 100, 384));
const leading = fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 0, maxLength: 3 });
const runs = { numRuns: 20 };

const rowsOf = (lead: readonly number[]): number => sizeOf(lead);

test("DropoutAddLayerNorm with and without each of its inputs is its decomposition", async () => {
  const given = fc.record({ bias: fc.boolean(), residual: fc.boolean(), shift: fc.boolean(), mask: fc.constantFrom("none", "key", "places") });
  await fc.assert(
    fc.asyncProperty(leading, columns, given, fc.constantFrom(0, 0.1, 0.9), seeds, async (lead, n, has, ratio, seed) => {
      const shape = [...lead, n];
      await checkOp({
        op: "DropoutAddLayerNorm",
        inputs: [
          floats(shape, seed),
          has.bias ? floats([n], seed + 1) : undefined,
          has.residual ? floats(shape, seed + 2) : undefined,
          floats([n], seed + 3),
          has.shift ? floats([n], seed + 4) : undefined,
          has.mask === "none" ? undefined : key(seed),
          has.mask === "places" ? places(rowsOf(lead), 1 + (seed % 3), seed) : undefined,
        ],
        attributes: { epsilon: float(1e-3), ratio: float(ratio), site: 3 },
        tolerance: 1e-5,
      });
    }),
    runs,
  );
});

test("DropoutAddLayerNormGrad with and without each of its inputs and outputs is its decomposition", async () => {
  const given = fc.record({ dsum: fc.boolean(), mask: fc.constantFrom("none", "key", "places"), outputs: fc.subarray([0, 1, 2, 3, 4], { minLength: 1 }) });
  await fc.assert(
    fc.asyncProperty(leading, columns, given, fc.constantFrom(0, 0.1, 0.9), seeds, async (lead, n, has, ratio, seed) => {
      const shape = [...lead, n];
      const rows = [...lead, 1];
      await checkOp({
        op: "DropoutAddLayerNormGrad",
        inputs: [
          floats(shape, seed),
          has.dsum ? floats(shape, seed + 1) : undefined,
          floats(shape, seed + 2),
          floats(rows, seed + 3, -0.1, 0.1),
          floats(rows, seed + 4, 0.5, 2),
          floats([n], seed + 5),
          has.mask === "none" ? undefined : key(seed),
          has.mask === "places" ? places(rowsOf(lead), 1 + (seed % 3), seed) : undefined,
        ],
        attributes: { ratio: float(ratio), site: 9 },
        outputs: has.outputs,
        tolerance: 1e-5,
      });
    }),
    runs,
  );
});

test("sums over many rows are the same bits with any number of threads", async () => {
  for (const rows of [31, 64, 500, 1100]) {
    const n = 24;
    const inputs = [
      floats([rows, n], 1),
      undefined,
      floats([rows, n], 2),
      floats([rows, 1], 3, -0.1, 0.1),
      floats([rows, 1], 4, 0.5, 2),
      floats([n], 5),
      key(1),
    ];
    await checkOp({ op: "DropoutAddLayerNormGrad", inputs, attributes: { ratio: float(0.1), site: 1 }, tolerance: 1e-5 }, [1, 2, 5, 40]);
    await checkOp({ op: "BiasGeluGrad", inputs: [floats([rows, n], 6), floats([rows, n], 7), floats([n], 8)], tolerance: 1e-5 }, [1, 2, 5, 40]);
  }
});

test("BiasGelu and its gradient are their decompositions, far from 0, too", async () => {
  await fc.assert(
    fc.asyncProperty(leading, columns, fc.constantFrom("none", "tanh"), fc.boolean(), seeds, async (lead, n, approximate, biased, seed) => {
      const [x, dy, bias] = [floats([...lead, n], seed, -12, 12), floats([...lead, n], seed + 1), biased ? floats([n], seed + 2) : undefined];
      await checkOp({ op: "BiasGelu", inputs: [x, bias], attributes: { approximate } });
      const outputs = bias ? fc.sample(fc.subarray([0, 1], { minLength: 1 }), { numRuns: 1, seed })[0]! : [0];
      await checkOp({ op: "BiasGeluGrad", inputs: [dy, x, bias], attributes: { approximate }, outputs, tolerance: 4e-6 });
    }),
    runs,
  );
});

test("MaskedSoftmax with masks of every broadcast is softmax of the sum; what is masked is 0", async () => {
  const shapes = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 0, maxLength: 3 });
  await fc.assert(
    fc.asyncProperty(shapes, columns, fc.nat(15), fc.nat(4), fc.boolean(), seeds, async (lead, n, ones, cut, masked, seed) => {
      const shape = [...lead, n];
      const mask = shape.map((d, i) => ((ones >> i) & 1 ? 1 : d)).slice(Math.min(cut, shape.length));
      const bias = masked ? { shape: mask, values: within(sizeOf(mask), seed + 1, -1, 1).map((v) => (v > 0.4 ? -3.4028234663852886e38 : v)) } : undefined;
      await checkOp({ op: "MaskedSoftmax", inputs: [floats(shape, seed, -8, 8), bias] });
    }),
    runs,
  );
});

test("SoftmaxGrad is its decomposition", async () => {
  await fc.assert(
    fc.asyncProperty(leading, columns, seeds, async (lead, n, seed) => {
      await checkOp({ op: "SoftmaxGrad", inputs: [floats([...lead, n], seed), floats([...lead, n], seed + 1, 0, 1)] });
    }),
    runs,
  );
});

test("CrossEntropy and its gradient with ignored rows, labels from the end and smoothing are their decompositions", async () => {
  const lead = fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 2 });
  await fc.assert(
    fc.asyncProperty(
      lead,
      columns,
      fc.constantFrom<"int64" | "int32">("int64", "int32"),
      fc.constantFrom(0, 0.1),
      seeds,
      async (shape, classes, dtype, smoothing, seed) => {
        const labels: OpInput = { shape, dtype, values: within(sizeOf(shape), seed, -classes, classes).map((v, i) => (i % 3 === 2 ? -100 : Math.floor(v))) };
        const logits = floats([...shape, classes], seed + 1, -6, 6);
        const attributes = { ignore_index: -100, smoothing: float(smoothing) };
        await checkOp({ op: "CrossEntropy", inputs: [logits, labels], attributes, outputs: seed % 2 ? [0] : [0, 1] });
        await checkOp({ op: "CrossEntropyGrad", inputs: [floats(shape, seed + 2), logits, labels, floats(shape, seed + 3, 4, 9)], attributes });
      },
    ),
    runs,
  );
});

test("rows that are picked and told their places keep the masks that they have in the whole tensor", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 3 }),
      columns,
      fc.integer({ min: 1, max: 9 }),
      seeds,
      async (lead, n, count, seed) => {
        const graph = new Graph();
        const b = new Builder(graph);
        const x = graph.input("x", "float32", [...lead, n]);
        const words = graph.input("key", "int64", [4]);
        const picks = Array.from({ length: count }, (_, r) => lead.map((d, k) => (seed * (r + 3) + 7 * k) % d));
        const at = b.constant({ dtype: "int64", shape: [count, lead.length], data: typedArray("int64", picks.flat()) });
        const dropout = (...inputs: Parameters<Builder["op"]>[1]) => b.op("Dropout", inputs, { ratio: float(0.4), site: 2 }, { domain: "accelerate_ts" });
        const whole = b.op("GatherND", [dropout(x, words), at]);
        const picked = dropout(b.op("GatherND", [x, at]), words, at);
        const feeds = new Map([
          [x, { dtype: "float32" as const, shape: [...lead, n], data: typedArray("float32", within(sizeOf(lead) * n, seed, 1, 2)) }],
          [words, { dtype: "int64" as const, shape: [4], data: typedArray("int64", [seed, 0, 1, 2]) }],
        ]);
        const [expected, found] = await evaluate(graph, feeds, [whole, picked]);
        assert.deepEqual(found, expected);
      },
    ),
    runs,
  );
});

test("what does not fit is told by name: labels that are no class, vectors and places of other sizes", async () => {
  const given = (inputs: readonly (OpInput | undefined)[], op: string) => {
    const graph = new Graph();
    const feeds = new Map();
    // Sizes that only the run tells: the shape rules cannot object.
    const values = inputs.map((input, i) => {
      if (!input) return undefined;
      const { shape, values: numbers, dtype = "float32" } = input;
      const value = graph.input(`x${i}`, dtype, op === "CrossEntropy" || dtype === "int64" ? shape : shape.map((_, d) => `s${i}_${d}`));
      feeds.set(value, { dtype, shape, data: typedArray(dtype, numbers) });
      return value;
    });
    return evaluate(graph, feeds, [graph.add(op, values, {}, { domain: "accelerate_ts" })[0]!]);
  };
  const labels: OpInput = { shape: [3], dtype: "int64", values: [0, 7, -9] };
  await assert.rejects(given([floats([3, 4], 1), labels], "CrossEntropy"), /label 7 at place 1 is none of the 4 classes/);
  await assert.rejects(given([floats([3, 4], 1), floats([5], 2)], "BiasGelu"), /GELU of 4 columns got a bias of 5/);
  await assert.rejects(given([floats([3, 4], 1), undefined, undefined, floats([5], 2)], "DropoutAddLayerNorm"), /4 columns got a vector of 5/);
  await assert.rejects(given([floats([3, 4], 1), floats([2, 4], 2)], "MaskedSoftmax"), /the mask does not broadcast to the scores/);
  await assert.rejects(given([floats([3, 1, 4], 1), key(1), places(2, 2, 1)], "Dropout"), /1 to 3 coordinates for each of the 3 rows/);
});
