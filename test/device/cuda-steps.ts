// Trains models on a GPU, step by step, each step marked in the double's log.   node cuda-steps.js '[{"model":"bert","precision":"bf16"}]'
import { pathToFileURL } from "node:url";
import { Accelerator } from "../../src/accelerator/index.js";
import { BertForSequenceClassification } from "../../src/models/index.js";
import { crossEntropy, Linear, Sequential, Tanh } from "../../src/nn/index.js";
import { AdamW, clipGradNorm } from "../../src/optim/index.js";
import { defaultExecutor, setSeed, type Parameter, type Tensor, tensor, zeros } from "../../src/tensor/index.js";
import { mark } from "../doubles/machine.js";
import { bert, cnn, gpt2, imported, type Training } from "./webgpu-trainings.js";

export interface Trial {
  readonly model: string;
  readonly precision: "no" | "bf16" | "fp16";
  readonly steps?: number;
  /** Recorded as CUDA graphs. */
  readonly graph?: boolean;
  /** Micro-batches of a step; default 1. */
  readonly gradientAccumulationSteps?: number;
}

/** What is marked behind the last step, in bytes. */
export interface Memory {
  readonly arrays: number;
  readonly parameters: number;
  readonly trained: number;
}

/** MiniLM's shape; the vocabulary is shorter, which changes no launch. */
const bert6x384 = ({ dropout = 0 }): Training => {
  const ids = (rows: number, columns: number, of: (i: number) => number) =>
    tensor(
      Array.from({ length: rows }, (_, r) => Array.from({ length: columns }, (__, c) => of(r * columns + c))),
      { dtype: "int64" },
    );
  return {
    model: () =>
      new BertForSequenceClassification({
        vocab_size: 1000,
        hidden_size: 384,
        num_hidden_layers: 6,
        num_attention_heads: 12,
        intermediate_size: 1536,
        max_position_embeddings: 128,
        hidden_dropout_prob: dropout,
        attention_probs_dropout_prob: dropout,
        num_labels: 2,
      }),
    loss: (model: BertForSequenceClassification, step) =>
      model({
        input_ids: ids(8, 64, (i) => (i * 7 + step) % 1000),
        attention_mask: ids(8, 64, (i) => Number(i % 64 < 60)),
        labels: tensor([0, 1, 0, 1, 0, 1, 0, 1], { dtype: "int64" }),
      }).loss,
    feeds: 4,
  };
};

export const trainings: { readonly [name: string]: Training } = {
  bert6x384: bert6x384({}),
  "bert6x384 with dropout": bert6x384({ dropout: 0.1 }),
  bert: bert({ size: 16, layers: 1, dropout: 0 }),
  "bert with dropout": bert({ size: 16, layers: 1, dropout: 0.1 }),
  gpt2,
  cnn,
  imported,
  // As with LoRA: most is frozen.
  "a frozen body": {
    model: () => {
      const [body, head] = [new Linear(64, 64), new Linear(64, 3)];
      for (const p of body.parameters()) p.requiresGrad = false;
      return new Sequential(body, new Tanh(), head);
    },
    loss: (model: Sequential) => crossEntropy(model(zeros([4, 64])) as Tensor, tensor([0, 1, 2, 0], { dtype: "int64" })),
    feeds: 2,
  },
};

export const nameOf = ({ model, precision, graph, gradientAccumulationSteps: n = 1 }: Trial): string =>
  `${model}, ${precision === "no" ? "fp32" : precision}${graph ? ", recorded" : ""}${n > 1 ? `, ${n} micro-batches` : ""}`;

export async function trial(one: Trial): Promise<void> {
  const { model: make, loss: lossOf } = trainings[one.model]!;
  const accelerator = new Accelerator({ device: "cuda", seed: 7, mixedPrecision: one.precision, ...(one.graph && { compiler: { cudaGraph: true } }) });
  const { gradientAccumulationSteps: micro = 1 } = one;
  setSeed(7);
  const model = await make();
  model.train();
  const optimizer = new AdamW(model.parameters(), { lr: 1e-3 });
  await accelerator.prepare(model, optimizer);
  const steps = one.steps ?? 6;
  for (let step = 0; step < steps; step++) {
    mark(`${nameOf(one)}, step ${step}`);
    const loss = lossOf(model as never, step);
    for (let n = 1; n < micro; n++) await accelerator.backward(lossOf(model as never, step));
    await accelerator.backward(loss);
    await clipGradNorm(model.parameters(), 1);
    await optimizer.step();
    optimizer.zeroGrad();
    // Every second step asks for its loss.
    if (step % 2 === 1) await loss.item();
    await defaultExecutor().context?.synchronize();
  }
  const bytes = (all: readonly Parameter[]) => 4 * all.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
  const all = [...model.parameters()];
  const memory: Memory = {
    arrays: defaultExecutor().context!.memory().arrays,
    parameters: bytes(all),
    trained: bytes(all.filter((p) => p.requiresGrad)),
  };
  mark(`${nameOf(one)}, memory ${JSON.stringify(memory)}`);
  mark(`${nameOf(one)}, end`);
  await accelerator.close();
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href)
  for (const one of JSON.parse(process.argv[2]!) as Trial[]) await trial(one);
