// Trains what Python's Accelerate has trained for the golden file, and writes what came out; run under launch with as many workers.
//   launch --num-processes N golden.js accelerate-training.json result.json
import { readFile, writeFile } from "node:fs/promises";
import { Accelerator, AdamW, DataLoader, LambdaScheduler, SGD, type Tensor, tensor } from "accelerate-ts";
import { crossEntropy, Linear, Module, mseLoss } from "accelerate-ts/nn";
import type { GoldenCase, GoldenFile, GoldenResult } from "../golden-training.js";

class Classifier extends Module {
  readonly first = new Linear(4, 6);
  readonly second = new Linear(6, 3);
  forward(x: Tensor): Tensor {
    return this.second(this.first(x).tanh());
  }
}

const [file, out] = process.argv.slice(2);
const golden = JSON.parse(await readFile(file!, "utf8")) as GoldenFile;

/** As Accelerate does it: windows divide by the configured number, schedules make a step per process. */
const acceleratorFor = ({ accumulation, split }: Pick<GoldenCase, "accumulation" | "split">) =>
  new Accelerator({
    gradientAccumulationPlugin: { numSteps: accumulation, divideBy: "configured" },
    schedulerStepping: "process",
    dataloaderConfig: { splitBatches: split },
  });

async function train(settings: GoldenCase): Promise<Omit<GoldenResult["cases"][number], "losses"> & { readonly losses: number[] }> {
  await using accelerator = acceleratorFor(settings);
  const model = new Classifier();
  for (const [name, p] of model.namedParameters()) p.set(Float32Array.from(golden.weights[name]!));
  const optimizer =
    settings.optimizer === "sgd" ? new SGD(model.parameters(), { lr: 0.05, momentum: 0.9 }) : new AdamW(model.parameters(), { lr: 0.02, weightDecay: 0.05 });
  const rows = golden.features.slice(0, settings.rows).map((x, i) => ({ x, y: golden.labels[i]! }));
  const collateFn = (batch: typeof rows) => ({
    x: tensor(batch.map((r) => r.x)),
    y: tensor(
      batch.map((r) => r.y),
      { dtype: "int64" },
    ),
  });
  const loader = new DataLoader(rows, { batchSize: settings.batch, collateFn });
  await accelerator.prepare(model, optimizer, loader);
  const total = settings.schedule;
  const scheduler = total === null ? undefined : new LambdaScheduler(optimizer, (t) => Math.max(0, 1 - t / total));
  const [losses, norms, lrs]: number[][] = [[], [], []];
  for (let epoch = 0; epoch < settings.epochs; epoch++) {
    for await (const { x, y } of loader) {
      await accelerator.accumulate(model, async () => {
        const loss = crossEntropy(model(x), y);
        losses!.push(await loss.item());
        await accelerator.backward(loss);
        if (accelerator.syncGradients && settings.clip !== null) norms!.push(await accelerator.clipGradNorm(model.parameters(), settings.clip));
        await optimizer.step();
        scheduler?.step();
        if (scheduler && accelerator.syncGradients) lrs!.push(scheduler.getLastLr()[0]!);
        optimizer.zeroGrad();
      });
    }
  }
  return {
    losses: losses!,
    norms: norms!,
    lrs: lrs!,
    parameters: Object.fromEntries([...model.namedParameters()].map(([name, p]) => [name, [...p.values()]])),
  };
}

/** y = 2x + 3 + noise, a * x + b from zero; the order of each epoch is Python's. */
async function regression({ x, y, orders }: GoldenResult["regression"]): Promise<readonly [a: number, b: number]> {
  await using accelerator = acceleratorFor({ accumulation: 1, split: false });
  const model = new Linear(1, 1);
  for (const p of model.parameters()) p.set(Float32Array.of(0));
  const optimizer = new SGD(model.parameters(), { lr: 0.1 });
  const collateFn = (batch: number[]) => ({ x: tensor(batch.map((i) => [x[i]!])), y: tensor(batch.map((i) => [y[i]!])) });
  const loaders = orders.map((order) => new DataLoader(order, { batchSize: 8, collateFn }));
  await accelerator.prepare(model, optimizer, ...loaders);
  for (const loader of loaders) {
    for await (const batch of loader) {
      optimizer.zeroGrad();
      await accelerator.backward(mseLoss(model(batch.x), batch.y));
      await optimizer.step();
    }
  }
  const [a, b] = [...model.parameters()].map((p) => p.values()[0]!);
  return [a!, b!];
}

/** Weight 0, y = 2x, four micro-batches of two. */
async function accumulation(world: number): Promise<number> {
  await using accelerator = acceleratorFor({ accumulation: 4, split: false });
  const model = new Linear(1, 1, { bias: false });
  for (const p of model.parameters()) p.set(Float32Array.of(0));
  const optimizer = new SGD(model.parameters(), { lr: 0.02 });
  const rows = Array.from({ length: 8 * world }, (_, i) => (i + 1) / world);
  const collateFn = (batch: number[]) => ({ x: tensor(batch.map((v) => [v])), y: tensor(batch.map((v) => [2 * v])) });
  const loader = new DataLoader(rows, { batchSize: 2, collateFn });
  await accelerator.prepare(model, optimizer, loader);
  for await (const { x, y } of loader) {
    await accelerator.accumulate(model, async () => {
      await accelerator.backward(mseLoss(model(x), y));
      await optimizer.step();
      optimizer.zeroGrad();
    });
  }
  return [...model.parameters()][0]!.values()[0]!;
}

await using accelerator = new Accelerator();
const world = accelerator.numProcesses;
const results: Awaited<ReturnType<typeof train>>[] = [];
for (const settings of golden.cases) results.push(await train(settings));
const expected = golden.worlds[world]!;
const [a, b] = await regression(expected.regression);
const weight = await accumulation(world);
const losses = await accelerator.gatherObject([results.map((r) => r.losses)]);
const result: GoldenResult = {
  cases: results.map((r, i) => ({ ...r, losses: losses.map((of) => of[i]!) })),
  regression: { ...expected.regression, a, b },
  accumulation: weight,
};
await accelerator.onMainProcess(() => writeFile(out!, JSON.stringify(result)));
