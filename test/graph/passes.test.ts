// Dead code and equal constants: what goes, what stays, and that the outputs do not change.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Builder, fromOnnx, Graph, liveNodes, removeDeadCode, toOnnx } from "../../src/graph/index.js";
import { equalConstants } from "../../src/graph/passes/equal-constants.js";
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
