// Trains in several ways, with the state of optimizers kept by every worker, by each host, and once by all of them (zero), and compares everything. Any number of workers and hosts.
// Ends with "same ..." from the main process.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Accelerator, type AcceleratorOptions, Adafactor, AdamW, GradScaler, type Optimizer, RMSprop, setSeed, SGD, type Tensor, tensor } from "accelerate-ts";
import { crossEntropy, Embedding, Linear, Module } from "accelerate-ts/nn";
import type { Parameter } from "../../../src/tensor/index.js";

const [words, length, batch] = [2100, 5, 2];

class Model extends Module {
  readonly word = new Embedding(words, 24);
  readonly inner = new Linear(24, 33);
  readonly left = new Linear(33, 33);
  readonly right = new Linear(33, 33);
  readonly out = new Linear(33, 3);
  forward(ids: Tensor<2, "int64">, branch: "left" | "right"): Tensor {
    const hidden = this.inner(this.word(ids)).tanh().mean(1);
    return this.out((branch === "left" ? this.left : this.right)(hidden).tanh());
  }
}

interface Way {
  readonly make: (parameters: Parameter[]) => Optimizer;
  readonly accumulation?: number;
  readonly clipValue?: number;
  /** Norms are added up in another order where each host has a part: numbers are close, not the same. */
  readonly clip?: number;
  readonly reads?: boolean;
  /** Workers run different parts of the model. */
  readonly uneven?: boolean;
  /** Copies for a while. */
  readonly local?: boolean;
  readonly options?: () => Partial<AcceleratorOptions>;
}
const ways: Readonly<Record<string, Way>> = {
  AdamW: { make: (p) => new AdamW(p, { lr: 1e-2, weightDecay: 0.1 }) },
  "accumulated, limited, scaled, parameters of their own": {
    make: (p) => new RMSprop(p, { lr: 1e-2, momentum: 0.5 }),
    accumulation: 2,
    clipValue: 0.01,
    options: () => ({ shareParameters: false, gradScaler: new GradScaler({ initScale: 1024 }) }),
  },
  "uneven, read": { make: (p) => new SGD(p, { lr: 0.1, momentum: 0.9 }), uneven: true, reads: true },
  "local for a while": { make: (p) => new AdamW(p, { lr: 1e-2 }), local: true },
  clipped: { make: (p) => new AdamW(p, { lr: 1e-2 }), clip: 0.05 },
  "whole parameters": { make: (p) => new Adafactor(p, { lr: 1e-2, scaleParameter: true, relativeStep: false }) },
  "rounded between hosts": { make: (p) => new AdamW(p, { lr: 1e-2 }), options: () => ({ ddp: { commHook: "bf16" } }) },
};

const draw = (row: number, column: number, below: number): number => {
  const x = Math.sin(row * 12.9898 + column * 78.233) * 43758.5453;
  return Math.floor((x - Math.floor(x)) * below);
};
const digest = (data: ArrayLike<number>): string => createHash("sha256").update(Float32Array.from(data)).digest("hex").slice(0, 16);

interface Seen {
  readonly seen: unknown[];
  readonly numbers: number[];
}

