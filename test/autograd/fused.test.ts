// Gradient rules of the fused ops: what they emit, decomposed, is what differentiating the op's decomposition gives, in float64; and what their shape rules refuse.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fc } from "../support/properties.js";
import { differentiate } from "../../src/autograd/index.js";
import { type Attributes, Builder, float, Graph, type TensorData, typedArray, type Value } from "../../src/graph/index.js";
import { decompose } from "../../src/graph/passes/decompose.js";
import { evaluate } from "../support/evaluate.js";
import { within } from "./gradcheck.js";

interface Operand {
  readonly shape: readonly number[];
  readonly values: readonly number[];
  readonly dtype?: "int64" | "float64";
}
interface Case {
  readonly op: string;
  readonly operands: readonly (Operand | undefined)[];
  readonly attributes?: Attributes;
  /** Outputs that the loss reads. */
  readonly read?: readonly number[];
}
const sizeOf = (shape: readonly number[]): number => shape.reduce((p, d) => p * d, 1);
const numbers = (shape: readonly number[], seed: number): Operand => ({ shape, values: within(sizeOf(shape), seed, -1.5, 1.5) });
const fused = (node: { readonly domain: string; readonly op: string }): boolean => node.domain === "accelerate_ts" && node.op !== "Dropout";

/** Gradients of all float operands, with the op decomposed before or after it is differentiated. */
async function gradients({ op, operands, attributes = {}, read = [0] }: Case, first: boolean): Promise<TensorData[]> {
  const graph = new Graph();
  const b = new Builder(graph);
  const feeds = new Map<Value, TensorData>();
  const inputs = operands.map((o, i) => {
    if (!o) return undefined;
    const { shape, values, dtype = "float64" } = o;
    const value = graph.input(`x${i}`, dtype, shape);
    feeds.set(value, { dtype, shape, data: typedArray(dtype, values) });
    return value;
  });
  const outputs = graph.add(op, inputs, attributes, { domain: "accelerate_ts" });
  // A loss to which every element counts differently.
  const parts = read.map((i) => {
    const y = b.op("Reshape", [outputs[i]!, b.int64([-1])]);
    return b.reduce("ReduceSum", b.mul(y, b.unary("Cos", b.addScalar(b.mulScalar(y, 1.7), i))), undefined);
  });
  graph.output(b.sumOf(parts));
  if (first) decompose(graph, fused);
  const wrt = inputs.filter((v) => v?.dtype === "float64") as Value[];
  const found = differentiate(graph, { loss: graph.outputs[0]!, wrt });
  graph.outputs.splice(0, 1, ...wrt.map((v) => found.get(v)!));
  decompose(graph, fused);
  return evaluate(graph, feeds, graph.outputs);
}

async function check(c: Case, tolerance = 1e-9): Promise<void> {
  const [want, got] = [await gradients(c, true), await gradients(c, false)];
  for (const [i, { data, shape }] of want.entries()) {
    assert.deepEqual(got[i]!.shape, shape);
    const values = Array.from(data as Float64Array);
    const most = Math.max(1, ...values.map(Math.abs));
    for (const [k, v] of values.entries()) assert.ok(Math.abs(v - Number(got[i]!.data[k])) <= tolerance * most, `gradient ${i}: ${got[i]!.data[k]} for ${v}`);
  }
}

const seeds = fc.nat(10_000);
const shapes = fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 }), fc.integer({ min: 2, max: 5 }));
const runs = { numRuns: 12 };

