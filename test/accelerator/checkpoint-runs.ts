// Small runs in one process for the tests of saveState and loadState.
import assert from "node:assert/strict";

import { readdirSync } from "node:fs";

import { join } from "node:path";
import { afterEach, beforeEach } from "node:test";
import {
  Accelerator,
  AdamW,
  type AcceleratorOptions,
  type Checkpointable,
  CheckpointError,
  DataLoader,
  getScheduler,
  SGD,
  type Tensor,
  tensor,
} from "accelerate-ts";
import { crossEntropy, dropout, Linear, Module } from "accelerate-ts/nn";

import { defaultGenerator, setSeed } from "../../src/tensor/index.js";

export class Net extends Module {
  readonly one: Linear;
  readonly two: Linear;
  readonly seen: Tensor;
  constructor(width = 16) {
    super();
    this.one = new Linear(4, width);
    this.two = new Linear(width, 2);
    this.seen = this.registerBuffer("seen", tensor([0, 0]));
  }
  forward(x: Tensor): Tensor {
    return this.two(dropout(this.one(x).tanh(), { p: 0.3, training: this.training }));
  }
}

export const data = (rows: number) =>
  Array.from({ length: rows }, (_, row) => ({ x: Array.from({ length: 4 }, (_, i) => Math.sin(row * 4 + i)), label: row % 2 }));

export interface RunOptions extends AcceleratorOptions {
  readonly width?: number;
  readonly rows?: number;
  readonly batchSize?: number;
  readonly shuffle?: boolean;
  readonly optimizer?: "adamw" | "sgd";
  readonly schedulers?: number;
  readonly models?: number;
  readonly loaders?: number;
  readonly custom?: number;
}

/** A run that can train for an epoch. */
export async function start(options: RunOptions = {}) {
  const {
    width = 16,
    rows = 12,
    batchSize = 3,
    shuffle = true,
    optimizer: kind = "adamw",
    schedulers = 1,
    models = 1,
    loaders = 1,
    custom = 0,
    ...own
  } = options;
  const accelerator = new Accelerator({ seed: 3, ...own });
  opened.push(accelerator);
  const nets = Array.from({ length: models }, () => new Net(width));
  const model = nets[0]!;
  const optimizer = kind === "adamw" ? new AdamW(model.parameters(), { lr: 1e-2 }) : new SGD(model.parameters(), { lr: 1e-2, momentum: 0.9 });
  const collateFn = (batch: { readonly x: number[]; readonly label: number }[]) => ({
    x: tensor(batch.map((r) => r.x)),
    labels: tensor(
      batch.map((r) => r.label),
      { dtype: "int64" },
    ),
  });
  const all = Array.from({ length: loaders }, () => new DataLoader(data(rows), { batchSize, shuffle, collateFn }));
  const loader = all[0]!;
  await accelerator.prepare(...nets, optimizer, ...all);
  for (let i = 0; i < schedulers; i++) getScheduler("linear", optimizer, { numWarmupSteps: 1, numTrainingSteps: 100 });
  const objects = Array.from({ length: custom }, (_, i) => new Custom(i));
  if (custom) accelerator.registerForCheckpointing(...objects);
  const epoch = async (batches = Number.POSITIVE_INFINITY): Promise<number[]> => {
    model.train();
    const losses: number[] = [];
    for await (const { x, labels } of loader) {
      await accelerator.accumulate(model, async () => {
        const loss = crossEntropy(model(x), labels);
        await accelerator.backward(loss);
        losses.push(await loss.item());
        await optimizer.step();
        optimizer.zeroGrad();
      });
      if (losses.length >= batches) break;
    }
    return losses;
  };
  const state = () => ({
    parameters: [...model.namedParameters()].map(([name, p]) => [name, [...p.values()]]),
    optimizer: JSON.parse(JSON.stringify(optimizer.stateDict())) as unknown,
    random: [...defaultGenerator().words(2)],
  });
  return { accelerator, model, nets, optimizer, loader, epoch, state, objects };
}

export class Custom implements Checkpointable {
  value: unknown;
  refuses = false;
  constructor(value: unknown) {
    this.value = value;
  }
  stateDict(): unknown {
    return this.value;
  }
  loadStateDict(state: unknown): void {
    if (this.refuses) throw new RangeError("not this one");
    this.value = state;
  }
}

export const opened: Accelerator[] = [];
/** Each test begins with the same random numbers, and leaves no Accelerator behind. */
export function freshRuns(): void {
  beforeEach(() => setSeed(0));
  afterEach(async () => {
    for (const accelerator of opened.splice(0)) await accelerator.close();
  });
}
export const fails =
  (code: string, ...texts: RegExp[]) =>
  (error: unknown) => {
    assert.ok(error instanceof CheckpointError, String(error));
    assert.equal(error.code, code, error.message);
    for (const text of texts) assert.match(error.message, text);
    return true;
  };
export const names = (folder: string): string[] => readdirSync(join(folder, "checkpoints")).sort();