async function train(way: Way, stage: 0 | 1 | undefined, folder: string | undefined): Promise<Seen> {
  setSeed(3);
  const { ddp, ...options } = way.options?.() ?? {};
  await using accelerator = new Accelerator({
    seed: 3,
    gradientAccumulationSteps: way.accumulation ?? 1,
    ...(stage !== undefined && { zero: { stage } }),
    ddp: { bucketCapMb: 0.01, ...ddp },
    ...options,
  });
  const { processIndex: rank, numProcesses: world } = accelerator;
  const model = new Model();
  const optimizer = way.make([...model.parameters()]);
  await accelerator.prepare(model, optimizer);
  const seen: unknown[] = [];
  const note = async (): Promise<void> => {
    for (const [name, p] of model.namedParameters()) seen.push(`${name} ${digest(p.values())}`);
    const { state } = await accelerator.optimizerState(optimizer);
    for (const [name, own] of Object.entries(state))
      for (const [key, value] of Object.entries(own)) seen.push(`${name}.${key} ${typeof value === "number" ? value : digest(value)}`);
  };
  let micro = 0;
  const step = async (): Promise<void> => {
    for (let i = 0; i < (way.accumulation ?? 1); i++, micro++)
      await accelerator.accumulate(model, async () => {
        const rows = Array.from({ length: batch }, (_, r) => (micro * world + rank) * batch + r);
        const ids = tensor(
          rows.map((row) => Array.from({ length }, (_, c) => draw(row, c, words))),
          { dtype: "int64" },
        );
        const labels = tensor(
          rows.map((row) => draw(row, 99, 3)),
          { dtype: "int64" },
        );
        const loss = crossEntropy(model(ids, way.uneven && (rank + micro) % 2 === 0 ? "left" : "right"), labels);
        await accelerator.backward(loss);
        seen.push(await loss.item());
        if (accelerator.syncGradients && way.clipValue !== undefined) await accelerator.clipGradValue(model.parameters(), way.clipValue);
        if (accelerator.syncGradients && way.clip !== undefined) seen.push(await accelerator.clipGradNorm(model.parameters(), way.clip));
        if (way.reads) for (const p of model.parameters()) seen.push(p.grad ? digest((await p.grad.data()) as Float32Array) : "none");
        await optimizer.step();
        optimizer.zeroGrad();
      });
  };
  for (let i = 0; i < 2; i++) await step();
  if (way.local) {
    await using local = await accelerator.localSgd({ model, localSgdSteps: 2 });
    for (let i = 0; i < 3; i++) {
      await step();
      await local.step();
    }
  }
  await note();
  if (folder) {
    // Goes on as it went on the first time.
    const directory = await accelerator.saveState(join(folder, `of-${stage}`));
    const before = micro;
    await step();
    await note();
    const first = seen.slice();
    await accelerator.loadState(directory);
    micro = before;
    seen.length = 0;
    await step();
    await note();
    assert.deepEqual(seen, first.slice(-seen.length), "a run that was loaded goes on alike");
    seen.unshift(...first);
  }
  const all = await accelerator.gatherObject([JSON.stringify([...model.parameters()].map((p) => digest(p.values())))]);
  assert.equal(new Set(all).size, 1, "all workers hold the same bits");
  return { seen, numbers: [...model.parameters()].flatMap((p) => [...p.values()]) };
}

/** Goes on with a checkpoint that others have saved; what is loaded is whole. */
async function resume(directory: string): Promise<void> {
  setSeed(3);
  await using accelerator = new Accelerator({ seed: 3, zero: { stage: 1 } });
  const model = new Model();
  const optimizer = ways.AdamW!.make([...model.parameters()]);
  await accelerator.prepare(model, optimizer);
  await accelerator.loadState(directory);
  const { state } = await accelerator.optimizerState(optimizer);
  const digests = Object.entries(state).flatMap(([name, own]) =>
    Object.entries(own).map(([key, value]) => `${name}.${key} ${typeof value === "number" ? value : digest(value)}`),
  );
  if (accelerator.isMainProcess) console.log(`state ${digest([...digests.join("|")].map((c) => c.charCodeAt(0)))} of ${accelerator.numProcesses}`);
}

const { RANK: rank = "0", WORLD_SIZE: size = "1" } = process.env;
const shared = process.argv[2];
const saved = process.argv.slice(3);
for (const directory of saved) await resume(directory);
if (saved.length === 0) {
  const folder = shared ?? (await mkdtemp(join(tmpdir(), "zero-")));
  for (const [name, way] of Object.entries(ways)) {
    const saves = name === "AdamW" && shared !== undefined;
    const plain = await train(way, undefined, saves ? folder : undefined);
    for (const stage of [0, 1] as const) {
      const other = await train(way, stage, saves ? folder : undefined);
      if (way.clip === undefined) assert.deepEqual(other.seen, plain.seen, `${name}, stage ${stage}`);
      const apart = other.numbers.reduce((most, x, i) => Math.max(most, Math.abs(x - plain.numbers[i]!)), 0);
      assert.ok(apart <= 1e-5, `${name}, stage ${stage}: ${apart}`);
    }
  }
  if (!shared) await rm(folder, { recursive: true });
  if (rank === "0") console.log(`same ${Object.keys(ways).length} with ${size}`);
}
