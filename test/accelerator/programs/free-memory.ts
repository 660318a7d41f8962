// What a run leaves behind after freeMemory: memory goes back to the system, what is kept can be prepared again. Prints MB per stage from the main process; ends with "ok".
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { Accelerator, AdamW, DataLoader, type Optimizer, type Tensor, tensor } from "accelerate-ts";
import { Linear, Module } from "accelerate-ts/nn";

const size = Number(process.argv[2] ?? 1024);
const shareParameters = process.argv[3] !== "own";
await using accelerator = new Accelerator({ seed: 1, shareParameters });
const { processIndex: rank } = accelerator;

class Wide extends Module {
  readonly layers = [new Linear(size, size), new Linear(size, size), new Linear(size, size), new Linear(size, size)];
  forward(x: Tensor): Tensor {
    return this.layers.reduce<Tensor>((y, layer) => layer(y), x).mean();
  }
}
const residentMb = () => Math.round((Number(readFileSync("/proc/self/statm", "utf8").split(" ")[1]) * 4096) / 1e6);
const numbers = (model: Module) => [...model.parameters()].map((p) => p.values()[7]);
const stepsOf = (optimizer: Optimizer) => Object.values(optimizer.stateDict().state).map(({ step }) => step);
const x = tensor([Array.from({ length: size }, (_, i) => Math.sin(i + rank))]);

async function train(model: Wide, optimizer: Optimizer, steps: number): Promise<void> {
  for (let step = 0; step < steps; step++) {
    await accelerator.backward(model(x));
    await optimizer.step();
    optimizer.zeroGrad();
  }
}
const alike = async (value: unknown) => assert.equal(new Set(await accelerator.gatherObject([JSON.stringify(value)])).size, 1);

/** Given up: nothing of it is left. */
async function trainAndGiveUp(): Promise<number> {
  let model: Wide | undefined = new Wide();
  let optimizer: Optimizer | undefined = new AdamW(model.parameters(), { lr: 0.001 });
  await accelerator.prepare(model, optimizer);
  await train(model, optimizer, 2);
  await accelerator.waitForEveryone();
  const prepared = residentMb();
  [model, optimizer] = await accelerator.clear(model, optimizer);
  assert.deepEqual([model, optimizer], [undefined, undefined]);
  return prepared;
}

/** Kept: it is prepared again, with its values and state, on all workers alike. */
async function prepareTwice(): Promise<void> {
  const model = new Wide();
  const optimizer = new AdamW(model.parameters(), { lr: 0.001 });
  const loader = new DataLoader([1, 2, 3, 4, 5, 6, 7, 8], { batchSize: 2 });
  await accelerator.prepare(model, optimizer, loader);
  await train(model, optimizer, 2);
  const [before, steps] = [numbers(model), stepsOf(optimizer)];
  assert.deepEqual(await accelerator.freeMemory(), []);
  assert.deepEqual(numbers(model), before);
  if (accelerator.numProcesses > 1) await assert.rejects(train(model, optimizer, 1), { code: "ERR_NOT_PREPARED" });
  optimizer.zeroGrad();
  await accelerator.prepare(model, optimizer, loader);
  assert.deepEqual(numbers(model), before);
  assert.deepEqual(stepsOf(optimizer), steps);
  await train(model, optimizer, 1);
  assert.notDeepEqual(numbers(model), before);
  await alike(numbers(model));
  assert.deepEqual(
    stepsOf(optimizer),
    steps.map((step) => step + 1),
  );
  let rows = 0;
  for await (const batch of loader) rows += batch.shape[0]!;
  assert.equal(rows, 8 / accelerator.numProcesses);
}

/** In the middle of an accumulation window: the next one begins anew. */
async function freeInWindow(): Promise<void> {
  await using windows = new Accelerator({ gradientAccumulationSteps: 2, shareParameters });
  const model = new Linear(2, 1);
  const optimizer = new AdamW(model.parameters(), { lr: 0.1 });
  const body = () =>
    windows.accumulate(model, async () => {
      await windows.backward(model(tensor([[1, 2]])).sum());
      await optimizer.step();
      optimizer.zeroGrad();
    });
  await windows.prepare(model, optimizer);
  await body();
  await windows.freeMemory();
  optimizer.zeroGrad();
  await windows.prepare(model, optimizer);
  const before = [...model.weight.values()];
  await body();
  assert.deepEqual([...model.weight.values()], before);
  await body();
  assert.notDeepEqual([...model.weight.values()], before);
}

await accelerator.waitForEveryone();
const start = residentMb();
const parametersMb = Math.round((4 * 4 * size * size) / 1e6);
const stages: { prepared: number; freed: number }[] = [];
// Values, gradients and two states are four times the parameters, and the gradients of the others come on top.
const isBack = (prepared: number, resident: number) => prepared - resident > 3 * parametersMb;
const isStable = (resident: number) => stages.length === 0 || resident - stages[0]!.freed < 2 * parametersMb;
const isFreed = (prepared: number, resident: number) => isBack(prepared, resident) && isStable(resident);
for (let round = 0; round < 3; round++) {
  const prepared = await trainAndGiveUp();
  // The last collections come a moment later; a machine under load takes longer.
  for (let tries = 0; tries < 600 && !isFreed(prepared, residentMb()); tries++) await sleep(100);
  await accelerator.waitForEveryone();
  stages.push({ prepared, freed: residentMb() });
}
accelerator.print(JSON.stringify({ start, stages, parametersMb }));
const { prepared, freed } = stages.at(-1)!;
assert.ok(isBack(prepared, freed), `${prepared} MB before, ${freed} MB after`);
assert.ok(isStable(freed), "nothing is left that grows");
await prepareTwice();
await freeInWindow();
accelerator.print("ok");
