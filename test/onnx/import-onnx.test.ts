// importOnnx: what of a file is trained, what calls of it take and give, and what is said of files and calls that do not fit.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fc } from "../support/properties.js";
import { AccelerateError } from "../../src/errors.js";
import { OnnxError } from "../../src/graph/index.js";
import { encode } from "../../src/graph/onnx/encode.js";
import { attributeType, type NodeProto, type TensorProto } from "../../src/graph/onnx/schema.js";
import { crossEntropy, Linear, Module } from "../../src/nn/index.js";
import { importOnnx, OnnxModel } from "../../src/onnx/index.js";
import { SGD } from "../../src/optim/index.js";
import { setSeed, type Tensor, tensor, zeros } from "../../src/tensor/index.js";
import { goldenModel, inputsOf, modelFile } from "./golden-models.js";

const folder = mkdtempSync(join(tmpdir(), "import-"));
after(() => rmSync(folder, { recursive: true }));

const info = (name: string, dims: readonly (number | string)[]) => ({
  name,
  type: { tensorType: { elemType: 1, shape: { dim: dims.map((d) => (typeof d === "number" ? { dimValue: d } : { dimParam: d })) } } },
});
const floats = (name: string, dims: number[], numbers: readonly number[]): TensorProto => ({
  name,
  dims,
  dataType: 1,
  rawData: new Uint8Array(Float32Array.from(numbers).buffer),
});
interface Parts {
  readonly node: NodeProto[];
  readonly initializer?: TensorProto[];
  readonly input?: ReturnType<typeof info>[];
  readonly output?: string[];
}
const file = ({ node, initializer = [], input = [info("x", ["n", 2])], output = ["y"] }: Parts): Uint8Array =>
  encode("ModelProto", {
    irVersion: 8,
    opsetImport: [{ domain: "", version: 17 }],
    graph: { name: "g", node, initializer, input, output: output.map((name) => ({ name })) },
  });
const numbers = (x: Tensor): Promise<unknown> => x.toArray();

test("weights are trained as far as they are chosen, and summary tells which", async () => {
  const model = await importOnnx(modelFile("mlp"), { inputs: ["x"], outputs: ["logits"], trainable: (name) => name.startsWith("head.") });
  const before = new Map([...model.namedParameters()].map(([name, p]) => [name, [...p.values()]]));
  const optimizer = new SGD(model.parameters(), { lr: 0.1 });
  const { logits } = model({ x: tensor([[1, 2, 3, 4, 5, 6]]) });
  await crossEntropy(logits, tensor([2], { dtype: "int64" })).backward();
  await optimizer.step();
  for (const [name, p] of model.namedParameters())
    assert.equal(
      [...p.values()].some((x, i) => x !== before.get(name)![i]),
      name.startsWith("head."),
      name,
    );
  const summary = model.summary();
  for (const line of [
    /^mlp\.onnx: opset 13, written by pytorch$/m,
    /^ {2}x {2}float32 {2}\[batch, 6\]$/m,
    /^parameters: 27 trainable, 178 frozen$/m,
    /head\.bias +\[3\] +trainable/,
    /body\.0\.weight +\[10, 6\] +frozen/,
    /^ops without a gradient rule: none$/m,
  ])
    assert.match(summary, line);
});

test("numbers of rank 0, settings of ops and masks are no weights", async () => {
  const bytes = file({
    node: [
      { opType: "Mul", input: ["x", "scale"], output: ["a"] },
      { opType: "Mul", input: ["a", "w"], output: ["b"] },
      { opType: "Add", input: ["b", "mask"], output: ["c"] },
      { opType: "Pow", input: ["c", "power"], output: ["y"] },
    ],
    initializer: [floats("scale", [], [2]), floats("w", [2], [3, 4]), floats("mask", [2], [0, -3e38]), floats("power", [1], [1]), floats("unused", [1], [1])],
  });
  const model = await importOnnx(bytes);
  assert.deepEqual(
    [...model.namedParameters()].map(([name]) => name),
    ["w"],
  );
  assert.deepEqual(await numbers(model({ x: tensor([[1, 0]]) }).y!), [[6, Math.fround(-3e38)]]);
});

test("tensors that lie in the same bytes of another file are one parameter", async () => {
  const beside = (name: string): TensorProto => ({
    name,
    dims: [2],
    dataType: 1,
    dataLocation: 1,
    externalData: [
      { key: "location", value: "w.bin" },
      { key: "offset", value: "4" },
      { key: "length", value: "8" },
    ],
  });
  const bytes = file({
    node: [
      { opType: "Mul", input: ["x", "a"], output: ["h"] },
      { opType: "Mul", input: ["h", "b"], output: ["y"] },
    ],
    initializer: [beside("a"), beside("b")],
  });
  writeFileSync(join(folder, "tied.onnx"), bytes);
  writeFileSync(join(folder, "w.bin"), new Uint8Array(Float32Array.of(9, 2, 3).buffer));
  const model = await importOnnx(join(folder, "tied.onnx"));
  assert.deepEqual(
    [...model.namedParameters()].map(([name, p]) => [name, [...p.values()]]),
    [["a", [2, 3]]],
  );
  await model({ x: tensor([[1, 1]]) })
    .y!.sum()
    .backward();
  assert.deepEqual(await numbers([...model.parameters()][0]!.grad!), [4, 6]);
  await assert.rejects(importOnnx(bytes), { code: "ERR_ONNX_EXTERNAL", message: /w\.bin/ });
  writeFileSync(join(folder, "outside.onnx"), Buffer.from(bytes).toString("latin1").replaceAll("w.bin", "../wb"), "latin1");
  await assert.rejects(importOnnx(join(folder, "outside.onnx")), { code: "ERR_ONNX_EXTERNAL", message: /does not lie beside it/ });
});

