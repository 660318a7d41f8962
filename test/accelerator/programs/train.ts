// A training run for tests, on any number of workers: what it does comes as JSON, what became of it goes to a file as JSON.
//   launch --num-processes N train.js '{"out": "result.json", ...}'
import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import {
  Accelerator,
  Adafactor,
  Adagrad,
  AdamW,
  DataLoader,
  getScheduler,
  Lion,
  type Optimizer,
  type ParamGroup,
  RMSprop,
  SGD,
  type Tensor,
  tensor,
} from "accelerate-ts";
import { BertForSequenceClassification, bertConfig } from "accelerate-ts/models";
import { crossEntropy, Linear, Module } from "accelerate-ts/nn";

export interface TrainSettings {
  /** A file for what the main process saw. */
  readonly out: string;
  readonly optimizer?: keyof typeof optimizers;
  /** Rows per worker and micro-batch. */
  readonly batch: number;
  /** Optimizer steps. */
  readonly steps: number;
  readonly accumulation?: number;
  readonly clip?: number;
  readonly groups?: boolean;
  readonly frozen?: boolean;
  readonly shareParameters?: boolean;
  readonly zero?: 0 | 1;
  readonly bucketCapMb?: number;
  readonly dropout?: number;
  /** bert, or a module whose workers run different parts of it. */
  readonly model?: "bert" | "branches";
  /** Rows of the data set; default all that the steps need. */
  readonly rows?: number;
}
export interface TrainResult {
  readonly losses: readonly number[];
  readonly norms: readonly number[];
  /** By parameter: its numbers at the end. */
  readonly parameters: Readonly<Record<string, readonly number[]>>;
  /** Whether after every step all workers held the same bits. */
  readonly alike: boolean;
  /** Of all parameters at the end. */
  readonly hash: string;
  readonly masks: readonly string[];
}

const optimizers = {
  sgd: (params: ParamGroup[]): Optimizer => new SGD(params, { lr: 0.1, momentum: 0.9 }),
  adamw: (params: ParamGroup[]): Optimizer => new AdamW(params, { lr: 1e-3, weightDecay: 0.05 }),
  rmsprop: (params: ParamGroup[]): Optimizer => new RMSprop(params, { lr: 1e-3, momentum: 0.9, eps: 1e-3 }),
  adagrad: (params: ParamGroup[]): Optimizer => new Adagrad(params, { lr: 1e-2, initialAccumulatorValue: 0.1 }),
  lion: (params: ParamGroup[]): Optimizer => new Lion(params, { lr: 1e-3, weightDecay: 0.05 }),
  adafactor: (params: ParamGroup[]): Optimizer =>
    new Adafactor(params, { lr: 1e-3, scaleParameter: true, relativeStep: false, eps: [1e-6, 1e-3], beta1: 0.9, weightDecay: 0.05 }),
};

/** Two branches with a common trunk: which one runs depends on the worker, and one layer is never used. */
class Branches extends Module {
  readonly trunk = new Linear(8, 8);
  readonly left = new Linear(8, 2);
  readonly right = new Linear(8, 2);
  readonly unused = new Linear(8, 2);
  forward(x: Tensor, goesLeft: boolean): Tensor {
    const h = this.trunk(x).tanh();
    return goesLeft ? this.left(h) : this.right(h);
  }
}

const settings = JSON.parse(process.argv[2]!) as TrainSettings;
const { optimizer: kind = "sgd", batch, steps, accumulation = 1, clip, groups = false, frozen = false, dropout = 0, model: which = "bert" } = settings;

await using accelerator = new Accelerator({
  seed: 5,
  gradientAccumulationSteps: accumulation,
  shareParameters: settings.shareParameters ?? true,
  ...(settings.zero !== undefined && { zero: { stage: settings.zero } }),
  ddp: { bucketCapMb: settings.bucketCapMb ?? 25 },
});
const world = accelerator.numProcesses;

