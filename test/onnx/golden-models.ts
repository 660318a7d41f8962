// The files of test/golden/onnx/models (made by test/golden/make/onnx_models.py), with what torch says of them.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type DType, type TensorData, typedArray } from "../../src/graph/index.js";
import type { OnnxModel } from "../../src/onnx/index.js";
import { packageRoot } from "../../src/package-root.js";
import { SafetensorsFile } from "../../src/safetensors/index.js";
import { fromData, type Tensor } from "../../src/tensor/index.js";

export const modelFolder: string = join(packageRoot(), "test/golden/onnx/models");
export const modelFile = (name: string): string => join(modelFolder, `${name}.onnx`);

interface GoldenTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: readonly number[];
}
interface GoldenRun {
  readonly inputs: Readonly<Record<string, GoldenTensor>>;
  readonly outputs: Readonly<Record<string, GoldenTensor>>;
}
export interface GoldenModel extends GoldenRun {
  readonly loss: number;
  readonly training?: {
    readonly loss: number;
    readonly outputs: Readonly<Record<string, GoldenTensor>>;
    readonly buffers: Readonly<Record<string, readonly number[]>>;
  };
  readonly other?: GoldenRun;
}
export const goldenModel = (name: string): GoldenModel => JSON.parse(readFileSync(join(modelFolder, `${name}.json`), "utf8")) as GoldenModel;

export const dataOf = ({ dtype, shape, data }: GoldenTensor): TensorData => ({ dtype, shape, data: typedArray(dtype, data) });
export function inputsOf({ inputs }: Pick<GoldenRun, "inputs">): Record<string, Tensor> {
  return Object.fromEntries(Object.entries(inputs).map(([name, t]) => [name, fromData<number, DType>(typedArray(t.dtype, t.data), t.shape, t.dtype)]));
}

/** sum(output * cos(0.7 i + 0.3)), i the place of a number. */
export function goldenLoss(outputs: Readonly<Record<string, Tensor>>): Tensor {
  const parts = Object.values(outputs).map((out) => {
    const factors = Float32Array.from({ length: out.shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.cos(0.7 * i + 0.3));
    return out.mul(fromData(factors, out.shape)).sum();
  });
  return parts.reduce((a, b) => a.add(b));
}

export async function checkOutputs(outputs: Readonly<Record<string, Tensor>>, expected: Readonly<Record<string, GoldenTensor>>, bound = 2e-6): Promise<void> {
  for (const [name, { shape, data }] of Object.entries(expected)) {
    const found = outputs[name]!;
    assert.deepEqual(found.shape, shape, name);
    const numbers = await found.data();
    const scale = Math.max(1, ...data.map(Math.abs));
    for (const [i, x] of data.entries()) assert.ok(Math.abs(Number(numbers[i]) - x) <= bound * scale, `${name}[${i}] is ${numbers[i]}, for torch ${x}`);
  }
}

/** Each gradient within 5e-5 of its greatest number and 1e-7 of the norm of all. */
export async function checkGradients(model: OnnxModel<never, unknown>, file: string): Promise<void> {
  await using golden = await SafetensorsFile.open(join(modelFolder, file));
  const expected = new Map<string, Float32Array>();
  for (const name of golden.tensors.keys()) expected.set(name, (await golden.read(name)).data as Float32Array);
  const parameters = new Map(model.namedParameters());
  assert.deepEqual([...parameters.keys()].sort(), [...expected.keys()].sort(), "parameters of the file");
  const norm = Math.hypot(...[...expected.values()].map((all) => Math.hypot(...all)));
  for (const [name, numbers] of expected) {
    const grad = parameters.get(name)!.grad;
    assert.ok(grad, `${name} has no gradient`);
    const found = await grad.data();
    const bound = 5e-5 * numbers.reduce((a, b) => Math.max(a, Math.abs(b)), 0) + 1e-7 * norm;
    for (const [i, x] of numbers.entries()) assert.ok(Math.abs(found[i]! - x) <= bound, `the gradient of ${name} at ${i} is ${found[i]}, for torch ${x}`);
  }
}
