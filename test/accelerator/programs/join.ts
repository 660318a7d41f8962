// Workers that run out of batches at different times, against the same steps worked out by hand. Every worker asserts it; ends with "ok" from the main process.
import assert from "node:assert/strict";
import { Accelerator, AdamW, DataLoader, getScheduler, type Optimizer, SGD, type Tensor, tensor } from "accelerate-ts";
import { Linear } from "accelerate-ts/nn";

interface Settings {
  readonly shareParameters?: boolean;
  /** Only this: what goes wrong. */
  readonly fault?: "gather" | "throw" | "differ" | "localSgd";
}
const { shareParameters = true, fault } = JSON.parse(process.argv[2] ?? "{}") as Settings;
await using accelerator = new Accelerator({ seed: 3, shareParameters });
const { processIndex: rank, numProcesses: world } = accelerator;
const ranks = Array.from({ length: world }, (_, r) => r);

const input = (n: number) => tensor([[Math.sin(n), Math.cos(n), n / 10]]);
const target = (n: number) => tensor([[Math.cos(2 * n), n / 7]]);
const make = () => {
  const model = new Linear(3, 2);
  model.weight.set(Float32Array.of(0.1, -0.2, 0.3, 0.4, 0.5, -0.6));
  model.bias!.set(Float32Array.of(0.05, -0.05));
  return model;
};
const lossOf = (model: Linear, n: number): Tensor => model(input(n)).sub(target(n)).pow(2).mean();
const numbers = (model: Linear) => [...model.parameters()].flatMap((p) => [...p.values()]);
const near = (actual: readonly number[], expected: readonly number[], within = 1e-6) => {
  assert.equal(actual.length, expected.length);
  for (const [i, e] of expected.entries()) assert.ok(Math.abs(actual[i]! - e) <= within, `${actual} instead of ${expected}`);
};
const everywhere = async (value: unknown) => assert.equal(new Set(await accelerator.gatherObject([JSON.stringify(value)])).size, 1);
const rowsOf = async (batch: Tensor) => [...((await batch.toArray()) as number[])].map(Number);

/** One process that makes the steps of all: each the mean over the given rows of the gradients. */
async function reference(
  optimizerOf: (model: Linear) => Optimizer,
  steps: readonly (readonly number[])[],
  options: { readonly clip?: number; readonly scheduled?: boolean } = {},
) {
  const model = make();
  const optimizer = optimizerOf(model);
  const scheduler = options.scheduled ? getScheduler("linear", optimizer, { numWarmupSteps: 0, numTrainingSteps: 20 }) : undefined;
  const { clipGradNorm } = await import("accelerate-ts");
  for (const rows of steps) {
    for (const n of rows)
      await lossOf(model, n)
        .mul(1 / rows.length)
        .backward();
    if (options.clip !== undefined) await clipGradNorm(model.parameters(), options.clip);
    await optimizer.step();
    scheduler?.step();
    optimizer.zeroGrad();
  }
  return { values: numbers(model), steps: optimizer.stepCount, lr: optimizer.paramGroups[0]!.lr };
}

/** Rows of each worker's batches, of `count` rows dealt one by one. */
const dealt = (count: number) => ranks.map((r) => Array.from({ length: count }, (_, n) => n).filter((n) => n % world === r));
const stepsOf = (count: number) => Array.from({ length: Math.ceil(count / world) }, (_, s) => dealt(count).flatMap((rows) => rows.slice(s, s + 1)));

const sgd = (model: Linear) => new SGD(model.parameters(), { lr: 0.1, momentum: 0.9 });
const adamw = (model: Linear) => new AdamW(model.parameters(), { lr: 0.05 });
const loaderOf = (count: number) =>
  new DataLoader(
    Array.from({ length: count }, (_, n) => n),
    { batchSize: 1 },
  );

if (fault) {
  const model = make();
  const optimizer = sgd(model);
  const loader = loaderOf(world + 1);
  await accelerator.prepare(model, optimizer, loader);
  const body = async () => {
    for await (const batch of loader) {
      const [n] = await rowsOf(batch);
      await accelerator.backward(lossOf(model, n!));
      if (fault === "throw" && rank === 0 && n === world) throw new RangeError("row that cannot be read");
      if (fault === "differ" && rank === 1) await accelerator.clipGradNorm(model.parameters(), 1);
      await optimizer.step();
      if (fault === "gather") await accelerator.gather(batch);
      if (fault === "localSgd") await accelerator.localSgd({ model, localSgdSteps: 2 });
      optimizer.zeroGrad();
    }
  };
  await accelerator.joinUnevenInputs([model], body, { evenBatches: false });
}

// T5: three rows on two workers.
if (!fault) {
  const loader = loaderOf(3);
  const model = make();
  const optimizer = sgd(model);
  await accelerator.prepare(model, optimizer, loader);
  const seen: number[] = [];
  const value = await accelerator.joinUnevenInputs(
    [model],
    async () => {
      for await (const batch of loader) {
        const [n] = await rowsOf(batch);
        seen.push(n!);
        await accelerator.backward(lossOf(model, n!));
        await optimizer.step();
        optimizer.zeroGrad();
      }
      return rank;
    },
    { evenBatches: false },
  );
  assert.equal(value, rank);
  assert.deepEqual(seen, dealt(3)[rank]);
  near(numbers(model), (await reference(sgd, stepsOf(3))).values);
  await everywhere(numbers(model));
  // Even again.
  let after = 0;
  for await (const _ of loader) after++;
  assert.equal(after, Math.ceil(3 / world));
}

