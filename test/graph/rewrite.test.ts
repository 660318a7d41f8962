// Rewriting a graph in place, decompositions of the op table, assumptions on fed data.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Builder, Graph, OpTable, type OpDef, standardOps } from "../../src/graph/index.js";
import { Assumptions } from "../../src/graph/passes/assumptions.js";
import { decompose } from "../../src/graph/passes/decompose.js";
import { rewrite } from "../../src/graph/passes/rewrite.js";
import { Uses } from "../../src/graph/passes/uses.js";

function chain() {
  const graph = new Graph();
  const b = new Builder(graph);
  const x = graph.input("x", "float32", ["B", 4]);
  const y = b.unary("Tanh", b.unary("Identity", x));
  graph.output(y, "y");
  return { graph, x, y };
}

describe("rewrite", () => {
  test("puts other nodes in the place of some and keeps inputs, outputs and names", () => {
    const { graph, x } = chain();
    rewrite(graph, (node, [value]) => (node.op === "Identity" ? [value!] : undefined));
    assert.deepEqual(
      graph.nodes.map((n) => n.op),
      ["Tanh"],
    );
    assert.equal(graph.inputs[0], x);
    assert.equal(graph.outputs[0]!.name, "y");
    assert.equal(graph.outputs[0]!.producer, graph.nodes[0]);
    assert.equal(graph.nodes[0]!.inputs[0], x);
  });

  test("gives an output that became an input a node of its own", () => {
    const { graph, x } = chain();
    rewrite(graph, () => [x]);
    assert.equal(graph.outputs[0]!.name, "y");
    assert.equal(graph.outputs[0]!.producer?.op, "Identity");
    assert.equal(x.name, "x");
  });
});

test("Uses knows readers and outputs", () => {
  const { graph, x, y } = chain();
  const uses = new Uses(graph);
  assert.equal(uses.sole(x), graph.nodes[0]);
  assert.equal(uses.sole(y), undefined);
  assert.ok(uses.isOutput(y));
});

test("decompose replaces an op by what its definition says, and what that consists of in turn", () => {
  const own = (op: string, decomposition: OpDef["decompose"]): OpDef => ({
    op,
    domain: "test",
    inputs: [1, 1],
    outputs: [1, 1],
    infer: ({ inputs }) => [{ dtype: inputs[0]!.dtype, shape: inputs[0]!.shape }],
    ...(decomposition && { decompose: decomposition }),
  });
  const ops = new OpTable([
    ...standardOps,
    own("Twice", ({ b, inputs }) => [b.op("Once", [b.op("Once", [inputs[0]!], {}, { domain: "test" })], {}, { domain: "test" })]),
    own("Once", ({ b, inputs }) => [b.unary("Neg", inputs[0]!)]),
    own("Whole", undefined),
  ]);
  const graph = new Graph({ ops });
  const x = graph.input("x", "float32", [2]);
  const b = new Builder(graph);
  graph.output(b.op("Whole", [b.op("Twice", [x], {}, { domain: "test" })], {}, { domain: "test" }), "y");
  assert.equal(
    decompose(graph, (node) => node.domain === "test"),
    3,
  );
  assert.deepEqual(
    graph.nodes.map((n) => n.op),
    ["Neg", "Neg", "Whole"],
  );
  assert.equal(graph.outputs[0]!.name, "y");
});

test("an assumption is recorded only when the data of the run fulfil it", () => {
  const graph = new Graph();
  const mask = graph.input("mask", "int64", ["B", "S"]);
  const other = graph.input("other", "int64", ["B"]);
  const assumptions = new Assumptions((value) => (value === mask ? { shape: [1, 2], data: new BigInt64Array([1n, 0n]) } : undefined));
  const binary = (input: typeof mask) => ({
    name: "0 or 1",
    inputs: [input],
    holds: ([m]: readonly { data: ArrayLike<unknown> }[]) => [...(m!.data as BigInt64Array)].every((x) => x === 0n || x === 1n),
  });
  assert.ok(assumptions.assume(binary(mask)));
  assert.ok(assumptions.assume(binary(mask)));
  assert.ok(!assumptions.assume(binary(other)));
  assert.ok(!assumptions.assume({ name: "no zero", inputs: [mask], holds: ([m]) => [...(m!.data as BigInt64Array)].every((x) => x === 1n) }));
  assert.equal(assumptions.made.length, 1);
});

test("an assumption that was refused is told, and looking at data assumes nothing", () => {
  const graph = new Graph();
  const mask = graph.input("mask", "int64", ["B"]);
  const assumptions = new Assumptions(() => ({ shape: [1], data: new BigInt64Array([0n]) }));
  assert.deepEqual(assumptions.look([mask])?.[0]?.shape, [1]);
  assert.ok(!assumptions.assume({ name: "one", inputs: [mask], holds: ([m]) => m!.data[0] === 1n }));
  assert.deepEqual([assumptions.made.length, assumptions.refused.map(({ name }) => name)], [0, ["one"]]);
});
