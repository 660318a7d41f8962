// Trainings that are run on the processor and on a device, and what they leave. The processor comes first: a process stays on the device that it has opened.
import assert from "node:assert/strict";
import { Accelerator } from "../../src/accelerator/index.js";
import { BertForSequenceClassification, GPT2LMHeadModel } from "../../src/models/index.js";
import { BatchNorm2d, Conv2d, crossEntropy, Flatten, Linear, MaxPool2d, Module, type ModuleBase } from "../../src/nn/index.js";
import { importOnnx } from "../../src/onnx/index.js";
import { AdamW, clipGradNorm, type Optimizer } from "../../src/optim/index.js";
import type { Device, DeviceCounters } from "../../src/runtime/index.js";
import { defaultExecutor, fromData, setSeed, type Tensor, tensor } from "../../src/tensor/index.js";
import { goldenLoss, goldenModel, inputsOf, modelFile } from "../onnx/golden-models.js";
import { relativeDifference } from "../optim/fixtures.js";

export interface Training {
  model(): ModuleBase | Promise<ModuleBase>;
  loss(model: never, step: number): Tensor;
  readonly steps?: number;
  /** Batches, and what else goes up in each step: constants of the update. */
  readonly feeds: number;
}

export interface Trained {
  readonly losses: readonly number[];
  readonly norms: readonly number[];
  readonly parameters: ReadonlyMap<string, Float32Array>;
  readonly buffers: ReadonlyMap<string, ArrayLike<number | bigint>>;
  /** What crossed in each step but the first. */
  readonly crossed: readonly DeviceCounters[];
}

const difference = (a: DeviceCounters, b: DeviceCounters): DeviceCounters =>
  Object.fromEntries(Object.entries(a).map(([key, n]) => [key, n - b[key as keyof DeviceCounters]])) as unknown as DeviceCounters;

/** Trains on a device; every second step clips. */
export async function train(
  { model: make, loss: lossOf, steps = 4 }: Training,
  device: Device | "cpu",
  optimizerOf: (model: ModuleBase) => Optimizer = (model) => new AdamW(model.parameters(), { lr: 1e-3 }),
): Promise<Trained> {
  const accelerator = new Accelerator({ device, seed: 7 });
  setSeed(7);
  const model = await make();
  model.train();
  const optimizer = optimizerOf(model);
  await accelerator.prepare(model, optimizer);
  const [losses, norms, crossed]: [number[], number[], DeviceCounters[]] = [[], [], []];
  for (let step = 0; step < steps; step++) {
    const before = defaultExecutor().context?.counters;
    const loss = lossOf(model as never, step);
    await accelerator.backward(loss);
    norms.push(step % 2 === 1 ? await clipGradNorm(model.parameters(), 0.5) : 0);
    await optimizer.step();
    optimizer.zeroGrad();
    losses.push(await loss.item());
    if (before && step > 0) crossed.push(difference(defaultExecutor().context!.counters, before));
  }
  const parameters = new Map([...model.namedParameters()].map(([name, p]) => [name, p.values().slice()]));
  const buffers = new Map<string, ArrayLike<number | bigint>>();
  for (const [name, buffer] of model.namedBuffers({ persistentOnly: true })) buffers.set(name, (await buffer.data()).slice());
  await accelerator.close();
  return { losses, norms, parameters, buffers, crossed };
}