// Inside of another loop, whose loader goes on as it was.
if (!fault) {
  const [outer, inner] = [loaderOf(2 * world), loaderOf(world + 1)];
  const model = make();
  const optimizer = sgd(model);
  await accelerator.prepare(model, optimizer, outer, inner);
  let [rounds, batches] = [0, 0];
  for await (const _ of outer) {
    rounds++;
    const body = async () => {
      for await (const __ of inner) batches++;
    };
    await accelerator.joinUnevenInputs([model], body, { evenBatches: false });
  }
  assert.deepEqual([rounds, batches], [2, world === 1 ? 4 : rank === 0 ? 4 : 2]);
}

// Longer: clipping, a schedule, reading gradients, AdamW; the order of zeroGrad that leaves gradients behind.
if (!fault) {
  const count = 3 * world + 1;
  const loader = loaderOf(count);
  const model = make();
  const optimizer = adamw(model);
  const scheduler = getScheduler("linear", optimizer, { numWarmupSteps: 0, numTrainingSteps: 20 });
  await accelerator.prepare(model, optimizer, scheduler, loader);
  await accelerator.joinUnevenInputs(
    [model, optimizer],
    async () => {
      for await (const batch of loader) {
        optimizer.zeroGrad();
        const [n] = await rowsOf(batch);
        await accelerator.backward(lossOf(model, n!));
        await accelerator.clipGradNorm(model.parameters(), 0.05);
        await model.weight.grad!.data();
        await optimizer.step();
        scheduler.step();
      }
    },
    { evenBatches: false },
  );
  const expected = await reference(adamw, stepsOf(count), { clip: 0.05, scheduled: true });
  near(numbers(model), expected.values);
  await everywhere([numbers(model), optimizer.stateDict()]);
  assert.equal(optimizer.stepCount, expected.steps);
  assert.equal(optimizer.paramGroups[0]!.lr, expected.lr);
  // Together again, also the worker that was done first.
  optimizer.zeroGrad();
  await accelerator.backward(lossOf(model, rank));
  await optimizer.step();
  scheduler.step();
  optimizer.zeroGrad();
  await everywhere([numbers(model), optimizer.paramGroups[0]!.lr]);
}

// Workers that bring very different amounts, by iterables of their own, and windows: each divides by the micro-batches that there are.
if (!fault) {
  await using windows = new Accelerator({ gradientAccumulationSteps: 2, shareParameters });
  const model = make();
  const optimizer = sgd(model);
  await windows.prepare(model, optimizer);
  const rowsOfRank = (r: number) => Array.from({ length: 1 + 3 * r }, (_, i) => 10 * r + i);
  const rows = rowsOfRank(rank);
  await windows.joinUnevenInputs([model], async () => {
    for (let at = 0; at < rows.length; at += 2) {
      const pair = rows.slice(at, at + 2);
      for (const [i, n] of pair.entries()) {
        await windows.accumulate(model, async () => {
          // The last one closes its window, full or not.
          if (i === pair.length - 1) windows.syncGradients = true;
          await windows.backward(lossOf(model, n));
          await optimizer.step();
          optimizer.zeroGrad();
        });
      }
    }
  });
  const most = Math.ceil((1 + 3 * (world - 1)) / 2);
  const steps = Array.from({ length: most }, (_, s) => ranks.flatMap((r) => rowsOfRank(r).slice(2 * s, 2 * s + 2)));
  near(numbers(model), (await reference(sgd, steps)).values);
  const all = await windows.gatherObject([JSON.stringify(numbers(model))]);
  assert.equal(new Set(all).size, 1);
}

// A worker that has no batch at all; an overflow where others are done is skipped by all, and all keep one loss scale.
if (!fault) {
  await using scaled = new Accelerator({ gradScaler: { initScale: 1024, growthInterval: 2 }, shareParameters });
  const model = make();
  const optimizer = sgd(model);
  await scaled.prepare(model, optimizer);
  const mine = rank === 0 ? [0, 1, 2, 3, 4] : [];
  await scaled.joinUnevenInputs([optimizer], async () => {
    for (const n of mine) {
      await scaled.backward(lossOf(model, n).mul(n === 2 ? Number.POSITIVE_INFINITY : 1));
      await optimizer.step();
      optimizer.zeroGrad();
    }
  });
  near(numbers(model), (await reference(sgd, [[0], [1], [3], [4]])).values);
  const all = await scaled.gatherObject([JSON.stringify([numbers(model), optimizer.stepCount, scaled.scaler!.stateDict()])]);
  assert.equal(new Set(all).size, 1);
  assert.equal(optimizer.stepCount, 4);
}

// A collective that all still make is no fault; no loader, nothing prepared is needed for it.
if (!fault) {
  const values = await accelerator.joinUnevenInputs([], async () => accelerator.gatherObject([rank]));
  assert.deepEqual(values, ranks);
  await assert
    .rejects(
      accelerator.joinUnevenInputs([], () => accelerator.joinUnevenInputs([], async () => {})),
      { code: world === 1 ? "never" : "ERR_JOIN" },
    )
    .catch((error: unknown) => assert.equal(world, 1, String(error)));
}
accelerator.print("ok");
