// What the tests of tensors share: a model with and one without dropout, and comparisons.
import assert from "node:assert/strict";
import { AccelerateError } from "../../src/errors.js";
import { Module } from "../../src/nn/module.js";
import { apply, Parameter, type Tensor, tensor } from "../../src/tensor/index.js";

export const code = (expected: string) => (error: unknown) => error instanceof AccelerateError && error.code === expected;
export const close = (actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance = 1e-5) => {
  assert.equal(actual.length, expected.length);
  for (let i = 0; i < actual.length; i++) assert.ok(Math.abs(actual[i]! - expected[i]!) <= tolerance, `position ${i}: ${actual[i]} is not ${expected[i]}`);
};
export const gradOf = async (p: Parameter): Promise<number[]> => Array.from(await p.grad!.data());

/** y = x w + b, [B, 2] -> [B, 2] */
export class Affine extends Module {
  readonly w = new Parameter(
    tensor([
      [1, 2],
      [3, 4],
    ]),
  );
  readonly b = new Parameter(tensor([0.5, -0.5]));
  traced = 0;
  forward(x: Tensor): Tensor {
    this.traced++;
    return x.matmul(this.w).add(this.b);
  }
}
export class Noisy extends Module {
  readonly w = new Parameter(tensor([1, 2, 3, 4]));
  forward(x: Tensor): { dropped: Tensor; loss: Tensor } {
    const dropped = this.training ? apply("dropout", [x.mul(this.w)], { p: 0.5 }) : x.mul(this.w);
    return { dropped, loss: dropped.sum() };
  }
}
export const x2 = tensor([
  [1, 1],
  [2, 0],
]);
