// Functions, branches and older forms in ONNX files: what is inlined, decided and upgraded, and what broken ones are told.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fc } from "../support/properties.js";
import { fromOnnx, Graph, OnnxError, type TensorData, type Value } from "../../src/graph/index.js";
import { decide } from "../../src/graph/onnx/conditions.js";
import { encode } from "../../src/graph/onnx/encode.js";
import { relocate } from "../../src/graph/onnx/relocate.js";
import { externalLocations } from "../../src/graph/onnx/source.js";
import { type AttributeProto, attributeType, type FunctionProto, type GraphProto, type NodeProto, type TensorProto } from "../../src/graph/onnx/schema.js";
import { packageRoot } from "../../src/package-root.js";
import { evaluate } from "../support/evaluate.js";

const folder = join(packageRoot(), "test/golden/onnx/models");

interface Parts {
  readonly node: NodeProto[];
  readonly functions?: FunctionProto[];
  readonly opset?: number;
  readonly dims?: (number | string)[];
  readonly initializer?: TensorProto[];
}
const model = ({ node, functions = [], opset = 17, dims = [2, 4], initializer = [] }: Parts): Uint8Array => {
  const shape = { dim: dims.map((d) => (typeof d === "number" ? { dimValue: d } : { dimParam: d })) };
  const graph: GraphProto = { name: "g", node, initializer, input: [{ name: "x", type: { tensorType: { elemType: 1, shape } } }], output: [{ name: "y" }] };
  return encode("ModelProto", {
    irVersion: 8,
    opsetImport: [
      { domain: "", version: opset },
      { domain: "own", version: 1 },
    ],
    graph,
    functions,
  });
};
const fn = (name: string, node: NodeProto[], more: Partial<FunctionProto> = {}): FunctionProto => ({
  name,
  domain: "own",
  input: ["a"],
  output: ["b"],
  node,
  opsetImport: [{ domain: "", version: 17 }],
  ...more,
});
const call = (opType: string, input = "x", output = "y", attribute: AttributeProto[] = []): NodeProto => ({
  opType,
  domain: "own",
  input: [input],
  output: [output],
  name: `${opType}_${output}`,
  attribute,
});
const ops = (bytes: Uint8Array): string[] => fromOnnx(bytes).graph.nodes.map(({ op }) => op);
const failure = (bytes: Uint8Array): OnnxError => {
  try {
    fromOnnx(bytes);
  } catch (error) {
    if (error instanceof OnnxError) return error;
    throw error;
  }
  throw new Error("it was read");
};

test("calls of functions become their nodes, each with the attributes of its call or the function's own", () => {
  const alpha: AttributeProto = { name: "alpha", refAttrName: "slope", type: attributeType.float };
  const leaky = fn("Leaky", [{ opType: "LeakyRelu", input: ["a"], output: ["b"], attribute: [alpha] }], {
    attributeProto: [{ name: "slope", f: 0.5, type: attributeType.float }],
  });
  const twice = fn("Twice", [call("Leaky", "a", "m"), call("Leaky", "m", "b", [{ name: "slope", f: 0.25, type: attributeType.float }])]);
  const { graph } = fromOnnx(model({ node: [call("Twice", "x", "h"), { opType: "Neg", input: ["h"], output: ["y"] }], functions: [twice, leaky] }));
  assert.deepEqual(
    graph.nodes.map(({ op, attributes, name }) => [op, attributes, name.split("/").slice(0, -1)]),
    [
      ["LeakyRelu", { alpha: { float: 0.5 } }, ["Twice_h", "Leaky_m"]],
      ["LeakyRelu", { alpha: { float: 0.25 } }, ["Twice_h", "Leaky_b"]],
      ["Neg", {}, []],
    ],
  );
  assert.deepEqual([graph.outputs[0]!.name, graph.outputs[0]!.shape], ["y", [2, 4]]);
});

test("a body that reads an input which the call leaves out is told of it", () => {
  const alpha: AttributeProto = { name: "alpha", refAttrName: "slope", type: attributeType.float };
  const clip = fn(
    "Bounded",
    [
      { opType: "Clip", input: ["a", "low", "high"], output: ["m"] },
      { opType: "Elu", input: ["m"], output: ["b"], attribute: [alpha] },
    ],
    { input: ["a", "low", "high"] },
  );
  const high: TensorProto = { name: "one", dims: [], dataType: 1, rawData: new Uint8Array(Float32Array.of(1).buffer) };
  const bytes = model({ node: [{ ...call("Bounded"), input: ["x", "", "one"] }], functions: [clip], initializer: [high] });
  // A name that the body reads, and the call does not give.
  assert.match(failure(bytes).message, /reads "low", which nothing makes/);
});