/** Losses and parameters of the device are those of the processor. */
export function assertAlike(found: Trained, expected: Trained, bound = 1e-4): void {
  for (const [step, loss] of expected.losses.entries())
    assert.ok(Math.abs(found.losses[step]! - loss) <= bound * Math.max(1, Math.abs(loss)), `step ${step}: loss ${found.losses[step]}, ${loss} on the CPU`);
  for (const [step, norm] of expected.norms.entries())
    assert.ok(Math.abs(found.norms[step]! - norm) <= bound * Math.max(1, norm), `step ${step}: norm ${found.norms[step]}, ${norm} on the CPU`);
  assert.deepEqual([...found.parameters.keys()], [...expected.parameters.keys()]);
  for (const [name, values] of expected.parameters) {
    const own = found.parameters.get(name)!;
    // Adam's first steps are as large where the gradient is rounding alone (the bias of keys), so elements are held against the step.
    for (const [i, x] of values.entries()) assert.ok(Math.abs(own[i]! - x) <= bound * Math.max(1, Math.abs(x)), `${name}[${i}] is ${own[i]}, ${x} on the CPU`);
  }
  for (const [name, values] of expected.buffers) {
    const [own, other] = [Array.from(found.buffers.get(name)!, Number), Array.from(values, Number)];
    assert.ok(relativeDifference(own, other) <= bound, `buffer ${name}: ${own}, ${other} on the CPU`);
  }
}

const ids = (step: number, batch: number, tokens: number, words: number): Tensor =>
  tensor(
    Array.from({ length: batch }, (_, b) => Array.from({ length: tokens }, (__, t) => (step * 37 + b * 11 + t * 7 + b * t) % words)),
    { dtype: "int64" },
  );

export function bert({ size, layers, dropout }: { readonly size: number; readonly layers: number; readonly dropout: number }): Training {
  const config = {
    vocab_size: 97,
    hidden_size: size,
    num_hidden_layers: layers,
    num_attention_heads: 2,
    intermediate_size: 2 * size,
    max_position_embeddings: 16,
    hidden_dropout_prob: dropout,
    attention_probs_dropout_prob: dropout,
    num_labels: 3,
  };
  return {
    model: () => new BertForSequenceClassification(config),
    loss(model: BertForSequenceClassification, step) {
      const attention_mask = tensor(
        Array.from({ length: 4 }, (_, b) => Array.from({ length: 8 }, (__, t) => Number(t < 8 - b))),
        { dtype: "int64" },
      );
      return model({ input_ids: ids(step, 4, 8, 97), attention_mask, labels: tensor([0, 1, 2, 1], { dtype: "int64" }) }).loss;
    },
    // Ids, mask, labels, constants of AdamW.
    feeds: 4,
  };
}

export const gpt2: Training = {
  model: () => new GPT2LMHeadModel({ vocab_size: 61, n_embd: 16, n_layer: 1, n_head: 2, n_positions: 16, resid_pdrop: 0, embd_pdrop: 0, attn_pdrop: 0 }),
  loss(model: GPT2LMHeadModel, step) {
    const input_ids = ids(step, 2, 6, 61);
    return model({ input_ids, labels: input_ids }).loss;
  },
  feeds: 2,
};

class Pictures extends Module {
  // Without a bias, whose gradient before a normalization is rounding alone: Adam would take steps by it.
  readonly first = new Conv2d(1, 4, 3, { padding: 1, bias: false });
  readonly norm = new BatchNorm2d(4);
  readonly pool = new MaxPool2d(2);
  readonly flat = new Flatten();
  readonly out = new Linear(64, 3);
  forward(x: Tensor): Tensor {
    return this.out(this.flat(this.pool(this.norm(this.first(x)).relu())));
  }
}
export const cnn: Training = {
  model: () => new Pictures(),
  loss(model: Pictures, step) {
    const pixels = Float32Array.from({ length: 4 * 64 }, (_, i) => Math.sin(i * 0.37 + step));
    return crossEntropy(model(fromData(pixels, [4, 1, 8, 8])), tensor([0, 1, 2, step % 3], { dtype: "int64" }));
  },
  // Pictures, labels, constants. The number of pixels that variances are taken over goes up once.
  feeds: 3,
};

export const imported: Training = {
  model: () => importOnnx(modelFile("mlp")),
  loss: (model: (inputs: Record<string, Tensor>) => Record<string, Tensor>) => goldenLoss(model(inputsOf(goldenModel("mlp")))),
  feeds: 0,
};
