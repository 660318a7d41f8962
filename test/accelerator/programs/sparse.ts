// Trains twice, with gradients of embeddings as whole tables and as rows, and compares everything bit for bit. Any number of workers and hosts. Ends with "same ..." from the main process.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import {
  Accelerator,
  Adafactor,
  Adagrad,
  AdamW,
  cat,
  type AcceleratorOptions,
  DataLoader,
  GradScaler,
  Lion,
  type Optimizer,
  RMSprop,
  SGD,
  setSeed,
  type Tensor,
  tensor,
} from "accelerate-ts";
import { crossEntropy, Embedding, Linear, Module } from "accelerate-ts/nn";
import { defaultExecutor, type Parameter, zeros } from "../../../src/tensor/index.js";

const [words, length, batch] = [3000, 6, 3];

interface Inputs {
  readonly ids: Tensor<2, "int64">;
  /** Below 70. */
  readonly few: Tensor<2, "int64">;
  readonly next: Tensor<2, "int64">;
}

/** A large table whose rows are no multiple of a vector, one with a row of padding, one that is tied to the output, one that is looked up twice, and a small one. */
class Model extends Module {
  readonly word = new Embedding(words, 20);
  readonly padded = new Embedding(2100, 16, { paddingIdx: 3 });
  readonly tied = new Embedding(4100, 8);
  readonly twice = new Embedding(4100, 8);
  readonly small = new Embedding(70, 8);
  readonly inner = new Linear(60, 8);
  readonly out = new Linear(8, 3);

  /** Workers may leave a table out. */
  forward({ ids, few, next }: Inputs, withPadded: boolean): Tensor {
    const padded = withPadded
      ? this.padded(few)
      : this.inner.weight
          .sum()
          .mul(0)
          .add(zeros([batch, length, 16]));
    return this.#head([this.word(ids), padded, this.tied(ids), this.twice(ids).add(this.twice(next)), this.small(few)]);
  }
  #head(parts: Tensor[]): Tensor {
    const [word, padded, tied, twice, small] = parts as [Tensor, Tensor, Tensor, Tensor, Tensor];
    const hidden = this.inner(cat([word, padded, tied, twice, small], -1)).tanh();
    const scores = hidden.mean(1).matmul(this.tied.weight.transpose(0, 1));
    return this.out(hidden.mean(1)).add(scores.mean(-1, { keepDim: true }));
  }
}

interface Case {
  readonly name: string;
  readonly make: (parameters: Parameter[]) => Optimizer;
  readonly accumulation?: number;
  readonly clip?: number;
  readonly clipValue?: number;
  readonly options?: Partial<AcceleratorOptions>;
  /** Reads gradients in some steps. */
  readonly reads?: boolean;
  /** Goes back to the state of an earlier step. */
  readonly reloads?: boolean;
  /** The last worker leaves a table out in some steps. */
  readonly uneven?: boolean;
}
const cases: readonly Case[] = [
  { name: "AdamW, loaded on the way", make: (p) => new AdamW(p, { lr: 1e-2, weightDecay: 0.1, variant: "transformers" }), reloads: true },
  { name: "AdamW", make: (p) => new AdamW(p, { lr: 1e-2, weightDecay: 0.1 }) },
  { name: "AdamW, clipped, accumulated", make: (p) => new AdamW(p, { lr: 1e-2 }), accumulation: 2, clip: 0.05 },
  { name: "SGD, left out", make: (p) => new SGD(p, { lr: 0.5 }), uneven: true, clip: 0.1 },
  { name: "SGD with momentum, read", make: (p) => new SGD(p, { lr: 0.5, momentum: 0.9 }), reads: true, uneven: true },
  { name: "Adagrad, clipped by value", make: (p) => new Adagrad(p, { lr: 0.1, initialAccumulatorValue: 0.1 }), clipValue: 0.001 },
  { name: "Lion, own parameters", make: (p) => new Lion(p, { lr: 1e-3 }), options: { shareParameters: false }, clip: 0.1 },
  {
    name: "RMSprop, scaled",
    make: (p) => new RMSprop(p, { lr: 1e-2, momentum: 0.5, centered: true }),
    options: { gradScaler: new GradScaler({ initScale: 1024 }) },
  },
  { name: "Adafactor", make: (p) => new Adafactor(p, { lr: 1e-2, scaleParameter: false, relativeStep: false }), clip: 0.1 },
  { name: "rounded between hosts", make: (p) => new AdamW(p, { lr: 1e-2 }), options: { ddp: { commHook: "bf16" } } },
];