test("a function that calls itself, or others without end, is refused", () => {
  assert.match(
    failure(model({ node: [call("Loop")], functions: [fn("Loop", [call("Loop", "a", "b")])] })).message,
    /functions call each other more than 64 deep/,
  );
  // Each calls the next one twice: 2^40 nodes.
  const doubling = Array.from({ length: 40 }, (_, i) =>
    fn(`F${i}`, i === 39 ? [{ opType: "Neg", input: ["a"], output: ["b"] }] : [call(`F${i + 1}`, "a", "m"), call(`F${i + 1}`, "m", "b")]),
  );
  assert.match(failure(model({ node: [call("F0")], functions: doubling })).message, /functions make more than 200000 nodes/);
  assert.equal(failure(model({ node: [call("Missing")], functions: [] })).code, "ERR_ONNX_OP");
  assert.match(
    failure(model({ node: [call("Bad")], functions: [fn("Bad", [{ opType: "MatMul", input: ["a", "a"], output: ["b"] }])] })).message,
    /inner sizes 4 and 2 differ/,
  );
});

const branch = (name: string, opType: string, input = "x"): AttributeProto => ({
  name,
  type: attributeType.graph,
  g: { node: [{ opType, input: [input], output: [`of_${name}`] }], output: [{ name: `of_${name}` }] },
});
const choose = (condition: string, attribute = [branch("then_branch", "Neg"), branch("else_branch", "Abs")]): NodeProto => ({
  opType: "If",
  input: [condition],
  output: ["y"],
  name: "choice",
  attribute,
});
const bool = (value: boolean): TensorProto => ({ name: "c", dims: [], dataType: 9, rawData: Uint8Array.of(Number(value)) });

test("of an If the branch is taken that a constant says", () => {
  assert.deepEqual(ops(model({ node: [choose("c")], initializer: [bool(true)] })), ["Neg"]);
  assert.deepEqual(ops(model({ node: [choose("c")], initializer: [bool(false)] })), ["Abs"]);
  assert.match(
    failure(model({ node: [choose("c", [branch("then_branch", "Neg")])], initializer: [bool(false)] })).message,
    /node choice \(If\) lacks a branch/,
  );
  assert.match(
    failure(model({ node: [choose("c", [branch("then_branch", "Neg", "nowhere")])], initializer: [bool(true)] })).message,
    /reads "nowhere", which nothing makes/,
  );
});

test("sizes decide an If where they are known; where they are not, it is told", () => {
  const node: NodeProto[] = [
    { opType: "Size", input: ["x"], output: ["n"] },
    { opType: "Constant", output: ["eight"], attribute: [{ name: "value_int", i: 8, type: attributeType.int }] },
    { opType: "Equal", input: ["n", "eight"], output: ["is"] },
    { opType: "Not", input: ["is"], output: ["c"] },
    choose("c"),
  ];
  assert.equal(ops(model({ node })).at(-1), "Abs");
  assert.equal(ops(model({ node, dims: [2, 5] })).at(-1), "Neg");
  assert.equal(failure(model({ node, dims: ["n", 4] })).code, "ERR_ONNX_CONDITION");
});

test("what hints decide holds for all sizes that fulfil the guards", () => {
  fc.assert(
    fc.property(fc.constantFrom("Equal", "Less", "Greater", "LessOrEqual", "GreaterOrEqual"), fc.nat(5), fc.nat(5), fc.nat(5), (op, hint, bound, other) => {
      const graph = new Graph();
      const x = graph.input("x", "float32", [graph.env.symbol(hint, "n")]);
      const size = graph.add("Size", [x])[0]!;
      const constant = graph.constant({ dtype: "int64", shape: [], data: BigInt64Array.of(BigInt(bound)) });
      const condition = graph.add(op, [size, constant])[0]!;
      const holds = {
        Equal: (n: number) => n === bound,
        Less: (n: number) => n < bound,
        Greater: (n: number) => n > bound,
        LessOrEqual: (n: number) => n <= bound,
        GreaterOrEqual: (n: number) => n >= bound,
      }[op]!;
      const taken = decide(graph.env, condition);
      assert.equal(taken, holds(hint));
      assert.ok(graph.env.holds(new Map([["n", hint]])));
      if (graph.env.holds(new Map([["n", other]]))) assert.equal(holds(other), taken, `${op} ${other} ${bound}, decided for ${hint}`);
    }),
    { numRuns: 300 },
  );
});

