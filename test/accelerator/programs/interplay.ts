// What happens between a clip, a step and the next: other optimizers, evaluations on one worker, probes, state that was there before. Every worker asserts it; ends with "ok".
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { Accelerator, AdamW, SGD, tensor } from "accelerate-ts";
import { Linear } from "accelerate-ts/nn";

await using accelerator = new Accelerator({ seed: 4 });
const { processIndex: rank, numProcesses: world } = accelerator;
const ranks = Array.from({ length: world }, (_, r) => r);
const size = 400;
const x = tensor([Array.from({ length: size }, (_, i) => (i % 7) + 1)]);
const make = () => new Linear(size, size, { bias: false });
const largest = (a: Float32Array, b: Float32Array) => a.reduce((worst, v, i) => Math.max(worst, Math.abs(v - b[i]!)), 0);

const [one, two] = [make(), make()];
const [first, second] = [new SGD(one.parameters(), { lr: 1 }), new SGD(two.parameters(), { lr: 1 })];
await accelerator.prepare(one, first, two, second);
const probe = new Linear(size, 1);

// The main process takes its time with old parameters: the others may not update them meanwhile.
const stays = async (layer: Linear, before: Float32Array) => {
  if (rank === 0) await sleep(30);
  assert.deepEqual(layer.weight.values(), before);
};
for (let step = 0; step < 3; step++) {
  const [a, b] = [one.weight.values().slice(), two.weight.values().slice()];
  await accelerator.backward(one(x).mean().add(two(x).mean()));
  await accelerator.clipGradNorm([...one.parameters(), ...two.parameters()], 1e9);
  await stays(one, a);
  await first.step();
  await stays(two, b);
  await second.step();
  assert.notDeepEqual(two.weight.values(), b);
  first.zeroGrad();
  second.zeroGrad();
}

// What was clipped stays clipped when another optimizer forgets its gradients, and when one worker alone differentiates something else.
const [a, b] = [one.weight.values().slice(), two.weight.values().slice()];
await accelerator.backward(one(x).sum().add(two(x).sum()));
await accelerator.clipGradNorm([...one.parameters(), ...two.parameters()], 1);
await first.step();
first.zeroGrad();
if (rank === world - 1) await probe(x).sum().backward();
await second.step();
second.zeroGrad();
for (const [layer, before] of [
  [one, a],
  [two, b],
] as const) {
  const moved = largest(layer.weight.values(), before);
  assert.ok(moved > 0 && moved < 0.1, `moved by ${moved}`);
}

// Nor does a backward into another model undo it: one arena holds gradients that are reduced and gradients that are not.
const [c, d] = [one.weight.values().slice(), two.weight.values().slice()];
await accelerator.backward(one(x).sum());
await accelerator.clipGradNorm(one.parameters(), 1);
await accelerator.backward(two(x).sum());
await first.step();
await second.step();
assert.ok(largest(one.weight.values(), c) < 0.1);
assert.ok(largest(two.weight.values(), d) > 6.9);
// It does into the same one: gradients as they are, as often as there was a backward.
await accelerator.backward(one(x).sum());
const e = one.weight.values().slice();
await first.step();
const moved = largest(one.weight.values(), e);
assert.ok(Math.abs(moved - 14) < 1e-4, `moved by ${moved}`);
first.zeroGrad();
second.zeroGrad();
const hashes = await accelerator.gatherObject([String([...one.weight.values().subarray(0, 100), ...two.weight.values().subarray(0, 100)])]);
assert.equal(new Set(hashes).size, 1);

// An optimizer that has made steps or was loaded before prepare: rank 0's state counts, and a worker that comes late does not bring back what was.
const [plain, shared] = [make(), make()];
shared.weight.set(plain.weight.values());
const [own, prepared] = [plain, shared].map((layer) => new AdamW(layer.parameters(), { lr: 0.1 })) as [AdamW, AdamW];
for (let step = 0; step < 2; step++) {
  await plain(x).sum().backward();
  await own.step();
  own.zeroGrad();
}
shared.weight.set(plain.weight.values());
prepared.loadStateDict(own.stateDict());
if (rank > 0) {
  // Went astray before it was prepared.
  await shared(x.mul(rank)).sum().backward();
  await prepared.step();
  prepared.zeroGrad();
}
await accelerator.prepare(shared, prepared);
const late = prepared.paramGroups[0]!;
// Whatever the optimizer does for itself at the begin of a step, the last worker does later than the others.
if (rank === world - 1) {
  Object.defineProperty(late, "lr", {
    get: () => {
      for (const end = performance.now() + 30; performance.now() < end; );
      return 0.1;
    },
  });
}
for (let step = 0; step < 2; step++) {
  await accelerator.backward(shared(x).sum());
  await prepared.step();
  prepared.zeroGrad();
  await plain(x).sum().backward();
  await own.step();
  own.zeroGrad();
}
const moments = (optimizer: AdamW) => Object.values(optimizer.stateDict().state)[0] as unknown as Record<string, Float32Array>;
const [expected, actual] = [moments(own), moments(prepared)];
assert.equal(actual.step, expected.step);
for (const key of ["exp_avg", "exp_avg_sq"]) assert.ok(largest(actual[key]!, expected[key]!) <= 1e-5 * largest(expected[key]!, new Float32Array(size * size)));
assert.ok(largest(shared.weight.values(), plain.weight.values()) <= 1e-5);

// Calls that were not awaited go out in the order in which they were made, also where a value was known before on one worker alone.
const product = tensor([rank]).mul(tensor([2]));
if (rank === 0) await product.data();
const [products, numbers, objects] = await Promise.all([
  accelerator.gather(product),
  accelerator.gather(tensor([100 + rank])),
  accelerator.gatherObject([rank]),
  accelerator.waitForEveryone(),
]);
assert.deepEqual(
  await products.toArray(),
  ranks.map((r) => 2 * r),
);
assert.deepEqual(
  await numbers.toArray(),
  ranks.map((r) => 100 + r),
);
assert.deepEqual(objects, ranks);

// A second Accelerator takes over what the first one has prepared.
const weights = shared.weight.values().slice();
await accelerator.backward(shared(x).sum());
await accelerator.close();
if (world > 1)
  await assert.rejects(prepared.step(), { code: "ERR_ACCELERATOR_CLOSED", message: /^optimizer\.step after the Accelerator was disposed of: keep it/ });
prepared.zeroGrad();
await using next = new Accelerator();
await next.prepare(shared, prepared);
assert.deepEqual(shared.weight.values(), weights);
await next.backward(shared(x).sum());
await prepared.step();
assert.equal(prepared.stateDict().state.weight?.step, 5);
await assert.rejects(accelerator.gather(x), { code: "ERR_ACCELERATOR_CLOSED" });
next.print("ok");
