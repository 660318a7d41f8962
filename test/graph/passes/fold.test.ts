// Folding: constants are what the engine computes of them, identities go, and nothing else changes.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fc } from "../../support/properties.js";
import { differentiate } from "../../../src/autograd/index.js";
import { Builder, type DType, float, Graph, sizeOf, type TensorData, typedArray, type Value } from "../../../src/graph/index.js";
import { fold } from "../../../src/graph/passes/fold.js";
import { fuse } from "../../../src/graph/passes/fuse.js";
import { grow, sizePairs, stepLists } from "../random-graphs.js";
import { within } from "../../autograd/gradcheck.js";
import { evaluate } from "../../support/evaluate.js";

type Make = (b: Builder, constant: (shape: readonly number[], values: readonly number[], dtype?: DType) => Value) => Value;
const whole = [3, -7, 0, 5, 2, -1];
const real = [1.5, -2.25, 0, 0.1, 1e-3, 2.5];

/** Ops on constants, as exporters write them. */
const cases: Readonly<Record<string, Make>> = {
  "sums of int64": (b, c) => b.add(c([2, 3], whole, "int64"), c([3], [1, 2, 3], "int64")),
  "differences of float32": (b, c) => b.sub(c([2, 1], [0.1, 0.7]), c([3], [0.3, 1e8, -0.2])),
  "products of float32": (b, c) => b.mul(c([6], real), c([], [0.1])),
  "products of int32": (b, c) => b.mul(c([6], whole, "int32"), c([], [3], "int32")),
  "quotients of int64, towards 0": (b, c) => b.div(c([6], whole, "int64"), c([], [2], "int64")),
  "quotients of float32": (b, c) => b.div(c([6], real), c([], [3])),
  "remainders with the divisor's sign": (b, c) => b.op("Mod", [c([6], whole, "int64"), c([], [-3], "int64")]),
  "the lesser": (b, c) => b.op("Min", [c([6], whole, "int64"), c([], [2], "int64")]),
  "the greater": (b, c) => b.op("Max", [c([6], real), c([], [0.5])]),
  comparisons: (b, c) => b.op("Greater", [c([6], whole, "int64"), c([], [0], "int64")]),
  equality: (b, c) => b.op("Equal", [c([6], real), c([], [0.1])]),
  "conditions on conditions": (b, c) => b.op("And", [b.unary("Not", c([2], [0, 1], "bool")), c([2], [1, 1], "bool")]),
  "a choice": (b, c) => b.where(c([2, 1], [0, 1], "bool"), c([3], [1, 2, 3]), c([], [-1])),
  "casts to int64": (b, c) => b.cast(c([6], real), "int64"),
  "casts to bool": (b, c) => b.cast(c([6], real), "bool"),
  "casts to float32": (b, c) => b.cast(c([2], [16777217, -3], "int64"), "float32"),
  roots: (b, c) => b.unary("Sqrt", c([3], [2, 64, 1e-20])),
  "rounding to even": (b, c) => b.unary("Round", c([6], [0.5, 1.5, 2.5, -0.5, -1.5, 2.4])),
  "absolute values": (b, c) => b.unary("Abs", c([6], whole, "int64")),
  reshapes: (b, c) => b.op("Reshape", [c([2, 3], real), b.int64([0, -1, 1])]),
  unsqueezes: (b, c) => b.unsqueeze(c([2, 3], real), [0, -1]),
  squeezes: (b, c) => b.squeeze(c([1, 6, 1], real), [0]),
  transposes: (b, c) => b.transpose(c([1, 2, 3], real), [2, 0, 1]),
  expansions: (b, c) => b.op("Expand", [c([2, 1], [1, 2]), b.int64([2, 2, 3])]),
  concatenations: (b, c) => b.concat([c([1], [4], "int64"), c([2], [5, 6], "int64")], 0),
  "picks along an axis": (b, c) => b.gather(c([2, 3], real), b.int64([-1, 0]), 1),
  slices: (b, c) => b.op("Slice", [c([2, 3], real), b.int64([-2, 0]), b.int64([2 ** 40, 1]), b.int64([1, 0])]),
  ranges: (b, c) => b.op("Range", [c([], [7], "int64"), c([], [0], "int64"), c([], [-2], "int64")]),
  "tensors of one number": (b) => b.op("ConstantOfShape", [b.int64([2, 2])], { value: { dtype: "float32", shape: [1], data: Float32Array.of(0.25) } }),
  "constants as nodes": (b) => b.op("Constant", [], { value_floats: { floats: [1, 2.5] } }),
};

