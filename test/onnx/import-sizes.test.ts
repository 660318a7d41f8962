// Sizes that exporters compute in a roundabout way: in floats, backwards, by powers. Where the inputs' sizes are fixed, they are known before anything runs.
import assert from "node:assert/strict";
import { test } from "node:test";
import { encode } from "../../src/graph/onnx/encode.js";
import { attributeType, type NodeProto, type TensorProto } from "../../src/graph/onnx/schema.js";
import { importOnnx } from "../../src/onnx/index.js";
import { tensor } from "../../src/tensor/index.js";

const int = (name: string, i: number) => ({ name, i, type: attributeType.int });
const ints = (name: string, numbers: readonly number[], dims = [numbers.length]): TensorProto => ({
  name,
  dims,
  dataType: 7,
  rawData: new Uint8Array(BigInt64Array.from(numbers, BigInt).buffer),
});
const scalar = (name: string, x: number): TensorProto => ({ name, dims: [], dataType: 1, rawData: new Uint8Array(Float32Array.of(x).buffer) });

test("a size by way of a square root, and pads listed from the end", async () => {
  const node: NodeProto[] = [
    { opType: "Shape", input: ["x"], output: ["shape"] },
    { opType: "Gather", input: ["shape", "one"], output: ["length"] },
    { opType: "Cast", input: ["length"], output: ["real"], attribute: [int("to", 1)] },
    { opType: "Pow", input: ["real", "half"], output: ["root"] },
    { opType: "Cast", input: ["root"], output: ["side"], attribute: [int("to", 7)] },
    { opType: "Unsqueeze", input: ["side", "zeros"], output: ["sides"] },
    { opType: "Concat", input: ["open", "sides", "sides"], output: ["square"], attribute: [int("axis", 0)] },
    { opType: "Reshape", input: ["x", "square"], output: ["image"] },
    // [[0, 0], [1, 0], [0, 2]] from the last dim to the first, as torch lists pads.
    { opType: "Slice", input: ["pairs", "minusOne", "least", "zeros", "minusOne"], output: ["turned"] },
    { opType: "Transpose", input: ["turned"], output: ["columns"], attribute: [{ name: "perm", ints: [1, 0], type: attributeType.ints }] },
    { opType: "Reshape", input: ["columns", "minusOne"], output: ["pads"] },
    { opType: "Pad", input: ["image", "pads"], output: ["y"] },
  ];
  const initializer = [
    ints("one", [1], []),
    scalar("half", 0.5),
    ints("zeros", [0]),
    ints("open", [-1]),
    ints("minusOne", [-1]),
    ints("least", [-(2 ** 53)]),
    ints("pairs", [0, 2, 1, 0, 0, 0], [3, 2]),
  ];
  const input = [{ name: "x", type: { tensorType: { elemType: 1, shape: { dim: [{ dimParam: "n" }, { dimValue: 4 }] } } } }];
  const model = await importOnnx(
    encode("ModelProto", { irVersion: 8, opsetImport: [{ version: 17 }], graph: { node, initializer, input, output: [{ name: "y" }] } }),
  );
  const { y } = model({ x: tensor([[1, 2, 3, 4]]) });
  assert.deepEqual(y!.shape, [1, 3, 4]);
  const rows = [
    [0, 0, 0, 0],
    [1, 2, 0, 0],
    [3, 4, 0, 0],
  ];
  assert.deepEqual(await y!.toArray(), [rows]);
  assert.match(model.summary(), /y {2}float32 {2}\[n, 3, 4\]/);
});
