// Taps: which memory of a gradient they leave to others.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Builder } from "../../../src/graph/builder.js";
import { Graph } from "../../../src/graph/graph.js";
import { insertTaps } from "../../../src/graph/passes/tap.js";

/** A gradient that is passed on, too, as that of what is added to an activation of its own shape, and one that is not. */
function gradients() {
  const graph = new Graph();
  const b = new Builder(graph);
  const x = graph.input("x", "float32", [4]);
  const passedOn = b.add(x, x);
  const other = b.mul(passedOn, x);
  graph.output(passedOn);
  graph.output(other);
  return { graph, passedOn, other };
}
const tapOf = (graph: Graph) => graph.nodes.find(({ op }) => op === "Tap")!;

describe("A tap", () => {
  it("leaves gradients as they are", () => {
    const { graph, passedOn, other } = gradients();
    assert.deepEqual(
      insertTaps(graph, [
        { value: passedOn, bucket: 3 },
        { value: other, bucket: 3 },
      ]),
      [3],
    );
    assert.deepEqual(graph.outputs.slice(0, 2), [passedOn, other]);
    assert.deepEqual(tapOf(graph).inputs, [passedOn, other]);
  });

  it("stands behind a copy of what other nodes read, where the memory may be written from then on", () => {
    const { graph, passedOn, other } = gradients();
    insertTaps(
      graph,
      [
        { value: passedOn, bucket: 0 },
        { value: other, bucket: 0 },
      ],
      { apart: true },
    );
    const [copy, same] = graph.outputs;
    assert.equal(copy?.producer?.op, "Identity");
    assert.deepEqual(copy.producer.inputs, [passedOn]);
    assert.equal(same, other);
    assert.deepEqual(tapOf(graph).inputs, [copy, other]);
    assert.ok(graph.nodes.find(({ op }) => op === "Mul")!.inputs.includes(passedOn));
  });
});
