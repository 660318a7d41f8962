// A run for tests that is saved, killed and goes on: what it does comes as JSON, what became of it goes to a file as JSON.
//   launch --num-processes N resumed.js '{"out": "result.json", ...}'
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { Accelerator, AdamW, DataLoader, getScheduler, type ResumePoint, type Tensor, tensor } from "accelerate-ts";
import type { Checkpointing } from "../../../src/accelerator/checkpoints/checkpointing.js";
import type { WritePoint } from "../../../src/checkpoint/index.js";
import { crossEntropy, dropout, Linear, Module } from "accelerate-ts/nn";

export interface ResumedSettings {
  /** A file for what the main process saw. */
  readonly out: string;
  /** Where checkpoints and logs go. */
  readonly projectDir: string;
  readonly batch: number;
  readonly rows: number;
  readonly epochs: number;
  readonly accumulation: number;
  /** Micro-batches of this worker after which the run is saved. */
  readonly saveAt?: readonly number[];
  readonly asyncSave?: boolean;
  /** Stop here and wait to be killed; `out` is written before. */
  readonly hangAt?: number;
  /** End here. */
  readonly endAt?: number;
  /** The dropout's probability. */
  readonly p?: number;
  readonly resume?: boolean;
  readonly shareParameters?: boolean;
  readonly scaler?: boolean;
  /** Wait to be killed when this rank comes to this moment of the second checkpoint. */
  readonly dieAt?: { readonly rank: number; readonly point: WritePoint };
  /** A projectDir of this worker's host. */
  readonly hostDirs?: boolean;
}
export interface ResumedResult {
  readonly point: ResumePoint | null;
  /** Of this worker, by micro-batch. */
  readonly losses: readonly number[];
  /** Rows that all workers have trained on, by micro-batch. */
  readonly rows: readonly (readonly number[])[];
  readonly lrs: readonly number[];
  readonly norms: readonly number[];
  /** Of parameters and of the optimizer's state at the end. */
  readonly parameters: string;
  readonly optimizer: string;
  readonly steps: number;
  readonly custom: number;
  readonly next: number;
}

class Net extends Module {
  readonly one = new Linear(8, 32);
  readonly two = new Linear(32, 2);
  readonly seen = this.registerBuffer("seen", tensor([0]));
  readonly p: number;
  constructor(p: number) {
    super();
    this.p = p;
  }
  forward(x: Tensor): Tensor {
    return this.two(dropout(this.one(x).tanh(), { p: this.p, training: this.training }));
  }
}

const settings = JSON.parse(process.argv[2]!) as ResumedSettings;
const { out, projectDir, batch, epochs, accumulation, saveAt = [], asyncSave = false, hangAt, endAt, p = 0.2 } = settings;
await using accelerator = new Accelerator({
  seed: 11,
  projectDir: settings.hostDirs ? `${projectDir}-${process.env.GROUP_RANK}` : projectDir,
  projectConfig: { asyncSave, saveOnEachNode: settings.hostDirs ?? false },
  gradientAccumulationSteps: accumulation,
  shareParameters: settings.shareParameters ?? true,
  logWith: "jsonl",
  ...(settings.scaler ? { gradScaler: { initScale: 1024, growthInterval: 2 } } : {}),
});
const data = Array.from({ length: settings.rows }, (_, row) => ({ row, x: Array.from({ length: 8 }, (_, i) => Math.sin(row * 8 + i)), label: (row * 7) % 2 }));
const loader = new DataLoader(data, {
  batchSize: batch,
  shuffle: true,
  collateFn: (rows) => ({
    rows: rows.map((r) => r.row),
    x: tensor(rows.map((r) => r.x)),
    labels: tensor(
      rows.map((r) => r.label),
      { dtype: "int64" },
    ),
  }),
});
const model = new Net(p);
const optimizer = new AdamW(model.parameters(), { lr: 1e-2, weightDecay: 0.1 });
await accelerator.prepare(model, optimizer, loader);
const scheduler = getScheduler("cosine", optimizer, { numWarmupSteps: 2, numTrainingSteps: 40 });
const counter = {
  count: 0,
  stateDict: () => ({ count: counter.count, floats: Float64Array.of(counter.count) }),
  loadStateDict(state: { readonly count: number; readonly floats: Float64Array }) {
    counter.count = state.count;
    if (state.floats[0] !== state.count) throw new Error("the array is another");
  },
};
accelerator.registerForCheckpointing(counter);
const point = settings.resume ? await accelerator.loadState() : undefined;
await accelerator.initTrackers("resumed");
let { epoch, step } = point ?? { epoch: 0, step: 0 };

const digest = (parts: Iterable<Float32Array>): string => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
};
const [losses, rows, lrs, norms]: [number[], number[][], number[], number[]] = [[], [], [], []];
async function report(): Promise<void> {
  const { state } = optimizer.stateDict();
  const arrays = Object.entries(state)
    .sort()
    .flatMap(([, { step: n, ...own }]) => [Float32Array.of(n), ...Object.values(own).map((a) => a as Float32Array)]);
  const result: ResumedResult = {
    point: point ?? null,
    losses,
    rows,
    lrs,
    norms,
    parameters: digest([...model.namedParameters()].map(([, p]) => p.values())),
    optimizer: digest(arrays),
    steps: optimizer.stepCount,
    custom: counter.count,
    next: accelerator.saveIteration,
  };
  if (accelerator.isMainProcess) writeFileSync(out, JSON.stringify(result));
}
function hangAtPoint({ rank, point }: NonNullable<ResumedSettings["dieAt"]>): void {
  const { checkpoints } = accelerator as unknown as { readonly checkpoints: Checkpointing };
  checkpoints.onPoint = async (now) => {
    if (now !== point || rank !== accelerator.processIndex) return;
    await writeFile(`${out}.hangs-${rank}`, "");
    await new Promise((resolve) => setTimeout(resolve, 120_000));
  };
}
training: for (; epoch < epochs; epoch++) {
  model.train();
  for await (const given of loader) {
    await accelerator.accumulate(model, async () => {
      const loss = crossEntropy(model(given.x), given.labels);
      await accelerator.backward(loss);
      losses.push(await loss.item());
      if (accelerator.syncGradients) norms.push(await accelerator.clipGradNorm(model.parameters(), 0.05));
      await optimizer.step();
      scheduler.step();
      optimizer.zeroGrad();
    });
    lrs.push(scheduler.getLastLr()[0]!);
    rows.push(await accelerator.gatherObject(given.rows));
    counter.count++;
    step++;
    await accelerator.log({ loss: losses.at(-1)! });
    if (saveAt.includes(step)) {
      await accelerator.saveState();
      if (settings.dieAt) hangAtPoint(settings.dieAt);
    }
    if (step === hangAt) {
      await accelerator.waitForSave();
      await report();
      await writeFile(`${out}.hangs-${accelerator.processIndex}`, "");
      await new Promise((resolve) => setTimeout(resolve, 120_000));
    }
    if (step === endAt) break training;
  }
}
await accelerator.waitForSave();
await report();
