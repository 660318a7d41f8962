// One of several workers with a GPU each. Gradients and values are written by hand, so that what comes out is known also where kernels compute nothing. Ends with "nccl ..." from each worker.
import assert from "node:assert/strict";
import { Accelerator, AdamW, setSeed, tensor } from "accelerate-ts";
import { Linear, Module } from "accelerate-ts/nn";
import type { Tensor } from "accelerate-ts";
import { defaultExecutor, type ArenaSegment, type Parameter } from "../../../src/tensor/index.js";

class Model extends Module {
  readonly first = new Linear(37, 29);
  readonly second = new Linear(29, 41);
  readonly unused = new Linear(41, 3);
  forward(x: Tensor): Tensor {
    return this.second(this.first(x)).sum();
  }
}

setSeed(3);
await using accelerator = new Accelerator({ seed: 3, device: "cuda", ddp: { bucketCapMb: 0.004 } });
const { processIndex: rank, numProcesses: world } = accelerator;
const model = new Model();
const optimizer = new AdamW(model.parameters(), { lr: 1e-2 });
await accelerator.prepare(model, optimizer);
const context = defaultExecutor().context!;
assert.equal(context.device.type, "cuda");
const segmentOf = (p: Parameter): ArenaSegment => p.segment()!;
const used = [...model.first.parameters(), ...model.second.parameters()];

/** As if a backward had written it. */
function give(p: Parameter, value: (i: number) => number): void {
  const s = segmentOf(p);
  s.grad.set(Float32Array.from({ length: s.length }, (_, i) => value(i)));
  s.gradWritten();
  s.hasGrad = true;
  s.writes++;
}
const near = (actual: ArrayLike<number>, expected: (i: number) => number, what: string): void => {
  for (let i = 0; i < actual.length; i++)
    assert.ok(Math.abs(actual[i]! - expected(i)) <= 1e-5 * Math.max(1, Math.abs(expected(i))), `${what}: ${actual[i]} is not ${expected(i)} at ${i}`);
};

await accelerator.accumulate(model, async () => {
  // A worker's window counts a backward; what it has computed is written over.
  await accelerator.backward(model.forward(tensor([Array.from({ length: 37 }, () => 1)])));
  for (const [k, p] of used.entries()) {
    if (k === 1 && rank === 0) segmentOf(p).hasGrad = false;
    else give(p, (i) => (rank + 1) * (i + k));
  }
  const share = (world * (world + 1)) / 2 / world;
  for (const [k, p] of used.entries())
    near((await p.grad!.data()) as Float32Array, (i) => (k === 1 ? share - 1 / world : share) * (i + k), `mean of ${p.name}`);

  // Values as if owners had updated them: each worker's own.
  for (const p of used) {
    p.set(new Float32Array(segmentOf(p).length).fill(rank + 1));
  }
  await optimizer.step();
  await context.synchronize();
});
const owners = new Set<number>();
for (const p of used) for (const x of p.values()) owners.add(x);
assert.deepEqual(
  [...owners].sort(),
  Array.from({ length: world }, (_, r) => r + 1),
  "everybody has the values of their owners",
);
const all = await accelerator.gatherObject([JSON.stringify([...model.parameters()].map((p) => [...p.values()]))]);
assert.equal(new Set(all).size, 1, "all workers hold the same");

// State lies with its owner alone, and is whole where somebody asks for it.
const { state } = await accelerator.optimizerState(optimizer);
for (const p of used) assert.equal((state[p.name]!.exp_avg as Float32Array).length, segmentOf(p).length);
const kept = optimizer.places.on(segmentOf(used[0]!).arena).map((s) => (s.parts ?? []).reduce((sum, { begin, end }) => sum + end - begin, 0));
const elements = segmentOf(used[0]!).arena.length;
assert.ok(
  kept.every((n) => n > 0 && n <= elements / world + 16 * world * 8),
  `${kept} of ${elements}`,
);
console.log(`nccl ${rank} of ${world}`);