test("outputs may be other values of the file, and only what they need is asked for", async () => {
  const bytes = file({
    node: [
      { opType: "Relu", input: ["x"], output: ["hidden"] },
      { opType: "Add", input: ["hidden", "other"], output: ["y"] },
      { opType: "Unheard", input: ["y"], output: ["z"], name: "strange" },
    ],
    input: [info("x", ["n", 2]), info("other", ["n", 2])],
    output: ["y", "z"],
  });
  const model = await importOnnx(bytes, { inputs: ["x"], outputs: ["hidden"] });
  assert.deepEqual(await numbers(model({ x: tensor([[-1, 2]]) }).hidden), [[0, 2]]);
  await assert.rejects(importOnnx(bytes, { inputs: ["x"], outputs: ["y"] }), { code: "ERR_IMPORT_INPUT", message: /also need other: its inputs are x, other/ });
  await assert.rejects(importOnnx(bytes, { inputs: ["pixels"] as const, outputs: ["y"] }), { code: "ERR_IMPORT_INPUT", message: /no input pixels/ });
  await assert.rejects(importOnnx(bytes, { outputs: ["logits"] }), { code: "ERR_IMPORT_OUTPUT", message: /no output logits: its outputs are y, z/ });
  await assert.rejects(importOnnx(bytes), (e: OnnxError) => e.code === "ERR_ONNX_OP" && e.message.includes("Unheard (node strange)"));
});

test("a call that does not fit is told by the names of the file", async () => {
  const model = await importOnnx(
    file({ node: [{ opType: "Add", input: ["x", "b"], output: ["y"] }], input: [info("x", ["n", 2, 3]), info("b", ["n", 1, 3])] }),
  );
  const [x, b] = [zeros([4, 2, 3]), zeros([4, 1, 3])];
  assert.deepEqual(model({ x, b }).y!.shape, [4, 2, 3]);
  assert.throws(() => model({ x } as never), { code: "ERR_IMPORT_INPUT", message: /no tensor b: call it with \{ x, b \}/ });
  assert.throws(() => model({ x, b, labels: b }), { code: "ERR_IMPORT_INPUT", message: /labels, which it does not read/ });
  assert.throws(() => model({ x: zeros([4, 2, 3], { dtype: "int64" }), b }), { code: "ERR_DTYPE", message: /x as float32, not int64/ });
  assert.throws(() => model({ x: zeros([4, 2]), b }), { code: "ERR_SHAPE", message: /3 dims, not 2/ });
  assert.throws(() => model({ x: zeros([4, 5, 3]), b }), { code: "ERR_SHAPE", message: /2 elements in dim 1, not \[4, 5, 3\]/ });
  assert.throws(() => model({ x, b: zeros([3, 1, 3]) }), { code: "ERR_SHAPE", message: /as many elements in dim 0 as x has \(n\)/ });
});

test("a Dropout of the file drops in training mode, anew with each call, and does nothing in evaluation", async () => {
  setSeed(1);
  const constant = { name: "value", type: attributeType.tensor, t: floats("", [], [0.5]) };
  const never = { name: "value", type: attributeType.tensor, t: { dims: [], dataType: 9, rawData: Uint8Array.of(0) } };
  const model = await importOnnx(
    file({
      node: [
        { opType: "Constant", input: [], output: ["ratio"], attribute: [constant] },
        { opType: "Constant", input: [], output: ["mode"], attribute: [never] },
        { opType: "Dropout", input: ["x", "ratio", "mode"], output: ["y", "mask"] },
      ],
    }),
  );
  const x = tensor(Array.from({ length: 50 }, () => [1, 1]));
  const kept = async () => ((await model({ x }).y!.toArray()) as number[][]).flat();
  assert.deepEqual([...new Set(await kept())], [1], "it comes in evaluation mode");
  model.train();
  const [a, b] = [await kept(), await kept()];
  assert.deepEqual([...new Set(a)].sort(), [0, 2]);
  assert.notDeepEqual(a, b);
  model.eval();
  assert.deepEqual([...new Set(await kept())], [1]);
});