test("older forms of normalizations compute what they say", async () => {
  const vector = (name: string, numbers: number[]): TensorProto => ({
    name,
    dims: [numbers.length],
    dataType: 1,
    rawData: new Uint8Array(Float32Array.from(numbers).buffer),
  });
  // Opset 18: scale and shift per group.
  const grouped = model({
    node: [{ opType: "GroupNormalization", input: ["x", "scale", "shift"], output: ["y"], attribute: [{ name: "num_groups", i: 2, type: attributeType.int }] }],
    opset: 18,
    dims: [1, 4, 2],
    initializer: [vector("scale", [1, 10]), vector("shift", [0, 5])],
  });
  const run = async (bytes: Uint8Array, x: TensorData): Promise<number[]> => {
    const { graph } = fromOnnx(bytes);
    const [result] = await evaluate(graph, new Map<Value, TensorData>([[graph.inputs[0]!, x]]), graph.outputs);
    return [...(result!.data as Float32Array)].map((v) => Math.round(v * 1e3) / 1e3);
  };
  const x: TensorData = { dtype: "float32", shape: [1, 4, 2], data: Float32Array.of(1, -1, 1, -1, 1, -1, 1, -1) };
  assert.deepEqual(await run(grouped, x), [1, -1, 1, -1, 15, -5, 15, -5]);
  // Opset 13: more than one output meant training.
  const batch = model({
    node: [{ opType: "BatchNormalization", input: ["x", "s", "b", "m", "v"], output: ["y", "m1", "v1", "m2", "v2"] }],
    opset: 13,
    dims: [1, 2, 2],
    initializer: [vector("s", [1, 1]), vector("b", [0, 0]), vector("m", [9, 9]), vector("v", [9, 9])],
  });
  assert.equal(fromOnnx(batch).graph.nodes[0]!.attributes.training_mode, 1);
});

test("functions and branches with flipped bytes are read or refused with an OnnxError", () => {
  const files = ["functions", "squeeze-if"].map((name) => readFileSync(join(folder, `${name}.onnx`)));
  fc.assert(
    fc.property(fc.nat(1), fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(255)), { minLength: 1, maxLength: 4 }), (which, flips) => {
      const bytes = Uint8Array.from(files[which]!);
      for (const [where, value] of flips) bytes[Math.min(Math.floor(where * bytes.length), bytes.length - 1)] = value;
      try {
        fromOnnx(bytes);
        externalLocations(bytes);
      } catch (error) {
        assert.ok(error instanceof OnnxError, `${error instanceof Error ? error.stack : error}`);
      }
    }),
    { numRuns: 600 },
  );
});

test("graphs nested in graphs without end are refused", () => {
  let g: GraphProto = { node: [{ opType: "Neg", input: ["x"], output: ["z"] }], output: [{ name: "z" }] };
  for (let i = 0; i < 200; i++)
    g = { node: [{ opType: "If", input: ["c"], output: ["z"], attribute: [{ name: "then_branch", type: attributeType.graph, g }] }], output: [{ name: "z" }] };
  assert.match(
    failure(model({ node: [choose("c", [{ name: "then_branch", type: attributeType.graph, g }])], initializer: [bool(true)] })).message,
    /nested more than 100 deep/,
  );
});

test("files beside a model get other names where they are named, and nothing else changes", () => {
  const bytes = readFileSync(join(folder, "external.onnx"));
  assert.deepEqual([...externalLocations(bytes)], ["external.onnx.data"]);
  const long = `${"n".repeat(300)}.data`;
  const renamed = relocate(bytes, () => long);
  assert.deepEqual([...externalLocations(renamed)], [long]);
  assert.deepEqual(Buffer.from(relocate(renamed, () => "external.onnx.data")), bytes);
});
