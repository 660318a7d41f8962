// The field table and its codec against proto/onnx.proto in protobufjs' own reflection.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import protobuf from "protobufjs";
import { Builder, float, Graph, toOnnx } from "../../src/graph/index.js";
import { schema } from "../../src/graph/onnx/schema.js";
import { packageRoot } from "../../src/package-root.js";

const { root } = protobuf.parse(readFileSync(join(packageRoot(), "proto/onnx.proto"), "utf8"));
const nested: Readonly<Record<string, string>> = { TensorTypeProto: "TypeProto.Tensor", Dimension: "TensorShapeProto.Dimension" };
const kinds: Readonly<Record<string, readonly string[]>> = {
  int: ["int64", "int32", "AttributeType", "DataLocation"],
  float: ["float"],
  string: ["string"],
  bytes: ["bytes"],
  packedFloat: ["float"],
  packedInt: ["int32", "int64"],
  packedDouble: ["double"],
};

test("the field table holds the fields of proto/onnx.proto, no more and no fewer", () => {
  for (const [name, fields] of Object.entries(schema)) {
    const type = root.lookupType(`onnx.${nested[name] ?? name}`);
    assert.deepEqual(fields.map((f) => f.name).sort(), Object.keys(type.fields).sort(), name);
    for (const field of fields) {
      const declared = type.fields[field.name]!;
      assert.equal(declared.id, field.number, `${name}.${field.name}`);
      assert.equal(declared.repeated, field.repeated, `${name}.${field.name}`);
      const allowed = kinds[field.type] ?? [field.type, nested[field.type]?.split(".")[1]];
      assert.ok(allowed.includes(declared.type), `${name}.${field.name} is ${declared.type} in the proto file, ${field.type} in the table`);
    }
  }
});

test("what the writer writes, protobufjs reads by the proto file", () => {
  const graph = new Graph();
  const b = new Builder(graph);
  const x = graph.input("x", "float32", ["B", 3]);
  const y = b.op("Elu", [b.slice(x, 1, 0, 2 ** 63)], {
    alpha: float(0.5),
    _secret: 1,
    note: "ä",
    list: [-1, 2],
    floats: { floats: [0.5] },
    words: ["a", "b"],
    half: 0.5,
  });
  graph.output(y, "y");
  const model = root.lookupType("onnx.ModelProto");
  const read = model.toObject(model.decode(toOnnx(graph, { name: "g" })), { longs: String, bytes: String, enums: String }) as {
    readonly irVersion: string;
    readonly opsetImport: unknown;
    readonly graph: {
      readonly name: string;
      readonly input: readonly unknown[];
      readonly node: readonly { readonly opType: string; readonly attribute: readonly { readonly name: string }[] }[];
      readonly initializer: readonly { readonly rawData: string }[];
    };
  };
  assert.equal(read.irVersion, "10");
  assert.deepEqual(read.opsetImport, [{ domain: "", version: "21" }]);
  assert.deepEqual(read.graph.input, [{ name: "x", type: { tensorType: { elemType: 1, shape: { dim: [{ dimParam: "B" }, { dimValue: "3" }] } } } }]);
  const elu = read.graph.node.find((n) => n.opType === "Elu")!;
  const base64 = (text: string) => Buffer.from(text).toString("base64");
  assert.deepEqual(elu.attribute, [
    { name: "alpha", f: 0.5, type: "FLOAT" },
    { name: "note", s: base64("ä"), type: "STRING" },
    { name: "list", ints: ["-1", "2"], type: "INTS" },
    { name: "floats", floats: [0.5], type: "FLOATS" },
    { name: "words", strings: [base64("a"), base64("b")], type: "STRINGS" },
    { name: "half", f: 0.5, type: "FLOAT" },
  ]);
});
