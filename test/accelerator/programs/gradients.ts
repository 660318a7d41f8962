// Gradients over workers, asserted by every worker itself: reading, clipping, several optimizers, parameters that come later, state. Ends with "ok" from the main process.
import assert from "node:assert/strict";
import { Accelerator, AdamW, clipGradValue, Engine, SGD, setSeed, type Tensor, tensor } from "accelerate-ts";
import { Dropout, Linear, Module, type Parameter } from "accelerate-ts/nn";

await using accelerator = new Accelerator({ seed: 3 });
const { processIndex: rank, numProcesses: world } = accelerator;
const ranks = Array.from({ length: world }, (_, r) => r);
const total = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0);
const mean = (f: (r: number) => number) => Math.fround(total(ranks.map(f)) / world);
const near = (actual: ArrayLike<number>, expected: readonly number[], within = 1e-6) => {
  assert.equal(actual.length, expected.length);
  for (const [i, e] of expected.entries()) assert.ok(Math.abs(actual[i]! - e) <= within, `${[...Array.from(actual)]} instead of ${expected}`);
};
const everywhere = async (value: unknown) => {
  const all = await accelerator.gatherObject([JSON.stringify(value)]);
  for (const other of all) assert.equal(other, all[0]);
};

class Model extends Module {
  readonly layer = new Linear(2, 1, { bias: false });
  readonly rare = new Linear(2, 1, { bias: false });
  late: Linear | undefined;
  forward(x: Tensor, rare: boolean): Tensor {
    let y = this.layer(x);
    if (rare) y = y.add(this.rare(x));
    if (this.late) y = y.add(this.late(x));
    return y.sum();
  }
}
const model = new Model();
const optimizer = new SGD(model.layer.parameters(), { lr: 0.5 });
const other = new AdamW(model.rare.parameters(), { lr: 0.1 });
await accelerator.prepare(optimizer, model, other);
const w = model.layer.weight;
const x = tensor([[rank + 1, 10 * (rank + 1)]]); // the gradient of the layer's weight is x itself
const start = [...w.values()];

// A read brings the gradients together, once; a later backward makes that void.
await accelerator.backward(model(x, false));
near(await w.grad!.data(), [mean((r) => r + 1), mean((r) => 10 * (r + 1))]);
near(await w.grad!.data(), [mean((r) => r + 1), mean((r) => 10 * (r + 1))]);
await accelerator.backward(model(x, false));
near(await w.grad!.data(), [2 * mean((r) => r + 1), 2 * mean((r) => 10 * (r + 1))]);
assert.equal(await accelerator.clipGradNorm(model.parameters(), 1e9), Math.hypot(2 * mean((r) => r + 1), 2 * mean((r) => 10 * (r + 1))));
await optimizer.step();
near(w.values(), [start[0]! - mean((r) => r + 1), start[1]! - mean((r) => 10 * (r + 1))], 1e-5);
optimizer.zeroGrad();
// A parameter without a gradient on any worker: none, and nothing happens to it.
const rareBefore = [...model.rare.weight.values()];
await other.step();
assert.deepEqual([...model.rare.weight.values()], rareBefore);

// Only the last worker has one: the others count as zeros, and all hold the result.
await accelerator.backward(model(x, rank === world - 1));
const rareGrad = await model.rare.weight.grad!.data();
near(rareGrad, [1, 10]); // (world * [1, 10]) / world
await clipGradValue(model.rare.parameters(), 2);
near(await model.rare.weight.grad!.data(), [1, 2]);
await other.step();
await everywhere([...model.rare.weight.values()]);
assert.notDeepEqual([...model.rare.weight.values()], rareBefore);
other.zeroGrad();
optimizer.zeroGrad();

// Clipping by norm: the factor reaches the update and what is read.
await accelerator.backward(model(x, false));
const norm = await accelerator.clipGradNorm(model.parameters(), 1);
near(await w.grad!.data(), [mean((r) => r + 1) / (norm + 1e-6), mean((r) => 10 * (r + 1)) / (norm + 1e-6)]);
for (const [normType, expected] of [
  [Number.POSITIVE_INFINITY, mean((r) => 10 * (r + 1)) / norm],
  [1, (11 * mean((r) => r + 1)) / norm],
  [3, Math.cbrt(1001) * (mean((r) => r + 1) / norm)],
] as const)
  near([await accelerator.clipGradNorm(model.parameters(), 1e9, { normType })], [expected], 1e-5);
await optimizer.step();
optimizer.zeroGrad();
await everywhere([...w.values()]);

// State lies once per host and is whole on every worker; it is loaded as it was saved.
const saved = other.stateDict();
await everywhere(saved);
assert.equal((Object.values(saved.state)[0]!.exp_avg as ArrayLike<number>).length, 2);
other.loadStateDict(structuredClone(saved));
await accelerator.waitForEveryone();
await everywhere(other.stateDict());

// A layer that is made after prepare, frozen parameters that thaw.
setSeed(9 + rank); // workers would start elsewhere: rank 0's values count
model.late = new Linear(2, 1, { bias: false });
const third = new AdamW(model.late.parameters(), { lr: 0.1 });
await accelerator.prepare(third);
await everywhere([...model.late.weight.values()]);
model.layer.requiresGrad(false);
const frozen = [...w.values()];
for (let step = 0; step < 3; step++) {
  if (step === 2) model.layer.requiresGrad(true);
  await accelerator.backward(model(x, false));
  await third.step();
  await optimizer.step();
  third.zeroGrad();
  optimizer.zeroGrad();
  if (step < 2) assert.deepEqual([...w.values()], frozen);
}
assert.notDeepEqual([...w.values()], frozen);
await everywhere([[...model.late.weight.values()], [...w.values()]]);

// Layers that a prepared model and optimizer grow by themselves.
class Growing extends Module {
  readonly layers: Linear[] = [new Linear(2, 2)];
  forward(input: Tensor): Tensor {
    return this.layers.reduce<Tensor>((y, layer) => layer(y), input).sum();
  }
}
const growing = new Growing();
const grower = new AdamW(growing.parameters(), { lr: 0.01 });
await accelerator.prepare(growing, grower);
for (let step = 0; step < 4; step++) {
  if (step === 2) growing.layers.push(new Linear(2, 2));
  await accelerator.backward(growing(x));
  await accelerator.clipGradNorm(growing.parameters(), 1);
  await grower.step();
  grower.zeroGrad();
  await everywhere([...growing.parameters()].map((p: Parameter) => [...p.values()]));
}

// Dropout: a mask of its own on each worker, the same again from the same seed.
const dropout = new Dropout(0.5);
const ones = tensor(Array.from({ length: 64 }, () => 1));
const masks = await accelerator.gatherObject([String(await dropout(ones).toArray())]);
assert.equal(new Set(masks).size, world);

// In one process nothing is gathered and gradients are live views.
if (world === 1) assert.equal(w.grad, undefined);
assert.ok(Engine.default().threads >= 1);
accelerator.print("ok");
