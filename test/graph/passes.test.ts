// Dead code and equal constants: what goes, what stays, and that the outputs do not change.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fc } from "../support/properties.js";
import { Builder, fromOnnx, Graph, liveNodes, removeDeadCode, toOnnx } from "../../src/graph/index.js";
import { shareSubexpressions } from "../../src/graph/passes/common-subexpressions.js";
import { equalConstants } from "../../src/graph/passes/equal-constants.js";
import { evaluate } from "../support/evaluate.js";
import { grow, sizePairs, stepLists } from "./random-graphs.js";

test("nodes whose outputs reach no output of the graph go, with the constants that only they used; inputs stay", () => {
  const graph = new Graph();
  const b = new Builder(graph);
  const [x, unused] = [graph.input("x", "float32", [2]), graph.input("unused", "float32", [2])];
  const kept = b.mulScalar(x, 2);
  b.addScalar(b.unary("Tanh", kept), 3);
  b.neg(unused);
  graph.output(kept, "y");
  assert.equal(removeDeadCode(graph), 3);
  assert.deepEqual(
    graph.nodes.map((n) => n.op),
    ["Mul"],
  );
  assert.equal(graph.constants.length, 1);
  assert.deepEqual(
    graph.inputs.map((v) => v.name),
    ["x", "unused"],
  );
  assert.equal(removeDeadCode(graph), 0);
});

test("a node with one live output of several stays whole", () => {
  const graph = new Graph();
  const b = new Builder(graph);
  const [, right] = b.ops("Split", [graph.input("x", "float32", [4])], { num_outputs: 2 }, { outputs: 2 });
  graph.output(right!);
  assert.equal(removeDeadCode(graph), 0);
  assert.equal(graph.nodes[0]!.outputs.length, 2);
});

test("removal is the same as not writing: the file has the live nodes in order, and removing them changes no byte", () => {
  fc.assert(
    fc.property(stepLists, sizePairs, (list, sizes) => {
      const { graph } = grow(list, sizes, true);
      const before = toOnnx(graph);
      const live = liveNodes(graph);
      const needed = new Set(live.flatMap((n) => n.inputs));
      for (const node of graph.nodes)
        assert.equal(
          live.includes(node),
          node.outputs.some((v) => needed.has(v) || graph.outputs.includes(v)),
        );
      removeDeadCode(graph);
      assert.deepEqual(graph.nodes, live);
      assert.deepEqual(toOnnx(graph), before);
    }),
    { numRuns: 60 },
  );
});

test("outputs that an op may leave out are not asked for in the file", () => {
  const graph = new Graph();
  const b = new Builder(graph);
  const x = graph.input("x", "float32", [2, 3]);
  const [y, mean, deviation] = b.ops("LayerNormalization", [x, b.fill([3], 1, "float32")], {}, { outputs: 3 });
  graph.output(y!, "y");
  const outputs = () => fromOnnx(toOnnx(graph)).graph.nodes.find((n) => n.op === "LayerNormalization")!.outputs.length;
  assert.equal(outputs(), 1);
  graph.output(deviation!, "deviation");
  assert.equal(outputs(), 3);
  assert.ok(mean);
});

test("constants with the same bits are one in the file; -0 and 0, shapes and dtypes stay apart", () => {
  const graph = new Graph();
  const float32 = (values: number[], shape: number[]) => graph.constant({ dtype: "float32", shape, data: Float32Array.from(values) });
  const [a, b, negative, scalar, nan, nan2] = [
    float32([0], [1]),
    float32([0], [1]),
    float32([-0], [1]),
    float32([0], []),
    float32([Number.NaN], [1]),
    float32([Number.NaN], [1]),
  ];
  const int = graph.constant({ dtype: "int32", shape: [1], data: Int32Array.of(0) });
  const same = equalConstants(graph.constants);
  assert.equal(same.get(b!), a);
  assert.equal(same.get(nan2!), nan);
  for (const value of [a, negative, scalar, nan, int]) assert.equal(same.get(value!), value);
});

test("an output that is an input, a constant, or given twice comes through a copy", () => {
  const graph = new Graph();
  const b = new Builder(graph);
  const x = graph.input("x", "float32", [2]);
  const y = b.neg(x);
  graph.output(y, "y");
  graph.output(y, "again");
  graph.output(x);
  graph.output(b.scalar(1, "float32"), "one");
  const read = fromOnnx(toOnnx(graph)).graph;
  assert.equal(new Set(read.outputs).size, 4);
  assert.deepEqual(
    read.outputs.map((v) => v.producer?.op),
    ["Neg", "Identity", "Identity", "Identity"],
  );
  assert.deepEqual(read.outputs[0]!.name, "y");
});

test("equal nodes become one; random ones, other attributes and outputs of the graph stay", () => {
  const graph = new Graph();
  const b = new Builder(graph);
  const x = graph.input("x", "float32", ["B", 4]);
  const twice = [0, 1].map(() => b.reshape(b.mulScalar(x, 2), [-1]));
  const sum = b.add(twice[0]!, twice[1]!);
  const [low, high] = [b.op("Softmax", [x], { axis: 0 }), b.op("Softmax", [x], { axis: 1 })];
  const drops = [0, 1].map(() => b.op("Dropout", [x]));
  graph.output(b.sumOf([b.reshape(low, [-1]), b.reshape(high, [-1]), ...drops.map((d) => b.reshape(d, [-1])), sum]));
  graph.output(b.mulScalar(x, 2), "doubled");
  const replaced = shareSubexpressions(graph);
  assert.equal(replaced.get(twice[1]!), twice[0]);
  assert.deepEqual(sum.producer!.inputs, [twice[0], twice[0]]);
  const count = (op: string) => graph.nodes.filter((n) => n.op === op).length;
  assert.deepEqual([count("Mul"), count("Softmax"), count("Dropout"), count("Reshape")], [2, 2, 2, 5]);
  assert.equal(shareSubexpressions(graph).size, 0);
});

test("sharing subexpressions changes no output, bit for bit", async () => {
  await fc.assert(
    fc.asyncProperty(stepLists, sizePairs, async (list, sizes) => {
      // Every step twice, so that there is something to share.
      const { graph, sizes: values } = grow([...list, ...list], sizes, true);
      const feeds = new Map(
        graph.inputs.map((v) => {
          const shape = v.shape.map((d) => graph.env.evaluate(d, values));
          return [v, { dtype: v.dtype, shape, data: new Float32Array(shape.reduce((p, d) => p * d, 1)).map((_, i) => Math.cos(i + 1)) }] as const;
        }),
      );
      const before = await evaluate(graph, feeds, graph.outputs);
      const nodes = graph.nodes.length;
      shareSubexpressions(graph);
      assert.ok(graph.nodes.length <= nodes);
      const after = await evaluate(graph, feeds, graph.outputs);
      assert.deepEqual(
        after.map((t) => Buffer.from(t.data.buffer as ArrayBuffer, t.data.byteOffset, t.data.byteLength).toString("hex")),
        before.map((t) => Buffer.from(t.data.buffer as ArrayBuffer, t.data.byteOffset, t.data.byteLength).toString("hex")),
      );
    }),
    { numRuns: 15 },
  );
});
