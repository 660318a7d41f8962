// Expressions over masks and labels evaluated without the engine are what the engine makes of them.
import assert from "node:assert/strict";
import { it } from "node:test";
import { fc } from "../../support/properties.js";
import { Builder } from "../../../src/graph/builder.js";
import { float, Graph, type TensorData, typedArray, type Value } from "../../../src/graph/index.js";
import { Evaluation, inputsOf } from "../../../src/graph/passes/rows/evaluate.js";
import { evaluate } from "../../support/evaluate.js";

type Make = (b: Builder, x: Value, y: Value) => Value;
const first = (b: Builder, x: Value) => b.slice(x, 1, 0, 1);
/** x and y are int64 [B, S]. */
const expressions: Readonly<Record<string, Make>> = {
  "an additive mask": (b, x) => b.mulScalar(b.addScalar(b.mulScalar(b.cast(b.cast(x, "bool"), "float32"), -1), 1), -3.4028234663852886e38),
  "a mask by Where": (b, x) => b.where(b.op("Equal", [x, b.scalar(0, "int64")]), b.scalar(-Infinity, "float32"), b.scalar(0, "float32")),
  "arithmetic of whole numbers": (b, x, y) => b.sub(b.add(b.mul(x, y), b.neg(y)), b.op("Div", [x, b.addScalar(b.unary("Abs", y), 1)])),
  "comparisons and logic": (b, x, y) =>
    b.op("Or", [
      b.op("And", [b.op("Less", [x, y]), b.unary("Not", b.op("Equal", [x, b.scalar(1, "int64")]))]),
      b.op("Xor", [b.op("GreaterOrEqual", [x, y]), b.cast(y, "bool")]),
    ]),
  "labels of the next token": (b, x) =>
    b.concat([b.slice(x, 1, 1, Number.MAX_SAFE_INTEGER), b.expand(b.scalar(-100, "int64"), b.op("Shape", [first(b, x)]))], 1),
  "a slice backwards": (b, x) => b.slice(x, 1, -1, -1000, -2),
  "places that are not zero": (b, x) => b.transpose(b.op("NonZero", [x]), [1, 0]),
  "the last token": (b, x) => b.op("ArgMax", [b.cast(b.cast(x, "bool"), "float32")], { axis: 1, keepdims: 0, select_last_index: 1 }),
  "the first token": (b, x) => b.op("ArgMin", [x], { axis: -1, keepdims: 1 }),
  "lengths against places": (b, x) => {
    const places = b.op("Range", [b.scalar(0, "int64"), b.squeeze(b.op("Shape", [x], { start: 1, end: 2 }), [0]), b.scalar(1, "int64")]);
    return b.op("Less", [places, b.reduce("ReduceSum", b.cast(b.cast(x, "bool"), "int64"), [1], true)]);
  },
  "running counts of flat rows": (b, x) => b.op("CumSum", [b.op("Reshape", [x, b.int64([-1])]), b.scalar(0, "int64")]),
  "rows picked": (b, x, y) =>
    b.gather(b.op("Reshape", [x, b.int64([-1])]), b.op("Mod", [b.unary("Abs", first(b, y)), b.op("Shape", [x], { start: 1, end: 2 })]), 0),
  "extremes and bounds": (b, x, y) =>
    b.op("Max", [
      b.op("Min", [x, y]),
      b.op("Clip", [x, b.scalar(-1, "int64"), b.scalar(2, "int64")]),
      b.reduce("ReduceMax", y, [0], true),
      b.reduce("ReduceMin", x, undefined),
    ]),
  "dims put in and taken out": (b, x) => b.squeeze(b.transpose(b.unsqueeze(x, [0, 2]), [3, 1, 0, 2]), [2]),
};

it("expressions over fed numbers have the engine's values", async () => {
  const sizes = fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 5 }));
  const rows = sizes.chain(([r, c]) =>
    fc.tuple(fc.constant([r, c]), ...[0, 1].map(() => fc.array(fc.integer({ min: -3, max: 3 }), { minLength: r * c, maxLength: r * c }))),
  );
  await fc.assert(
    fc.asyncProperty(rows, async ([shape, ...values]) => {
      const graph = new Graph();
      const b = new Builder(graph);
      const fed = new Map<Value, TensorData>();
      const [x, y] = values.map((numbers, i) => {
        const input = graph.input(
          `x${i}`,
          "int64",
          (shape as readonly number[]).map((d) => graph.env.symbol(d)),
        );
        fed.set(input, { dtype: "int64", shape: shape as readonly number[], data: typedArray("int64", numbers as number[]) });
        return input;
      }) as [Value, Value];
      const made = Object.entries(expressions).map(([name, make]) => [name, make(b, x, y)] as const);
      const want = await evaluate(
        graph,
        fed,
        made.map(([, value]) => value),
      );
      const evaluation = new Evaluation(fed);
      for (const [i, [name, value]] of made.entries()) {
        assert.ok(
          inputsOf([value], () => 1)!.every((input) => fed.has(input)),
          name,
        );
        const got = evaluation.of(value);
        assert.deepEqual([...got.shape], [...want[i]!.shape], name);
        assert.deepEqual(
          Array.from(got.data, (n) => n + 0),
          Array.from(want[i]!.data as Float32Array, (n) => Number(n) + 0),
          name,
        );
      }
    }),
    { numRuns: 12 },
  );
});

it("numbers beyond 32 bits, and negative ones, are read from int64", () => {
  const graph = new Graph();
  const x = graph.input("x", "int64", [3]);
  const data = BigInt64Array.of(2n ** 40n + 5n, -100n, -(2n ** 35n));
  assert.deepEqual([...new Evaluation(new Map([[x, { shape: [3], data }]])).of(x).data], [2 ** 40 + 5, -100, -(2 ** 35)]);
});

it("what other ops make, or what is large, is no expression", () => {
  const graph = new Graph();
  const b = new Builder(graph);
  const x = graph.input("x", "float32", [2, 2]);
  assert.equal(
    inputsOf([b.op("LayerNormalization", [x, graph.input("w", "float32", [2])], { axis: -1, epsilon: float(1) })], () => 1),
    undefined,
  );
  assert.equal(
    inputsOf([b.neg(x)], () => 1 << 22),
    undefined,
  );
  assert.deepEqual(
    inputsOf([b.neg(x)], () => 4),
    [x],
  );
});
