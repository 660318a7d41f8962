// Graphs written as ONNX and read again are the same graphs, and ONNX Runtime makes of them what the shape rules say.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fc } from "../support/properties.js";
import { type Attributes, fromOnnx, type Graph, liveNodes, type Node, toOnnx, type Value } from "../../src/graph/index.js";
import { compileGraph } from "../support/evaluate.js";
import { grow, sizePairs, stepLists } from "./random-graphs.js";

const written = (attributes: Attributes): Attributes => Object.fromEntries(Object.entries(attributes).filter(([name]) => !name.startsWith("_")));

/** What a file keeps of a value: numbers, or who makes it. Symbols may have other names. */
function describe(value: Value | undefined, nodes: readonly Node[], graph: Graph): unknown {
  if (!value) return undefined;
  if (value.constant) return { constant: value.constant };
  const from = value.producer ? nodes.indexOf(value.producer) : `input ${graph.inputs.indexOf(value)}`;
  return { from, index: value.index, dtype: value.dtype, rank: value.rank };
}
const structure = (graph: Graph, nodes: readonly Node[]) => ({
  inputs: graph.inputs.map((v) => ({ name: v.name, dtype: v.dtype, shape: graph.env.resolveShape(v.shape) })),
  nodes: nodes.map((n) => ({ op: n.op, domain: n.domain, attributes: written(n.attributes), inputs: n.inputs.map((v) => describe(v, nodes, graph)) })),
});

test("a graph that is written and read again has the same inputs, nodes, attributes and constants", () => {
  fc.assert(
    fc.property(stepLists, sizePairs, fc.boolean(), (list, sizes, symbolic) => {
      const { graph } = grow(list, sizes, symbolic);
      const bytes = toOnnx(graph, { name: "random" });
      const read = fromOnnx(bytes);
      assert.equal(read.name, "random");
      assert.equal(read.opset, 21);
      assert.equal(read.irVersion, 10);
      // The file ends with an Identity for each output that is an input.
      const nodes = read.graph.nodes.slice(0, liveNodes(graph).length);
      assert.deepEqual(structure(read.graph, nodes), structure(graph, liveNodes(graph)));
      assert.equal(read.graph.outputs.length, graph.outputs.length);
      const again = toOnnx(read.graph, { name: "random" });
      assert.deepEqual(toOnnx(fromOnnx(again).graph, { name: "random" }), again);
    }),
    { numRuns: 150 },
  );
});

test("ONNX Runtime accepts every written graph, and its outputs have the inferred shapes, also for sizes that were not recorded", async () => {
  await fc.assert(
    fc.asyncProperty(stepLists, sizePairs, sizePairs, async (list, recorded, other) => {
      const { graph } = grow(list, recorded, true);
      await using compiled = await compileGraph(graph, graph.outputs);
      for (const [B, S] of [recorded, other]) {
        const values = new Map([
          ["B", B],
          ["S", S],
        ]);
        if (!graph.env.holds(values)) continue;
        const feeds = new Map(
          graph.inputs.map((v) => {
            const shape = v.shape.map((d) => graph.env.evaluate(d, values));
            return [v, { dtype: v.dtype, shape, data: new Float32Array(shape.reduce((p, d) => p * d, 1)).map((_, i) => Math.sin(i + 1)) }] as const;
          }),
        );
        const results = await compiled.run(feeds);
        for (const [i, value] of graph.outputs.entries()) {
          assert.equal(results[i]!.dtype, value.dtype);
          assert.deepEqual(
            [...results[i]!.shape],
            value.shape.map((d) => graph.env.evaluate(d, values)),
            `${value.name} for B=${B}, S=${S}`,
          );
        }
      }
    }),
    { numRuns: 25 },
  );
});
