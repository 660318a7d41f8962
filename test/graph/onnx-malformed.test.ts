// Files that are no ONNX models, or broken ones: always an OnnxError, never a crash, a hang or memory that the file cannot justify.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fc } from "../support/properties.js";
import { fromOnnx, Graph, OnnxError, toOnnx, typedArray } from "../../src/graph/index.js";
import { encode } from "../../src/graph/onnx/encode.js";
import { attributeType, type ModelProto, type NodeProto, type TensorProto } from "../../src/graph/onnx/schema.js";
import { grow, stepLists } from "./random-graphs.js";

/** Reading either works or throws an OnnxError with a place inside the file. */
function survives(bytes: Uint8Array): void {
  try {
    fromOnnx(bytes);
  } catch (error) {
    assert.ok(error instanceof OnnxError, `${error instanceof Error ? error.stack : error}`);
    assert.ok(error.offset >= 0 && error.offset <= bytes.length, `offset ${error.offset} of ${bytes.length}`);
  }
}
function code(bytes: Uint8Array): string {
  try {
    fromOnnx(bytes);
  } catch (error) {
    assert.ok(error instanceof OnnxError, `${error}`);
    return error.code;
  }
  return "read";
}

const floatInput = (name: string, dims: readonly number[]) => ({
  name,
  type: { tensorType: { elemType: 1, shape: { dim: dims.map((dimValue) => ({ dimValue })) } } },
});
/** A model with the given nodes over an input x float32[2, 3]. */
const model = (node: NodeProto[], more: { initializer?: TensorProto[]; output?: string } = {}, overrides: Partial<ModelProto> = {}): Uint8Array =>
  encode("ModelProto", {
    irVersion: 10,
    opsetImport: [{ domain: "", version: 21 }],
    graph: { name: "g", node, initializer: more.initializer ?? [], input: [floatInput("x", [2, 3])], output: [{ name: more.output ?? "y" }] },
    ...overrides,
  });
const tanh: NodeProto = { input: ["x"], output: ["y"], opType: "Tanh", name: "t" };

test("a file with flipped bytes is read or refused with an OnnxError", () => {
  fc.assert(
    fc.property(stepLists, fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(255)), { minLength: 1, maxLength: 6 }), (list, flips) => {
      const bytes = Uint8Array.from(toOnnx(grow(list, [2, 3], true).graph));
      for (const [where, value] of flips) bytes[Math.min(Math.floor(where * bytes.length), bytes.length - 1)] = value;
      survives(bytes);
    }),
    { numRuns: 400 },
  );
});

test("a file that ends early is refused with an OnnxError wherever it ends", () => {
  const bytes = toOnnx(
    grow(
      [
        { kind: 5, on: 0, choice: 0 },
        { kind: 22, on: 2, choice: 0 },
      ],
      [2, 3],
      true,
    ).graph,
  );
  const codes = new Set<string>();
  for (let length = 0; length < bytes.length; length++) codes.add(code(bytes.subarray(0, length)));
  assert.deepEqual([...codes].sort(), ["ERR_ONNX_MALFORMED", "ERR_ONNX_TRUNCATED"]);
});

test("random bytes are no model", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      survives(bytes);
      assert.notEqual(code(bytes), "read");
    }),
    { numRuns: 500 },
  );
});

test("a length beyond the end of the file is truncation, beyond its message malformation, each with its place", () => {
  // Field 7 (graph), 1000 bytes long.
  assert.throws(
    () => fromOnnx(Uint8Array.of(0x3a, 0xe8, 0x07, 0)),
    (e: OnnxError) => e.code === "ERR_ONNX_TRUNCATED" && e.offset === 0,
  );
  // The graph has 3 bytes; its name claims 5 of them, and the file goes on.
  assert.throws(
    () => fromOnnx(Uint8Array.of(0x3a, 3, 0x12, 5, 0x61, 0x08, 10, 0x08, 10)),
    (e: OnnxError) => e.code === "ERR_ONNX_MALFORMED" && e.offset === 2,
  );
});

test("groups nested a hundred thousand deep are refused, not followed", () => {
  assert.match(code(new Uint8Array(100_000).fill(0x13)), /ERR_ONNX_(MALFORMED|TRUNCATED)/);
});