test("an imported model is part of another one", async () => {
  class Doubled extends Module {
    readonly head = new Linear(3, 2);
    readonly backbone: OnnxModel<{ x: Tensor }, { logits: Tensor }>;
    constructor(backbone: OnnxModel<{ x: Tensor }, { logits: Tensor }>) {
      super();
      this.backbone = backbone;
    }
    forward(x: Tensor): Tensor {
      return this.head(this.backbone({ x }).logits);
    }
  }
  const model = new Doubled(await importOnnx(modelFile("mlp"), { inputs: ["x"], outputs: ["logits"] }));
  const names = [...model.namedParameters()].map(([name]) => name);
  assert.ok(names.includes("head.weight") && names.includes("backbone.body.0.weight"), names.join());
  await model(tensor([[1, 2, 3, 4, 5, 6]]))
    .sum()
    .backward();
  for (const [name, p] of model.namedParameters()) assert.ok(p.grad, name);
  const [file2, again] = [join(folder, "weights.safetensors"), await importOnnx(modelFile("mlp"))];
  await again.save(file2);
  await again.load(file2);
});

test("initializers may be called like the members of a module", async () => {
  const node: NodeProto[] = ["forward", "training", "name", "eval"].map((name, i) => ({
    opType: "Add",
    input: [i === 0 ? "x" : `h${i}`, name],
    output: [i === 3 ? "y" : `h${i + 1}`],
  }));
  const model = await importOnnx(file({ node, initializer: node.map(({ input }, i) => floats(input![1]!, [1], [10 ** i])) }));
  assert.deepEqual(await numbers(model({ x: tensor([[0, 1]]) }).y!), [[1111, 1112]]);
  assert.equal([...model.parameters()].length, 4);
});

test("what is no model, and control flow that data decide, are refused", async () => {
  await assert.rejects(importOnnx(Uint8Array.of(1, 2, 3)), OnnxError);
  await assert.rejects(importOnnx(join(folder, "none.onnx")), { code: "ERR_MODEL_NOT_FOUND", message: /none\.onnx does not exist/ });
  await assert.rejects(importOnnx(readFileSync(modelFile("mlp")).subarray(0, 900)), OnnxError);
  const branch = (name: string) => ({ name, type: attributeType.graph, g: { node: [{ opType: "Relu", input: ["x"], output: [name] }], output: [{ name }] } });
  const model = await importOnnx(
    file({
      node: [
        { opType: "ReduceSum", input: ["x"], output: ["sum"], attribute: [{ name: "keepdims", i: 0, type: attributeType.int }] },
        { opType: "Greater", input: ["sum", "zero"], output: ["positive"] },
        { opType: "If", name: "choice", input: ["positive"], output: ["y"], attribute: [branch("then_branch"), branch("else_branch")] },
      ],
      initializer: [floats("zero", [], [0])],
    }),
  );
  assert.throws(() => model({ x: zeros([1, 2]) }), { code: "ERR_ONNX_CONDITION", message: /node choice \(If\): which branch is taken depends on the data/ });
  assert.match(model.summary(), /known when it is called/);
  assert.throws(() => model.forward({ x: zeros([1, 2]) }), { code: "ERR_TRACE_NONE" });
});

test("a model without named sizes is called with any", async () => {
  const golden = goldenModel("mlp");
  const model = await importOnnx(readFileSync(modelFile("mlp")));
  assert.ok(model instanceof OnnxModel);
  assert.deepEqual(model(inputsOf(golden)).logits!.shape, [5, 3]);
  assert.match(String(model), /^OnnxModel\(the model: x -> logits\)$/);
});

test("a damaged file is read, or refused with an error of the library", async () => {
  const originals = ["mlp", "cnn", "external"].map((name) => [name, readFileSync(modelFile(name))] as const);
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...originals),
      fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(255)), { minLength: 1, maxLength: 4 }),
      async ([name, original], flips) => {
        const bytes = Uint8Array.from(original);
        for (const [where, value] of flips) bytes[Math.min(Math.floor(where * bytes.length), bytes.length - 1)] = value;
        const place = join(folder, `${name}.onnx`);
        writeFileSync(place, bytes);
        if (name === "external") writeFileSync(join(folder, "external.onnx.data"), readFileSync(`${modelFile(name)}.data`));
        try {
          (await importOnnx(place)).summary();
        } catch (error) {
          assert.ok(error instanceof AccelerateError, `${error instanceof Error ? error.stack : error}`);
        }
      },
    ),
    { numRuns: 150 },
  );
});

test("options and files that are none are told by name", async () => {
  const mlp = modelFile("mlp");
  await assert.rejects(importOnnx(mlp, { input: ["x"] } as object), {
    code: "ERR_OPTIONS",
    message: /importOnnx has no option input: its options are inputs, outputs, trainable/,
  });
  await assert.rejects(importOnnx(mlp, { outputs: "logits" as never }), /importOnnx: outputs is "logits": give a list of names/);
  await assert.rejects(importOnnx(mlp, { trainable: ["head.bias"] as never }), /importOnnx: trainable is .* give a function/);
  await assert.rejects(importOnnx(folder), { code: "ERR_MODEL_NOT_FOUND", message: /is a folder, not an ONNX file/ });
});
