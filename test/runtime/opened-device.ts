// What tests of opened devices have in common.
import assert from "node:assert/strict";
import { EngineError } from "../../src/runtime/index.js";
import type { DeviceArray, DeviceContext } from "../../src/runtime/index.js";
import { testDevices } from "../support/devices.js";
import { tinyModel } from "../support/tiny-model.js";

/** Holds an error against its code, and words that its message says. */
export const code =
  (wanted: string, ...words: string[]) =>
  (error: unknown) => {
    assert.ok(error instanceof EngineError, String(error));
    assert.equal(error.code, wanted, error.message);
    for (const word of words) assert.ok(error.message.includes(word), `${error.message} does not say ${word}`);
    return true;
  };

/** The devices that are here; a kind of them where the process was given one. */
export const devices = () => {
  const only = process.argv[2] as "webgpu" | "cuda" | undefined;
  return testDevices(only ? [only] : undefined);
};

/** y = x w, loss = sum y. */
export const matmul = () =>
  tinyModel({
    inputs: [
      { name: "x", dtype: "float32", shape: ["n", 4] },
      { name: "w", dtype: "float32", shape: [4, 3] },
    ],
    outputs: [{ name: "y", dtype: "float32", shape: ["n", 3] }],
    nodes: [{ op: "MatMul", inputs: ["x", "w"], outputs: ["y"], name: "product" }],
  });

/** Numbers of a device whose kernels compute, or compute nothing. */
export const handsOn = (context: () => DeviceContext, computes: boolean) => ({
  put(values: readonly number[], shape: readonly number[] = [values.length]): DeviceArray {
    const array = context().allocate("float32", shape);
    context().uploadNow(new Float32Array(values), array);
    return array;
  },
  /** What a run wrote, where kernels compute. */
  computed(actual: ArrayLike<number>, expected: readonly number[]): void {
    if (computes) assert.deepEqual([...(actual as Iterable<number> & ArrayLike<number>)], expected);
  },
  get(array: DeviceArray): number[] {
    const values = new Float32Array(array.length);
    context().downloadNow(array, values);
    return [...values];
  },
});
