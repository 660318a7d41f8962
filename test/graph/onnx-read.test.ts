// Models that other programs wrote (test/golden/make/onnx_files.py): typed number fields, older opsets, an export of PyTorch.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type DType, fromOnnx, Graph, type OnnxError, OpTable, standardOps, type TensorData, toOnnx, typedArray } from "../../src/graph/index.js";
import { encode } from "../../src/graph/onnx/encode.js";
import { packageRoot } from "../../src/package-root.js";
import { evaluate } from "../support/evaluate.js";

const folder = join(packageRoot(), "test/golden/onnx");
const file = (name: string) => readFileSync(join(folder, name));

test("numbers are read from the typed field of every dtype", () => {
  const { graph } = fromOnnx(file("typed-fields.onnx"));
  const read = Object.fromEntries(graph.constants.map((v) => [v.name, v.constant!]));
  const expected: { readonly [D in DType]: ArrayLike<number | bigint> } = {
    float32: Float32Array.of(1.5, -2.25, 3e38),
    float64: [1.5, -2.25, 1e300],
    int64: [1n, -2n, 2n ** 62n + 1n],
    int32: [1, -2, 2 ** 31 - 1],
    int8: [1, -2, 127],
    uint8: [1, 2, 255],
    bool: [1, 0, 1],
    float16: [0x3e00, 0xc080, 0x7bff],
    bfloat16: [0x3fc0, 0xc010, 0x7f7f],
  };
  const names: Partial<Record<DType, string>> = { float32: "float", float64: "double" };
  for (const [dtype, numbers] of Object.entries(expected) as [DType, ArrayLike<number | bigint>][]) {
    const tensor = read[names[dtype] ?? dtype]!;
    assert.equal(tensor.dtype, dtype);
    assert.deepEqual([...(tensor.data as ArrayLike<number | bigint> as number[])], Array.from(numbers as ArrayLike<number>), dtype);
  }
});

test("nodes of opset 13 come out in the form of opset 21", () => {
  const { graph, opset, irVersion } = fromOnnx(file("opset13.onnx"));
  assert.deepEqual([opset, irVersion], [13, 7]);
  // w is a default value, not an input.
  assert.deepEqual(
    graph.inputs.map((v) => [v.name, v.shape]),
    [["x", ["N", 4]]],
  );
  const [mean, split] = graph.nodes;
  assert.deepEqual([...(mean!.inputs[1]!.constant!.data as BigInt64Array)], [-1n]);
  assert.deepEqual(Object.keys(mean!.attributes), ["keepdims"]);
  assert.equal(split!.attributes.num_outputs, 2);
  assert.deepEqual(
    graph.outputs.map((v) => [v.name, v.shape]),
    [
      ["mean", ["N"]],
      ["kept", ["N", 2]],
      ["right", ["N", 2]],
    ],
  );
  assert.ok(!graph.nodes.some((n) => n.op === "Constant"));
});

test("a model of opset 13 computes what it says", async () => {
  const { graph } = fromOnnx(file("opset13.onnx"));
  const x: TensorData = { dtype: "float32", shape: [1, 4], data: Float32Array.of(1, 2, 3, 6) };
  const results = await evaluate(graph, new Map([[graph.inputs[0]!, x]]), graph.outputs);
  assert.deepEqual(
    results.map((r) => [...(r.data as Float32Array)]),
    [[3], [12, 24], [3, 6]],
  );
});

test("PyTorch's export of a BERT has all its sizes followed, and gives PyTorch's logits", async () => {
  const { graph, parameters } = fromOnnx(file("bert-export.onnx"), { parameter: (_, data) => data.dtype === "float32" && data.data.length > 1 });
  const golden = JSON.parse(readFileSync(join(folder, "bert-export.json"), "utf8")) as Record<"shape" | "ids" | "mask" | "types" | "logits", number[]>;
  for (const node of graph.nodes) for (const value of node.outputs) assert.ok(!value.shape.some((d) => graph.env.isUnknown(d)), `${node.name}: ${value.shape}`);
  const [logits] = graph.outputs;
  assert.deepEqual(graph.env.resolveShape(logits!.shape), ["batch", 2]);
  assert.ok(parameters.length >= 15, `${parameters.length} parameters`);
  const feeds = new Map(parameters.map((p) => [p.value, p.data]));
  for (const name of ["ids", "mask", "types"] as const) {
    const input = graph.inputs.find((v) => v.name === name)!;
    feeds.set(input, { dtype: "int64", shape: golden.shape, data: typedArray("int64", golden[name]) });
  }
  const [result] = await evaluate(graph, feeds, [logits!]);
  assert.deepEqual(result!.shape, [3, 2]);
  for (const [i, expected] of golden.logits.entries())
    assert.ok(Math.abs((result!.data as Float32Array)[i]! - expected) < 1e-5, `${(result!.data as Float32Array)[i]} for ${expected}`);
});

test("numbers in other files are asked for by location, and checked against the file", () => {
  const model = encode("ModelProto", {
    irVersion: 10,
    opsetImport: [{ version: 21 }],
    graph: {
      initializer: [
        {
          name: "w",
          dims: [2],
          dataType: 1,
          dataLocation: 1,
          externalData: [
            { key: "location", value: "weights.bin" },
            { key: "offset", value: "4" },
          ],
        },
      ],
      node: [{ input: ["w"], output: ["y"], opType: "Neg" }],
      output: [{ name: "y" }],
    },
  });
  const bytes = new Uint8Array(Float32Array.of(1, 2, 3).buffer);
  const { graph } = fromOnnx(model, { externalData: (location) => (location === "weights.bin" ? bytes : new Uint8Array()) });
  assert.deepEqual([...(graph.constants[0]!.constant!.data as Float32Array)], [2, 3]);
  assert.throws(
    () => fromOnnx(model),
    (e: OnnxError) => e.code === "ERR_ONNX_EXTERNAL" && e.message.includes("weights.bin"),
  );
  assert.throws(
    () => fromOnnx(model, { externalData: () => bytes.subarray(0, 8) }),
    (e: OnnxError) => e.code === "ERR_ONNX_EXTERNAL",
  );
});

test("ops of a user's own table are read and written under their domain", () => {
  const ops = new OpTable(standardOps).register({
    op: "Twice",
    domain: "org.example",
    inputs: [1, 1],
    outputs: [1, 1],
    infer: ({ inputs }) => [{ dtype: inputs[0]!.dtype, shape: inputs[0]!.shape }],
  });
  const graph = new Graph({ ops });
  graph.output(graph.add("Twice", [graph.input("x", "float32", ["n"])], { times: 2, _note: 1 }, { domain: "org.example" })[0]!);
  const read = fromOnnx(toOnnx(graph), { ops });
  assert.deepEqual([read.graph.nodes[0]!.op, read.graph.nodes[0]!.domain, read.graph.nodes[0]!.attributes], ["Twice", "org.example", { times: 2 }]);
  assert.throws(
    () => fromOnnx(toOnnx(graph)),
    (e: OnnxError) => e.code === "ERR_ONNX_OP",
  );
});