/** Numbers that look random and are the same everywhere. */
const draw = (row: number, column: number, below: number): number => {
  const x = Math.sin(row * 12.9898 + column * 78.233) * 43758.5453;
  return Math.floor((x - Math.floor(x)) * below);
};
const length = 6;
const rows = settings.rows ?? steps * accumulation * batch * world;
const data = Array.from({ length: rows }, (_, row) => ({
  ids: Array.from({ length }, (_, column) => draw(row, column, 40)),
  features: Array.from({ length: 8 }, (_, column) => draw(row, column + 50, 200) / 100 - 1),
  label: draw(row, 99, 2),
}));
const loader = new DataLoader(data, {
  batchSize: batch,
  shuffle: true,
  collateFn: (items) => ({
    input_ids: tensor(
      items.map((r) => r.ids),
      { dtype: "int64" },
    ),
    features: tensor(items.map((r) => r.features)),
    labels: tensor(
      items.map((r) => r.label),
      { dtype: "int64" },
    ),
  }),
});

const bert = new BertForSequenceClassification(
  bertConfig({
    vocab_size: 40,
    hidden_size: 16,
    num_hidden_layers: 2,
    num_attention_heads: 2,
    intermediate_size: 32,
    max_position_embeddings: 16,
    hidden_dropout_prob: dropout,
    attention_probs_dropout_prob: dropout,
  }),
);
const branches = new Branches();
const model = which === "bert" ? bert : branches;
if (frozen) bert.bert.embeddings.requiresGrad(false);
model.train();

const named = [...model.namedParameters()];
const biases = named.filter(([name]) => name.endsWith("bias")).map(([, p]) => p);
const weights = named.filter(([name]) => !name.endsWith("bias")).map(([, p]) => p);
const params: ParamGroup[] = groups ? [{ params: weights }, { params: biases, lr: 0.02, weightDecay: 0 }] : [{ params: named.map(([, p]) => p) }];
const optimizer = optimizers[kind](params);
// Workers that start elsewhere: rank 0's start counts.
if (accelerator.processIndex > 0) for (const p of model.parameters()) p.set(p.values().map((v) => v + accelerator.processIndex));
await accelerator.prepare(model, optimizer, loader);
const scheduler = getScheduler("linear", optimizer, { numWarmupSteps: 2, numTrainingSteps: 2 * steps });

const digest = (): string => {
  const hash = createHash("sha256");
  for (const [, p] of model.namedParameters()) hash.update(p.values());
  return hash.digest("hex");
};
const losses: number[] = [];
const norms: number[] = [];
let alike = true;
let window: number[] = [];
for await (const { input_ids, features, labels } of loader) {
  await accelerator.accumulate(model, async () => {
    const loss = which === "bert" ? bert({ input_ids, labels }).loss : crossEntropy(branches(features, accelerator.processIndex % 2 === 0), labels);
    await accelerator.backward(loss);
    const [mean] = await accelerator.reduce([loss], "mean");
    window.push(await mean.item());
    if (clip !== undefined && accelerator.syncGradients) norms.push(await accelerator.clipGradNorm(model.parameters(), clip));
    await optimizer.step();
    scheduler.step();
    optimizer.zeroGrad();
    if (accelerator.syncGradients) {
      losses.push(window.reduce((a, b) => a + b, 0) / window.length);
      window = [];
      const hashes = await accelerator.gatherObject([digest()]);
      alike &&= hashes.every((h) => h === hashes[0]);
    }
  });
}
const masks = await accelerator.gatherObject([String(losses.at(-1))]);
const result: TrainResult = {
  losses,
  norms,
  parameters: Object.fromEntries([...model.namedParameters()].map(([name, p]) => [name, [...p.values()]])),
  alike,
  hash: digest(),
  masks,
};
await accelerator.onMainProcess(() => writeFile(settings.out, JSON.stringify(result)));