const draw = (row: number, column: number, below: number): number => {
  const x = Math.sin(row * 12.9898 + column * 78.233) * 43758.5453;
  return Math.floor((x - Math.floor(x)) * below);
};

async function train(
  { make, accumulation = 1, clip, clipValue, options, reads = false, uneven = false, reloads = false }: Case,
  sparse: boolean,
): Promise<{ seen: unknown[]; main: boolean; world: number; bytes: number }> {
  defaultExecutor().compiler = { sparseGradients: sparse };
  setSeed(3);
  const scaled = options?.gradScaler && { gradScaler: new GradScaler({ initScale: 1024 }) };
  await using accelerator = new Accelerator({ seed: 3, gradientAccumulationSteps: accumulation, ...options, ...scaled });
  const world = accelerator.numProcesses;
  const model = new Model();
  const optimizer = make([...model.parameters()]);
  const rows = Array.from({ length: 6 * accumulation * batch * world }, (_, row) => ({
    ids: Array.from({ length }, (_, c) => draw(row, c, words - 1)),
    label: draw(row, 99, 3),
  }));
  const table = (items: typeof rows, of: (id: number) => number) =>
    tensor(
      items.map((r) => r.ids.map(of)),
      { dtype: "int64" },
    );
  const collateFn = (items: typeof rows) => ({
    ids: table(items, (id) => id),
    few: table(items, (id) => id % 70),
    next: table(items, (id) => id + 7),
    labels: tensor(
      items.map((r) => r.label),
      { dtype: "int64" },
    ),
  });
  const loader = new DataLoader(rows, { batchSize: batch, collateFn });
  await accelerator.prepare(model, optimizer, loader);
  const seen: unknown[] = [];
  let step = 0;
  let early: ReturnType<Optimizer["stateDict"]> | undefined;
  for await (const { labels, ...inputs } of loader) {
    await accelerator.accumulate(model, async () => {
      const leftOut = uneven && step % 3 === 1 && accelerator.processIndex === world - 1;
      const loss = crossEntropy(model(inputs, !leftOut), labels);
      await accelerator.backward(loss);
      seen.push(await loss.item());
      const asRows = (table: Embedding): boolean => table.weight.segment()!.rows?.whole === false;
      if (!reads) assert.deepEqual([asRows(model.word), asRows(model.tied), asRows(model.twice)], [sparse, false, false]);
      if (accelerator.syncGradients && clip !== undefined) seen.push(await accelerator.clipGradNorm(model.parameters(), clip));
      if (accelerator.syncGradients && clipValue !== undefined) await accelerator.clipGradValue(model.parameters(), clipValue);
      if (reads && step % 2 === 0) for (const p of model.parameters()) seen.push(digest(p.grad ? ((await p.grad.data()) as Float32Array) : new Float32Array()));
      await optimizer.step();
      optimizer.zeroGrad();
    });
    step++;
    if (reloads && step === 2) early = optimizer.stateDict();
    if (reloads && step === 4) {
      optimizer.loadStateDict(early!);
      await accelerator.waitForEveryone();
    }
    for (const [name, p] of model.namedParameters()) seen.push(`${step} ${name} ${digest(p.values())}`);
  }
  const { state } = optimizer.stateDict();
  for (const [name, own] of Object.entries(state))
    for (const [key, value] of Object.entries(own)) seen.push(`${name}.${key} ${typeof value === "number" ? value : digest(value as Float32Array)}`);
  return { seen, main: accelerator.isMainProcess, world, bytes: accelerator.bytesBetweenHosts };
}
const digest = (data: Float32Array): string =>
  createHash("sha256")
    .update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
    .digest("hex")
    .slice(0, 16);

let last = { main: true, world: 1 };
const bytes = [0, 0];
// Names of those that are wanted; all without any.
const wanted = process.argv.slice(2);
const chosen = cases.filter(({ name }) => wanted.length === 0 || wanted.includes(name));
for (const one of chosen) {
  const dense = await train(one, false);
  const sparse = await train(one, true);
  assert.deepEqual(sparse.seen, dense.seen, one.name);
  last = sparse;
  if (!one.options?.ddp) for (const [i, run] of [dense, sparse].entries()) bytes[i]! += run.bytes;
}
if (last.main) console.log(`same ${chosen.length} with ${last.world}, bytes ${bytes.join(" ")}`);
