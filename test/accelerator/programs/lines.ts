// Models of one weight for programs about accumulation: lines fitted to y = 2x + 3, with their gradients in double precision, and sums whose gradient is the input itself.
import assert from "node:assert/strict";
import { Accelerator, type AcceleratorOptions, DataLoader, SGD, type Tensor, tensor } from "accelerate-ts";
import { Linear, mseLoss } from "accelerate-ts/nn";

export const made = async (options: AcceleratorOptions = {}, rows = 80, batchSize = 16) => {
  const accelerator = new Accelerator({ seed: 1, ...options });
  const model = new Linear(1, 1);
  for (const p of model.parameters()) p.set(Float32Array.of(0));
  const optimizer = new SGD(model.parameters(), { lr: 0.02 });
  const data = Array.from({ length: rows }, (_, i) => ((i * 37) % rows) / rows);
  const loader = new DataLoader(data, { batchSize, collateFn: (x: number[]) => x });
  await accelerator.prepare(model, optimizer, loader);
  return { accelerator, model, optimizer, loader };
};
export type Made = Awaited<ReturnType<typeof made>>;

/** y = 2x + 3. */
export const lossOf = (model: Linear, x: readonly number[]): Tensor => mseLoss(model(tensor(x.map((v) => [v]))), tensor(x.map((v) => [2 * v + 3])));
export interface Line {
  readonly a: number;
  readonly b: number;
}
export const lineOf = (model: Linear): Line => ({ a: model.weight.values()[0]!, b: model.bias!.values()[0]! });
/** The gradient of the mean square error of a * x + b. */
export const gradient = ({ a, b }: Line, x: readonly number[]): Line => {
  const errors = x.map((v) => a * v + b - (2 * v + 3));
  const mean = (f: (e: number, v: number) => number) => (2 * errors.reduce((sum, e, i) => sum + f(e, x[i]!), 0)) / x.length;
  return { a: mean((e, v) => e * v), b: mean((e) => e) };
};
/** Mean of gradients by weight. */
export const meanOf = (parts: readonly (readonly [weight: number, gradient: Line])[]): Line => {
  const total = parts.reduce((sum, [w]) => sum + w, 0);
  const mean = (key: keyof Line) => parts.reduce((sum, [w, g]) => sum + w * g[key], 0) / total;
  return { a: mean("a"), b: mean("b") };
};
export const sumOf = (parts: readonly Line[]): Line => ({ a: parts.reduce((s, g) => s + g.a, 0), b: parts.reduce((s, g) => s + g.b, 0) });
export const read = async (model: Linear): Promise<Line> => ({ a: (await model.weight.grad!.data())[0]!, b: (await model.bias!.grad!.data())[0]! });
export const near = (actual: Line, expected: Line, where = "", within = 2e-6) => {
  for (const key of ["a", "b"] as const)
    assert.ok(
      Math.abs(actual[key] - expected[key]) <= within * Math.max(1, Math.abs(expected[key])),
      `${where}: ${key} is ${actual[key]} instead of ${expected[key]}`,
    );
};
export const apart = (one: Line, other: Line, where: string) => assert.ok(Math.abs(one.a - other.a) > 1e-4, where);

/** Gradients of a rank and call, small integers: x itself. */
export const ones = async (options: AcceleratorOptions = {}) => {
  const accelerator = new Accelerator({ seed: 1, ...options });
  const model = new Linear(1, 1, { bias: false });
  model.weight.set(Float32Array.of(0));
  const optimizer = new SGD(model.parameters(), { lr: 1 });
  await accelerator.prepare(model, optimizer);
  const loss = (x: number) => model(tensor([[x]])).sum();
  const value = () => model.weight.values()[0]!;
  const grad = async () => (await model.weight.grad!.data())[0]!;
  const finish = async () => {
    await optimizer.step();
    optimizer.zeroGrad();
    const moved = 0 - value();
    await accelerator.waitForEveryone();
    if (accelerator.isLocalMainProcess) model.weight.set(Float32Array.of(0));
    await accelerator.waitForEveryone();
    return moved;
  };
  return { accelerator, model, optimizer, loss, value, grad, finish };
};
