// What goes around training: seeds, files, errors of the main process, types of runs. Ends with "ok" from the main process.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type AccelerateError, Accelerator, DataLoader, Dataset, defaultGenerator, LambdaScheduler, SGD, setSeed, tensor } from "accelerate-ts";
import { Linear } from "accelerate-ts/nn";
import { promised } from "../../support/timing.js";

await using accelerator = new Accelerator({ seed: 5 });
const { processIndex: rank, numProcesses: world } = accelerator;
const folder = process.argv[2]!;
assert.equal(accelerator.distributedType, world > 1 ? "MULTI_CPU" : "NO");
assert.equal(accelerator.mixedPrecision, "no");

// Seeds: weights alike, dropout by rank, or all of it by rank.
const draw = async () => accelerator.gatherObject([[...new Linear(2, 2).weight.values()].join()]);
assert.equal(new Set(await draw()).size, 1);
setSeed(7);
assert.deepEqual([defaultGenerator().state.seed, defaultGenerator().state.rank], [7, rank]);
assert.equal(new Set(await draw()).size, 1);
setSeed(7, { deviceSpecific: true });
assert.deepEqual([defaultGenerator().state.seed, defaultGenerator().state.rank], [7 + rank, rank]);
assert.equal(new Set(await draw()).size, world);
await accelerator.synchronizeRngStates();
assert.deepEqual([defaultGenerator().state.seed, defaultGenerator().state.rank], [7, rank]);
assert.equal(new Set(await draw()).size, 1);

// Files: once, by the main process, and there when the call returns.
const model = new Linear(2, 3);
const state = await accelerator.getStateDict(model);
assert.deepEqual(Object.keys(state), ["weight", "bias"]);
await accelerator.save(state, join(folder, "deep", "weights.safetensors"));
assert.ok(existsSync(join(folder, "deep", "weights.safetensors")));
const copy = new Linear(2, 3);
await copy.load(join(folder, "deep", "weights.safetensors"));
assert.deepEqual(await copy.weight.toArray(), await model.weight.toArray());
((await state.weight!.data()) as Float32Array).fill(0);
assert.notEqual(await copy.weight.at(0, 0).item(), 0, "a state dict is a copy");
await accelerator.save({ epoch: 3, of: [rank, null, "x"] }, join(folder, "notes.json"));
assert.deepEqual(JSON.parse(readFileSync(join(folder, "notes.json"), "utf8")), { epoch: 3, of: [0, null, "x"] });
await accelerator.save(new Map([["a.b", tensor([1], { dtype: "int64" })]]), join(folder, "map.safetensors"));
for (const [value, message] of [
  [{ a: tensor(1), b: 2 }, /a is a tensor and b is none/],
  [{ a: { b: Number.NaN } }, /a\.b is NaN, which JSON cannot hold/],
  [{ a: 1n }, /a is bigint/],
  [{ a: new Map() }, /a is Map/],
  [Dataset.fromRows([{ n: 1 }]), /the value is Dataset/],
] as const)
  await assert.rejects(accelerator.save(value, join(folder, "none")), message);
assert.equal(existsSync(join(folder, "none")), false);
// Where nothing can be written, the main process says why and what to do, and the others name it.
const tooLong = join(folder, "x".repeat(300));
for (const [saving, message, system] of [
  [
    () => accelerator.save({ a: 1 }, join(folder, "notes.json", "deep", "er.json")),
    /er\.json cannot be written \(E.*\): a part of the path is a file/,
    /ENOTDIR|EEXIST/,
  ],
  [() => accelerator.saveModel(model, tooLong), /xxx cannot be written \(ENAMETOOLONG: .*\): give a shorter name/, /ENAMETOOLONG/],
] as const)
  await assert.rejects(saving(), (error: AccelerateError) => {
    assert.equal(error.code, rank === 0 ? "ERR_SAVE" : "ERR_PEER_FAILED");
    assert.match(error.message, message);
    if (rank === 0) assert.match((error.cause as NodeJS.ErrnoException).code!, system);
    return true;
  });
await assert.rejects(accelerator.save({ a: tensor(1) }, folder), /cannot be written \(EISDIR: .*\): it is a directory, give the name of a file/);

// One object is prepared as by prepare; what is set holds for the loaders that follow.
assert.equal(await accelerator.prepareModel(model), model);
const optimizer = new SGD(model.parameters(), { lr: 1 });
assert.equal(await accelerator.prepareOptimizer(optimizer), optimizer);
const scheduler = new LambdaScheduler(optimizer, () => 1);
assert.equal(await accelerator.prepareScheduler(scheduler), scheduler);
const rows = Array.from({ length: world + 1 }, (_, i) => i);
const lengthWith = async (evenBatches: boolean) => {
  accelerator.evenBatches = evenBatches;
  return (await accelerator.prepareDataLoader(new DataLoader(rows))).length;
};
assert.deepEqual([await lengthWith(true), await lengthWith(false)], world > 1 ? [2, rank === 0 ? 2 : 1] : [2, 2]);
const { splitBatches, dispatchBatches, multiDevice, shouldSaveModel } = accelerator;
assert.deepEqual([splitBatches, dispatchBatches, multiDevice, shouldSaveModel], [false, false, world > 1, rank === 0]);

// A tensor is not cloned without its numbers: refused on all workers, also where only one gives it.
const holds = /the value of rank 0 cannot travel: (\[0\]\.a|the value) is a tensor/;
await assert.rejects(accelerator.gatherObject([{ a: rank === 0 ? tensor([1]) : 1 }]), holds);
await assert.rejects(accelerator.broadcastObject(tensor([1])), holds);

// An error of the main process reaches those that wait for it at once.
const started = performance.now();
await assert.rejects(
  accelerator.mainProcessFirst(async () => {
    throw new RangeError("no cache");
  }),
  rank === 0 ? /^RangeError: no cache$/ : /rank 0 failed where the others waited for it \(RangeError: no cache\)/,
);
promised(performance.now() - started, 10_000);
// One of another process is its own: the main process has gone on.
const later = accelerator.mainProcessFirst(() => {
  if (rank === world - 1 && world > 1) throw new Error("only here");
  return rank;
});
if (rank === world - 1 && world > 1) await assert.rejects(later, /only here/);
else assert.equal(await later, rank);
await accelerator.waitForEveryone();
accelerator.print("ok");
