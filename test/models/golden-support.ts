// Reads the model goldens and compares with them to the project's bound.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../../src/package-root.js";
import { type NestedNumbers, type Tensor, tensor } from "../../src/tensor/index.js";

export const goldenFile = (name: string): string => join(packageRoot(), "test/golden/models", name);
export const readGolden = <T>(name: string): T => JSON.parse(readFileSync(goldenFile(name), "utf8")) as T;

/** Columns of whole numbers as an int64 batch. */
export function int64Batch<K extends string>(columns: Readonly<Record<K, NestedNumbers>>): { readonly [key in K]: Tensor } {
  return Object.fromEntries(Object.entries(columns).map(([key, values]) => [key, tensor(values as NestedNumbers, { dtype: "int64" })])) as {
    readonly [key in K]: Tensor;
  };
}

export const flatNumbers = (values: NestedNumbers): number[] => (typeof values === "number" ? [values] : values.flatMap(flatNumbers));

/** |actual - expected| <= bound, number by number; the message says where. */
export function near(actual: ArrayLike<number>, expected: ArrayLike<number>, bound: number, what: string): void {
  assert.equal(actual.length, expected.length, `${what}: ${actual.length} numbers, not ${expected.length}`);
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs(actual[i]! - expected[i]!);
    assert.ok(difference <= bound, `${what}[${i}]: ${actual[i]}, expected ${expected[i]}, off by ${difference}, allowed ${bound}`);
  }
}

/** How far a gradient may be off: 5e-5 of the tensor's greatest entry + 1e-7 of the norm of all gradients. */
export const gradientBound = (max: number, norm: number): number => 5e-5 * max + 1e-7 * norm;
export const maxAbs = (values: ArrayLike<number>): number => Array.from(values).reduce((a, b) => Math.max(a, Math.abs(b)), 0);
export const normOf = (tensors: Iterable<ArrayLike<number>>): number =>
  Math.sqrt([...tensors].reduce((sum, t) => sum + Array.from(t).reduce((a, b) => a + b * b, 0), 0));
