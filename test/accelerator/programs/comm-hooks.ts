// Gradients over hosts with a communication hook, against the plain mean that every worker works out for itself. Prints { bytes, worst } of each hook from every host's first worker.
import assert from "node:assert/strict";
import { Accelerator, SGD, tensor } from "accelerate-ts";
import { Linear, Module } from "accelerate-ts/nn";
import type { CommHook, DdpOptions } from "accelerate-ts";
import type { Tensor } from "accelerate-ts";

const plain: CommHook & { calls: number; bytes: number } = {
  name: "counted",
  calls: 0,
  bytes: 0,
  async reduce(bucket, link) {
    plain.calls++;
    plain.bytes += bucket.data.byteLength;
    for (const { data, shape, name } of bucket.gradients)
      assert.equal(
        data.length,
        shape.reduce((a, b) => a * b, 1),
        name,
      );
    await link.sum(bucket.data);
  },
};
const powers = { startPowerSgdIter: 0 };
const hooks: readonly (readonly [label: string, ddp: DdpOptions])[] = [
  ["no", {}],
  ["fp16", { commHook: "fp16" }],
  ["bf16", { commHook: "bf16" }],
  ["wrapper", { commWrapper: "fp16" }],
  ["powerSgd 1", { commHook: "powerSgd", commStateOption: powers }],
  ["powerSgd 2", { commHook: "powerSgd", commStateOption: { ...powers, matrixApproximationRank: 2 } }],
  ["powerSgd fp16", { commHook: "powerSgd", commWrapper: "fp16", commStateOption: powers }],
  ["powerSgd bf16", { commHook: "powerSgd", commWrapper: "bf16", commStateOption: powers }],
  ["batchedPowerSgd", { commHook: "batchedPowerSgd", commStateOption: { ...powers, matrixApproximationRank: 4 } }],
  ["custom", { commHook: plain, bucketCapMb: 0.004 }],
];

class Two extends Module {
  readonly first = new Linear(48, 32);
  readonly second = new Linear(32, 24);
  forward(x: Tensor): Tensor {
    return this.second(this.first(x)).mul(0.1).mean();
  }
}
interface Plans {
  readonly bytes: Record<string, number>;
  readonly worst: Record<string, number>;
}
const plans: Plans = { bytes: {}, worst: {} };
for (const [label, ddp] of hooks) {
  await using accelerator = new Accelerator({ seed: 5, ddp });
  const { processIndex: rank, numProcesses: world } = accelerator;
  const input = (r: number, step: number) => tensor([Array.from({ length: 48 }, (_, i) => Math.sin(i + r + step))]);
  const model = new Two();
  const optimizer = new SGD(model.parameters(), { lr: 0.1 });
  await accelerator.prepare(model, optimizer);
  plans.worst[label] = 0;
  let before = 0;
  for (let step = 0; step < 3; step++) {
    // What plain gradients are: those of all workers, one after the other, in a copy of the model.
    const lone = new Two();
    const own = [...model.parameters()];
    for (const [i, p] of [...lone.parameters()].entries()) p.set(own[i]!.values().slice());
    for (let r = 0; r < world; r++) await lone(input(r, step)).backward();
    const expected = [...lone.parameters()].map((p) => p.segment()!.grad.map((g) => g / world));
    before = accelerator.bytesBetweenHosts;
    await accelerator.backward(model(input(rank, step)));
    for (const [i, p] of own.entries()) {
      const got = (await p.grad!.data()) as Float32Array;
      for (const [j, g] of got.entries())
        plans.worst[label] = Math.max(plans.worst[label]!, Math.abs(g - expected[i]![j]!) - 1e-2 * Math.abs(expected[i]![j]!));
    }
    await optimizer.step();
    optimizer.zeroGrad();
    const all = await accelerator.gatherObject([JSON.stringify(own.map((p) => [...p.values()]))]);
    assert.equal(new Set(all).size, 1, `${label}: all workers hold the same bits`);
  }
  plans.bytes[label] = accelerator.bytesBetweenHosts - before;
  assert.ok(plans.worst[label]! <= 1e-2, `${label}: ${plans.worst[label]}`);
  if (label === "custom" && accelerator.bytesBetweenHosts > 0) assert.ok(plain.calls > 3, `${plain.calls} buckets`);
  // What a resumed run needs.
  if (label === "powerSgd 1" && accelerator.bytesBetweenHosts > 0) {
    const state = accelerator.commHook!.stateDict!() as { iteration: number; matrices: object };
    assert.equal(state.iteration, 3);
    assert.equal(Object.keys(state.matrices).length, 2);
    accelerator.commHook!.loadStateDict!(structuredClone(state));
  }
}
console.log(JSON.stringify(plans));