test("a tensor may claim no more numbers than the file holds", () => {
  const claims = (dims: number[], rest: Partial<TensorProto>) => code(model([tanh], { initializer: [{ name: "w", dims, dataType: 1, ...rest }] }));
  assert.equal(claims([2 ** 40, 2 ** 40], { rawData: new Uint8Array(4) }), "ERR_ONNX_MALFORMED");
  assert.equal(claims([2 ** 33], { rawData: new Uint8Array(4) }), "ERR_ONNX_MALFORMED");
  assert.equal(claims([2 ** 33], {}), "ERR_ONNX_MALFORMED");
  assert.equal(claims([-1], { rawData: new Uint8Array(4) }), "ERR_ONNX_MALFORMED");
  assert.equal(claims([1], { rawData: new Uint8Array(5) }), "ERR_ONNX_MALFORMED");
  assert.equal(claims([1], { rawData: new Uint8Array(4) }), "read");
});

test("versions, dtypes and ops that are not known are named", () => {
  const node = (opType: string, domain = ""): NodeProto => ({ input: ["x"], output: ["y"], opType, domain, name: `my${opType}` });
  assert.throws(
    () => fromOnnx(model([node("LSTM"), { ...node("Fancy", "org.example"), output: ["z"] }])),
    (e: OnnxError) => e.code === "ERR_ONNX_OP" && e.message.includes("LSTM (node myLSTM)") && e.message.includes("org.example.Fancy (node myFancy)"),
  );
  assert.equal(code(model([tanh], {}, { irVersion: 99 })), "ERR_ONNX_VERSION");
  assert.equal(code(model([tanh], {}, { opsetImport: [{ version: 9 }] })), "ERR_ONNX_VERSION");
  assert.equal(code(model([tanh], {}, { opsetImport: [] })), "ERR_ONNX_VERSION");
  assert.equal(code(model([tanh], { initializer: [{ name: "s", dims: [0], dataType: 8 }] })), "ERR_ONNX_DTYPE");
  assert.equal(code(model([{ ...tanh, attribute: [{ name: "body", type: 5 }] }])), "ERR_ONNX_OP");
  assert.equal(code(model([tanh])), "read");
});

test("graphs that contradict themselves are refused", () => {
  assert.match(messageOf(model([{ ...tanh, input: ["nowhere"] }])), /reads "nowhere", which nothing makes/);
  assert.match(
    messageOf(
      model([
        { ...tanh, input: ["z"] },
        { ...tanh, output: ["z"] },
      ]),
    ),
    /before the node that makes it/,
  );
  assert.match(messageOf(model([tanh, tanh])), /two values are named "y"/);
  assert.match(messageOf(model([tanh], { output: "other" })), /nothing makes the output "other"/);
  assert.match(messageOf(model([{ ...tanh, opType: "MatMul", input: ["x", "x"] }])), /inner sizes 3 and 2 differ: \[2, 3\] x \[2, 3\]/);
  assert.match(messageOf(model([{ ...tanh, output: ["y", "z"] }])), /at most 1 outputs/);
});

test("sizes that a file makes up do not make the reader work for them", () => {
  const sizes = (op: string, numbers: number[], attribute: NodeProto["attribute"] = []) =>
    code(
      model([{ input: op === "ConstantOfShape" ? ["s"] : ["x", "s"], output: ["y"], opType: op, attribute }], {
        initializer: [{ name: "s", dims: [numbers.length], dataType: 7, rawData: new Uint8Array(typedArray("int64", numbers).buffer) }],
      }),
    );
  assert.equal(sizes("ConstantOfShape", [-5]), "ERR_ONNX_NODE");
  assert.equal(sizes("ConstantOfShape", [2 ** 40, 2 ** 40]), "read");
  assert.equal(sizes("Expand", new Array(65).fill(1)), "ERR_ONNX_NODE");
  assert.equal(code(model([{ ...tanh, opType: "Split", attribute: [{ name: "num_outputs", i: 2 ** 40, type: attributeType.int }] }])), "ERR_ONNX_NODE");
  // Every Mul squares a size: the expression would double each time.
  const graph = new Graph();
  let size = graph.add("Size", [graph.input("x", "float32", ["n", "m"])])[0]!;
  for (let i = 0; i < 40; i++) size = graph.add(i % 2 ? "Mul" : "Add", [size, size])[0]!;
  graph.output(size, "y");
  assert.equal(code(toOnnx(graph)), "read");
});

function messageOf(bytes: Uint8Array): string {
  try {
    fromOnnx(bytes);
  } catch (error) {
    return (error as Error).message;
  }
  return "read";
}
