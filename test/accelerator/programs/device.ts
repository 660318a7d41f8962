// Trains on the device that the environment names, in several ways; each step takes the same rows, however many workers share them. Prints "device {...}" from the main process: what was seen on the way.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { Accelerator, type AcceleratorOptions, Adafactor, AdamW, GradScaler, type Optimizer, setSeed, SGD, type Tensor, tensor } from "accelerate-ts";
import { crossEntropy, Embedding, LayerNorm, Linear, Module } from "accelerate-ts/nn";
import type { Parameter } from "../../../src/tensor/index.js";

const [words, length, batch] = [50, 5, 4];

class Model extends Module {
  readonly word = new Embedding(words, 12);
  readonly inner = new Linear(12, 17);
  readonly norm = new LayerNorm(17);
  readonly left = new Linear(17, 17);
  readonly right = new Linear(17, 17);
  readonly out = new Linear(17, 3);
  late: Linear | undefined;
  forward(ids: Tensor<2, "int64">, branch: "left" | "right"): Tensor {
    const hidden = this.norm(this.inner(this.word(ids)).tanh().mean(1));
    const split = (branch === "left" ? this.left : this.right)(hidden).tanh();
    return this.out(this.late ? split.add(this.late(split)) : split);
  }
}

interface Way {
  readonly make: (parameters: Iterable<Parameter>) => Optimizer;
  readonly accumulation?: number;
  readonly clipValue?: number;
  readonly clip?: number;
  readonly reads?: boolean;
  /** Workers run different parts of the model: nothing that one worker alone could repeat. */
  readonly uneven?: boolean;
  readonly late?: boolean;
  readonly saves?: boolean;
  readonly options?: () => Partial<AcceleratorOptions>;
}
const ways: Readonly<Record<string, Way>> = {
  AdamW: { make: (p) => new AdamW(p, { lr: 1e-2, weightDecay: 0.1 }), saves: true },
  "accumulated, limited, scaled": {
    make: (p) => new SGD(p, { lr: 0.1, momentum: 0.9 }),
    accumulation: 2,
    clipValue: 0.01,
    options: () => ({ gradScaler: new GradScaler({ initScale: 1024 }) }),
  },
  "clipped, read": { make: (p) => new AdamW(p, { lr: 1e-2 }), clip: 0.05, reads: true },
  "whole parameters": { make: (p) => new Adafactor(p, { lr: 1e-2, scaleParameter: true, relativeStep: false }) },
  uneven: { make: (p) => new AdamW(p, { lr: 1e-2 }), uneven: true },
  late: { make: (p) => new AdamW(p, { lr: 1e-2 }), late: true },
};

const draw = (row: number, column: number, below: number): number => {
  const x = Math.sin(row * 12.9898 + column * 78.233) * 43758.5453;
  return Math.floor((x - Math.floor(x)) * below);
};
const digest = (data: ArrayLike<number>): string => createHash("sha256").update(Float32Array.from(data)).digest("hex").slice(0, 16);

async function train(way: Way, folder: string): Promise<number[]> {
  setSeed(3);
  await using accelerator = new Accelerator({ seed: 3, gradientAccumulationSteps: way.accumulation ?? 1, ...way.options?.() });
  const { processIndex: rank, numProcesses: world } = accelerator;
  const model = new Model();
  const optimizer = way.make(model.parameters());
  await accelerator.prepare(model, optimizer);
  const numbers: number[] = [];
  let micro = 0;
  const step = async (): Promise<void> => {
    for (let i = 0; i < (way.accumulation ?? 1); i++, micro++)
      await accelerator.accumulate(model, async () => {
        const own = batch / world;
        const rows = Array.from({ length: own }, (_, r) => micro * batch + rank * own + r);
        const ids = tensor(
          rows.map((row) => Array.from({ length }, (_, c) => draw(row, c, words))),
          { dtype: "int64" },
        );
        const labels = tensor(
          rows.map((row) => draw(row, 99, 3)),
          { dtype: "int64" },
        );
        const loss = crossEntropy(model(ids, way.uneven && (rank + micro) % 2 === 0 ? "right" : "left"), labels);
        await accelerator.backward(loss);
        const losses = (await accelerator.gatherObject([await loss.item()])) as number[];
        numbers.push(losses.reduce((a, b) => a + b, 0) / world);
        if (accelerator.syncGradients && way.clipValue !== undefined) await accelerator.clipGradValue(model.parameters(), way.clipValue);
        if (accelerator.syncGradients && way.clip !== undefined) numbers.push(await accelerator.clipGradNorm(model.parameters(), way.clip));
        if (way.reads) numbers.push(...((await model.inner.weight.grad!.data()) as Float32Array));
        await optimizer.step();
        optimizer.zeroGrad();
      });
  };
  await step();
  if (way.late) model.late = new Linear(17, 17);
  await step();
  if (way.saves) {
    const directory = await accelerator.saveState(join(folder, `of-${world}`));
    const before = micro;
    await step();
    const first = [...model.parameters()].map((p) => digest(p.values()));
    await accelerator.loadState(directory);
    micro = before;
    await step();
    assert.deepEqual(
      [...model.parameters()].map((p) => digest(p.values())),
      first,
      "a run that was loaded goes on alike",
    );
  }
  const all = await accelerator.gatherObject([JSON.stringify([...model.parameters()].map((p) => digest(p.values())))]);
  assert.equal(new Set(all).size, 1, "all workers hold the same bits");
  for (const p of model.parameters()) numbers.push(...p.values());
  return numbers;
}

const { RANK: rank = "0" } = process.env;
const [folder = "", ...wanted] = process.argv.slice(2);
for (const [name, way] of Object.entries(ways)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const numbers = await train(way, folder);
  if (rank === "0") console.log(`device ${JSON.stringify({ name, numbers })}`);
}
