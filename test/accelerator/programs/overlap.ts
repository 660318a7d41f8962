// Trains in several ways with gradients that travel during backward (ddp.overlapComm) and without, and compares everything bit for bit. Any number of workers and hosts.
// Ends with "same ..." and how many buckets were told of early from the main process.
// On doubled GPUs, whose kernels compute nothing, gradients are what was put in their place before each step, and losses are not looked at.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { Accelerator, type AcceleratorOptions, Adafactor, AdamW, GradScaler, type Optimizer, RMSprop, setSeed, SGD, type Tensor, tensor } from "accelerate-ts";
import { crossEntropy, Embedding, Linear, Module } from "accelerate-ts/nn";
import type { WorkerExchange } from "../../../src/accelerator/gradients/gradient-exchange.js";
import { defaultExecutor, type Parameter } from "../../../src/tensor/index.js";

const [words, length, batch] = [2100, 5, 2];

class Model extends Module {
  readonly word = new Embedding(words, 24);
  readonly inner = new Linear(24, 40);
  readonly left = new Linear(40, 40);
  readonly right = new Linear(40, 40);
  readonly unused = new Linear(40, 2);
  readonly out = new Linear(40, 3);
  /** Made by the second call. */
  late: Linear | undefined;
  #calls = 0;
  grows = false;
  forward(ids: Tensor<2, "int64">, branch: "left" | "right"): Tensor {
    const hidden = this.inner(this.word(ids)).tanh().mean(1);
    const after = (branch === "left" ? this.left : this.right)(hidden).tanh();
    return this.out(this.late ? this.late(after).tanh() : after);
  }
  grow(): void {
    if (this.grows && ++this.#calls === 2) this.late = new Linear(40, 40);
  }
}

interface Way {
  readonly make: (parameters: Iterable<Parameter>) => Optimizer;
  readonly accumulation?: number;
  readonly clip?: number;
  readonly clipValue?: number;
  readonly reads?: boolean;
  readonly grows?: boolean;
  /** Backward passes per step that the program counts itself; those of odd workers, where they differ. */
  readonly passes?: readonly [even: number, odd: number];
  /** The two losses' backward passes are not awaited one by one. */
  readonly unawaited?: boolean;
  readonly noSync?: boolean;
  /** Forgets a gradient between backward and step, on the last worker. */
  readonly forgets?: boolean;
  readonly uneven?: boolean;
  /** Another optimizer steps while what its own left out waits, limited. */
  readonly apart?: boolean;
  readonly joins?: boolean;
  readonly options?: () => Partial<AcceleratorOptions>;
}
const ways: Readonly<Record<string, Way>> = {
  AdamW: { make: (p) => new AdamW(p, { lr: 1e-2, weightDecay: 0.1 }) },
  "shared out over hosts, clipped": { make: (p) => new AdamW(p, { lr: 1e-2 }), clip: 0.05, options: () => ({ zero: { stage: 1 } }) },
  "kept by all, parameters of their own, limited": { make: (p) => new AdamW(p, { lr: 1e-2 }), clipValue: 0.01, options: () => ({ zero: { stage: 0 } }) },
  "accumulated, scaled": {
    make: (p) => new RMSprop(p, { lr: 1e-2, momentum: 0.5 }),
    accumulation: 3,
    options: () => ({ shareParameters: false, gradScaler: new GradScaler({ initScale: 1024 }) }),
  },
  "uneven, read": { make: (p) => new SGD(p, { lr: 0.1, momentum: 0.9 }), uneven: true, reads: true, options: () => ({ zero: { stage: 1 } }) },
  "two losses": { make: (p) => new AdamW(p, { lr: 1e-2 }), passes: [2, 2] },
  "two losses at once": { make: (p) => new AdamW(p, { lr: 1e-2 }), passes: [2, 2], unawaited: true },
  "as many as each likes": { make: (p) => new AdamW(p, { lr: 1e-2 }), passes: [3, 0] },
  "without sync": { make: (p) => new AdamW(p, { lr: 1e-2 }), noSync: true },
  forgetful: { make: (p) => new AdamW(p, { lr: 1e-2 }), forgets: true },
  "limited, and stepped later": { make: (p) => new SGD(p, { lr: 0.5 }), apart: true },
  growing: { make: (p) => new AdamW(p, { lr: 1e-2 }), grows: true },
  "of different lengths": { make: (p) => new AdamW(p, { lr: 1e-2 }), joins: true },
  "whole parameters": { make: (p) => new Adafactor(p, { lr: 1e-2, scaleParameter: true, relativeStep: false }), options: () => ({ zero: { stage: 1 } }) },
};

const draw = (row: number, column: number, below: number): number => {
  const x = Math.sin(row * 12.9898 + column * 78.233) * 43758.5453;
  return Math.floor((x - Math.floor(x)) * below);
};
const digest = (data: ArrayLike<number>): string => createHash("sha256").update(Float32Array.from(data)).digest("hex").slice(0, 16);

async function train(way: Way, overlapComm: boolean): Promise<{ readonly seen: unknown[]; readonly told: number }> {
  setSeed(3);
  await using accelerator = new Accelerator({
    seed: 3,
    gradientAccumulationSteps: way.accumulation ?? 1,
    ddp: { bucketCapMb: 0.01, overlapComm },
    ...way.options?.(),
  });
  const { processIndex: rank, numProcesses: world } = accelerator;
  const model = new Model();
  model.grows = way.grows ?? false;
  const heads = new Set([...model.left.parameters(), ...model.right.parameters(), ...model.out.parameters()]);
  const optimizer = way.make({ [Symbol.iterator]: () => [...model.parameters()].filter((p) => !way.apart || heads.has(p))[Symbol.iterator]() });
  const other = new SGD([...model.word.parameters(), ...model.inner.parameters()], { lr: 0.1 });
  await accelerator.prepare(model, optimizer, ...(way.apart ? [other] : []));
  const seen: unknown[] = [];
  const context = defaultExecutor().context;
  /** Other numbers on each worker and in each step. */
  const plant = (step: number): void => {
    const arenas = new Set([...model.parameters()].flatMap((p) => p.segment()?.arena ?? []));
    for (const { device, length } of arenas) {
      const numbers = Float32Array.from({ length }, (_, i) => draw(i, rank + 10 * step, 2001) / 1000 - 1);
      context?.uploadNow(numbers, device!.grads.range(0, length));
    }
  };
  const lossOf = (micro: number): Tensor => {
    const rows = Array.from({ length: batch }, (_, r) => (micro * world + rank) * batch + r);
    const table = rows.map((row) => Array.from({ length }, (_, c) => draw(row, c, words)));
    const labels = rows.map((row) => draw(row, 99, 3));
    const side = way.uneven && (rank + micro) % 2 === 0 ? "left" : "right";
    return crossEntropy(model(tensor(table, { dtype: "int64" }), side), tensor(labels, { dtype: "int64" }));
  };
  let micro = 0;
  const settle = async (): Promise<void> => {
    if (way.forgets && rank === world - 1) for (const p of model.out.parameters()) p.segment()!.hasGrad = false;
    if (accelerator.syncGradients && way.clipValue !== undefined) await accelerator.clipGradValue(model.parameters(), way.clipValue);
    if (accelerator.syncGradients && way.clip !== undefined) seen.push(await accelerator.clipGradNorm(model.parameters(), way.clip));
    if (way.reads) for (const p of model.parameters()) seen.push(p.grad ? digest((await p.grad.data()) as Float32Array) : "none");
    await optimizer.step();
    if (context) for (const p of model.parameters()) seen.push(p.grad ? digest((await p.grad.data()) as Float32Array) : "none");
    optimizer.zeroGrad();
  };
  const counted = async (): Promise<void> => {
    const passes = way.passes![rank % 2]!;
    const backward: Promise<void>[] = [];
    for (let i = 0; i < passes; i++) {
      backward.push(accelerator.backward(lossOf(micro * 3 + i)));
      if (!way.unawaited) await backward.at(-1);
    }
    await Promise.all(backward);
    micro++;
    await settle();
  };
  const apart = async (): Promise<void> => {
    await accelerator.backward(lossOf(micro++));
    await accelerator.clipGradValue([...heads], 0.001);
    await other.step();
    other.zeroGrad();
    const ids = tensor([[1, 2, 3 + rank + micro]], { dtype: "int64" });
    await accelerator.backward(model.inner(model.word(ids)).mean());
    await other.step();
    other.zeroGrad();
    await optimizer.step();
    optimizer.zeroGrad();
  };
  let steps = 0;
  const step = async (): Promise<void> => {
    if (context) plant(steps++);
    if (way.apart) return apart();
    if (way.passes) return counted();
    if (way.noSync) await accelerator.noSync(model, async () => accelerator.backward(lossOf(1000 + micro)));
    for (let i = 0; i < (way.accumulation ?? 1); i++)
      await accelerator.accumulate(model, async () => {
        model.grow();
        const loss = lossOf(micro++);
        await accelerator.backward(loss);
        if (!context) seen.push(await loss.item());
        await settle();
      });
  };
  const note = (): void => {
    for (const [name, p] of model.namedParameters()) seen.push(`${name} ${digest(p.values())}`);
  };
  if (way.joins)
    await accelerator.joinUnevenInputs([model], async () => {
      for (let i = 0; i < 2 + rank; i++) await step();
    });
  else
    for (let i = 0; i < 4; i++) {
      await step();
      note();
    }
  note();
  const { state } = await accelerator.optimizerState(optimizer);
  for (const [name, own] of Object.entries(state))
    for (const [key, value] of Object.entries(own)) seen.push(`${name}.${key} ${typeof value === "number" ? value : digest(value)}`);
  const all = await accelerator.gatherObject([JSON.stringify([...model.parameters()].map((p) => digest(p.values())))]);
  assert.equal(new Set(all).size, 1, "all workers hold the same bits");
  return { seen, told: (accelerator as unknown as { exchange: WorkerExchange }).exchange.early?.told ?? 0 };
}

const { RANK: rank = "0", WORLD_SIZE: size = "1" } = process.env;
let told = 0;
const wanted = process.argv.slice(2);
const chosen = Object.entries(ways).filter(([name], i) => wanted.length === 0 || wanted.includes(name) || i < Number(wanted[0]));
for (const [name, way] of chosen) {
  const plain = await train(way, false);
  const overlapped = await train(way, true);
  assert.deepEqual(overlapped.seen, plain.seen, name);
  assert.equal(plain.told, 0);
  told += overlapped.told;
}
if (rank === "0") console.log(`same ${chosen.length} with ${size}, early ${told}`);