describe("gradients of fused ops", () => {
  test("DropoutAddLayerNorm, of its result, or of its sum, too", async () => {
    const given = fc.record({ bias: fc.boolean(), residual: fc.boolean(), shift: fc.boolean(), key: fc.boolean(), sum: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(shapes, given, seeds, (shape, has, seed) => {
        const n = shape[2];
        const operands = [
          numbers(shape, seed),
          has.bias ? numbers([n], seed + 1) : undefined,
          has.residual ? numbers(shape, seed + 2) : undefined,
          numbers([n], seed + 3),
          has.shift ? numbers([n], seed + 4) : undefined,
          has.key ? { shape: [4], dtype: "int64" as const, values: [seed, 0, 1, 2] } : undefined,
        ];
        const attributes = { epsilon: float(1e-2), ratio: float(0.3), site: 1 };
        // Mean and deviation are saved in float32.
        return check({ op: "DropoutAddLayerNorm", operands, attributes, read: has.sum ? [0, 1] : [0] }, 5e-6);
      }),
      runs,
    );
  });

  // The engine has no Erf of float64: that form is compared in float32, with its kernel.
  test("BiasGelu in the form with tanh", async () => {
    await fc.assert(
      fc.asyncProperty(shapes, fc.boolean(), seeds, (shape, biased, seed) =>
        check({ op: "BiasGelu", operands: [numbers(shape, seed), biased ? numbers([shape[2]], seed + 1) : undefined], attributes: { approximate: "tanh" } }),
      ),
      runs,
    );
  });

  test("MaskedSoftmax, of the scores and of masks that broadcast", async () => {
    await fc.assert(
      fc.asyncProperty(shapes, fc.nat(7), seeds, (shape, ones, seed) => {
        const mask = shape.map((d, i) => ((ones >> i) & 1 ? 1 : d));
        return check({ op: "MaskedSoftmax", operands: [numbers(shape, seed), numbers(mask, seed + 1)] });
      }),
      runs,
    );
  });

  test("CrossEntropy with ignored rows and smoothing", async () => {
    await fc.assert(
      fc.asyncProperty(shapes, fc.constantFrom(0, 0.25), seeds, ([rows, more, classes], smoothing, seed) => {
        const labels = within(rows * more, seed, 0, classes).map((v, i) => (i % 4 === 3 ? -100 : Math.floor(v)));
        const operands = [numbers([rows, more, classes], seed + 1), { shape: [rows, more], dtype: "int64" as const, values: labels }];
        return check({ op: "CrossEntropy", operands, attributes: { smoothing: float(smoothing) } });
      }),
      runs,
    );
  });

  test("where only the sum of DropoutAddLayerNorm is read, the gradient goes around the normalization", async () => {
    const graph = new Graph();
    const b = new Builder(graph);
    const [x, residual] = [graph.input("x", "float32", [2, 4]), graph.input("residual", "float32", [2, 4])];
    const scale = graph.input("scale", "float32", [4]);
    const [, sum] = graph.add("DropoutAddLayerNorm", [x, undefined, residual, scale], {}, { domain: "accelerate_ts" });
    const loss = b.reduce("ReduceSum", sum!, undefined);
    const found = differentiate(graph, { loss, wrt: [x, residual, scale] });
    assert.deepEqual([found.has(x), found.has(residual), found.has(scale)], [true, true, false]);
    assert.ok(!graph.nodes.some((n) => n.op === "DropoutAddLayerNormGrad"));
  });
});

describe("fused ops refuse", () => {
  const refuses = (op: string, shapesOf: readonly (readonly (number | string)[] | undefined)[], message: RegExp, integers: readonly number[] = []) => {
    const graph = new Graph();
    const inputs = shapesOf.map((shape, i) => shape && graph.input(`x${i}`, integers.includes(i) ? "int64" : "float32", shape));
    assert.throws(() => graph.add(op, inputs, {}, { domain: "accelerate_ts" }), message);
  };
  test("vectors that are not over the last dim", () => {
    refuses("DropoutAddLayerNorm", [[2, 4], [3], undefined, [4]], /x1 \[3\] must be one number for each of the last dim of \[2, 4\]/);
    refuses(
      "BiasGelu",
      [
        [2, 4],
        [2, 4],
      ],
      /the bias \[2, 4\] must be one number for each/,
    );
  });
  test("a residual that broadcasts", () => refuses("DropoutAddLayerNorm", [[2, 4], undefined, [1, 4], [4]], /the residual \[1, 4\] is not like x \[2, 4\]/));
  test("a mask that makes scores larger", () =>
    refuses(
      "MaskedSoftmax",
      [
        [1, 4],
        [2, 4],
      ],
      /does not broadcast/,
    ));
  test("labels of other rows", () =>
    refuses(
      "CrossEntropy",
      [
        [2, 3, 5],
        [2, 4],
      ],
      /x1 \[2, 4\] must have one number for each row of \[2, 3, 5\]/,
      [1],
    ));
  test("places of four coordinates, and of other rows", () => {
    refuses("Dropout", [[6, 4], [4], [6, 4]], /int64 \[rows, 1 to 3\] as the places of rows, got \[6, 4\]/, [1, 2]);
    refuses("Dropout", [[6, 4], [4], [5, 2]], /places \[5, 2\] are not one for each row of \[6, 4\]/, [1, 2]);
  });
});
