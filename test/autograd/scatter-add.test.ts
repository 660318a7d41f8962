// ScatterND with reduction add, whose kernel in ONNX Runtime loses updates on several threads: here none are lost.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Builder, Graph } from "../../src/graph/index.js";
import { toOnnx } from "../../src/graph/onnx/write.js";
import { importOnnx } from "../../src/onnx/index.js";
import { fromData } from "../../src/tensor/index.js";

test("a file that adds many updates to few rows gets them all, in evaluation and in training", async () => {
  const [rows, columns, updates] = [50, 16, 20_000];
  const graph = new Graph();
  const b = new Builder(graph);
  const table = graph.constant({ dtype: "float32", shape: [rows, columns], data: new Float32Array(rows * columns) }, "table");
  const indices = graph.input("indices", "int64", ["N", 1]);
  const values = graph.input("values", "float32", ["N", columns]);
  graph.output(b.op("ScatterND", [table, indices, values], { reduction: "add" }), "y");
  const model = await importOnnx(toOnnx(graph), { inputs: ["indices", "values"], outputs: ["y"] });
  const given = {
    indices: fromData(
      BigInt64Array.from({ length: updates }, (_, i) => BigInt((i * 7919) % rows)),
      [updates, 1],
      "int64",
    ),
    values: fromData(new Float32Array(updates * columns).fill(1), [updates, columns], "float32"),
  };
  for (const training of [false, true]) {
    const { y } = model(given);
    if (training) await y.sum().backward();
    for (const v of (await y.data()) as Float32Array) assert.equal(v, updates / rows);
  }
  const [parameter] = model.parameters();
  for (const v of (await parameter!.grad!.data()) as Float32Array) assert.equal(v, 1);
});
