// Which nodes of the library's own ops CUDA's kernels take, and which are left to ONNX's ops.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Builder } from "../../src/graph/builder.js";
import { float, Graph } from "../../src/graph/graph.js";
import { lowerFor } from "../../src/graph/passes/lower/index.js";

describe("nodes for CUDA's attention", () => {
  const target = { type: "cuda", kernels: new Set(["Attention", "Dropout", "Softmax"]), half: true } as const;
  const opsOf = (size: number, packed: "none" | "q" | "k"): string[] => {
    const graph = new Graph();
    const b = new Builder(graph);
    const places = packed === "none" ? undefined : graph.input("places", "int64", [6, 2]);
    const side = (name: string, own: boolean) => graph.input(name, "float32", own ? [6, 2 * size] : [3, 4, 2 * size]);
    const inputs = [side("q", packed === "q"), side("k", packed === "k"), side("v", packed === "k"), undefined, undefined, packed === "q" ? places : undefined];
    const attributes = { heads: 2, scale: float(0.1) };
    graph.output(b.op("Attention", [...inputs, ...(packed === "k" ? [places] : [])], attributes, { domain: "accelerate_ts" }));
    lowerFor(graph, target);
    return graph.nodes.map(({ op }) => op);
  };

  test("dense rows and queries with places are its own", () => {
    assert.deepEqual(opsOf(64, "none"), ["Attention"]);
    assert.deepEqual(opsOf(128, "q"), ["Attention"]);
  });
  test("greater heads and keys with places are ONNX's", () => {
    assert.ok(!opsOf(160, "none").includes("Attention"));
    assert.ok(!opsOf(64, "k").includes("Attention"));
  });
});