function built(make: Make): Graph {
  const graph = new Graph();
  const b = new Builder(graph);
  graph.output(make(b, (shape, values, dtype = "float32") => graph.constant({ dtype, shape, data: typedArray(dtype, values) })));
  return graph;
}

/** An output, or what an Identity makes it of. */
function outputOf(graph: Graph, i: number): Value {
  const node = graph.outputs[i]!.producer;
  return node?.op === "Identity" ? node.inputs[0]! : graph.outputs[i]!;
}

describe("folding computes as the engine does:", () => {
  for (const [name, make] of Object.entries(cases)) {
    it(name, async () => {
      const [graph, folded] = [built(make), built(make)];
      assert.ok(fold(folded) > 0);
      const [want] = await evaluate(graph, new Map(), graph.outputs);
      assert.deepEqual(outputOf(folded, 0).constant, want);
      assert.equal(fold(folded), 0);
    });
  }
});

describe("folding", () => {
  it("takes identities out, and leaves what is detached", () => {
    const graph = new Graph();
    const b = new Builder(graph);
    const x = graph.input("x", "float32", [2, 3]);
    const key = graph.input("key", "int64", [4]);
    const plain = b.op("Dropout", [b.mulScalar(b.unary("Identity", x), 1), key], { ratio: float(0), site: 0 }, { domain: "accelerate_ts" });
    const same = b.op("Reshape", [b.div(b.add(plain, b.scalar(0, "float32")), b.scalar(1, "float32")), b.int64([2, 3])]);
    const detached = b.op("Identity", [same], { _detach: 1 });
    graph.output(b.mul(same, detached));
    const loss = b.reduce("ReduceSum", graph.outputs[0]!, undefined);
    graph.output(loss);
    fold(graph);
    assert.deepEqual(
      graph.nodes.map((n) => n.op),
      ["Identity", "Mul", "ReduceSum"],
    );
    assert.ok(differentiate(graph, { loss: graph.outputs[1]!, wrt: [x] }).get(x));
  });

  it("keeps an addition of 0 that broadcasts", () => {
    const graph = new Graph();
    const b = new Builder(graph);
    const x = graph.input("x", "float32", [3]);
    graph.output(b.add(x, b.constant({ dtype: "float32", shape: [2, 3], data: new Float32Array(6) })));
    assert.equal(fold(graph), 0);
  });

  it("leaves great constants to the engine", () => {
    const graph = new Graph();
    const b = new Builder(graph);
    graph.output(b.fill([100, 100], 1, "float32"));
    assert.equal(fold(graph), 0);
  });

  it("knows sizes that are numbers, and those that are not", () => {
    const graph = new Graph();
    const b = new Builder(graph);
    const x = graph.input("x", "float32", ["B", 3]);
    b.source(x);
    graph.output(b.op("Shape", [x], { start: 1 }));
    graph.output(b.op("Shape", [x]));
    fold(graph);
    assert.deepEqual(Array.from(outputOf(graph, 0).constant!.data as BigInt64Array), [3n]);
    assert.equal(graph.outputs[1]!.producer!.op, "Shape");
  });

  it("and fusion of random graphs change no output", async () => {
    await fc.assert(
      fc.asyncProperty(stepLists, sizePairs, fc.boolean(), async (list, pair, symbolic) => {
        const [{ graph, sizes }, { graph: changed }] = [grow(list, pair, symbolic), grow(list, pair, symbolic)];
        fold(changed);
        fuse(changed);
        const fed = (g: Graph): Map<Value, TensorData> =>
          new Map(
            g.inputs.map((v, i) => {
              const shape = v.shape.map((d) => g.env.evaluate(d, sizes));
              return [v, { dtype: "float32" as const, shape, data: Float32Array.from(within(sizeOf(shape), i + 3, -2, 2)) }];
            }),
          );
        const [want, got] = [await evaluate(graph, fed(graph), graph.outputs), await evaluate(changed, fed(changed), changed.outputs)];
        for (const [i, { shape, data }] of want.entries()) {
          assert.deepEqual(got[i]!.shape, shape);
          for (const [k, w] of Array.from(data as Float32Array).entries()) {
            const g = Number(got[i]!.data[k]);
            assert.ok(Object.is(g, w) || Math.abs(g - w) <= 1e-4 * Math.max(1, Math.abs(w)), `output ${i}: ${g} for ${w}`);
          }
        }
      }),
      { numRuns: 40 },
    );
  });
});
