// What the tests of lowering share: losses of models, the graphs that are compiled of them, and their numbers on the processor's engine.
import assert from "node:assert/strict";
import type { Graph, TensorData, Value } from "../../src/graph/index.js";
import { toOnnx } from "../../src/graph/onnx/write.js";
import type { Target } from "../../src/graph/passes/lower/index.js";
import { BertForSequenceClassification, GPT2LMHeadModel } from "../../src/models/index.js";
import { AvgPool2d, BatchNorm2d, Conv2d, crossEntropy, Dropout, Flatten, Linear, MaxPool2d, ReLU, Sequential } from "../../src/nn/index.js";
import { importOnnx } from "../../src/onnx/index.js";
import { type DeviceContext, Engine } from "../../src/runtime/index.js";
import { HostMasks } from "../../src/tensor/host-masks.js";
import { fromData, setSeed, type Tensor, tensor } from "../../src/tensor/index.js";
import type { CompilerOptions } from "../../src/tensor/compiler-options.js";
import { type Plan, plan } from "../../src/tensor/plan.js";
import { type BuiltGraph, buildGraph, sizesFor } from "../../src/tensor/program.js";
import { goldenLoss, goldenModel, inputsOf, modelFile } from "../onnx/golden-models.js";
import { compileGraph } from "../support/evaluate.js";

const words = (rows: number, length: number): Tensor =>
  tensor(
    Array.from({ length: rows }, (_, i) => Array.from({ length }, (_, j) => 1 + ((7 * i + 3 * j) % 47))),
    { dtype: "int64" },
  );
const padding = (lengths: readonly number[], length: number): Tensor =>
  tensor(
    lengths.map((n) => Array.from({ length }, (_, j) => Number(j < n))),
    { dtype: "int64" },
  );
const wave = (...shape: number[]): Tensor =>
  fromData(
    Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => Math.sin(1.3 * i)),
    shape,
    "float32",
  );

let bert: BertForSequenceClassification | undefined;
/** BERT in training, with dropout; rows of these lengths. */
export function bertLoss(lengths: readonly number[] = [7, 5, 3]): Tensor {
  setSeed(1);
  bert ??= new BertForSequenceClassification({
    ...{ vocab_size: 50, hidden_size: 32, num_hidden_layers: 2, num_attention_heads: 4, intermediate_size: 64, max_position_embeddings: 32, num_labels: 3 },
  }).train() as BertForSequenceClassification;
  const length = Math.max(...lengths);
  const labels = tensor(
    lengths.map((_, i) => i % 3),
    { dtype: "int64" },
  );
  return bert({ input_ids: words(lengths.length, length), attention_mask: padding(lengths, length), labels }).loss as Tensor;
}

function gpt2(): Tensor {
  setSeed(2);
  const model = new GPT2LMHeadModel({ vocab_size: 50, n_embd: 32, n_layer: 2, n_head: 4, n_positions: 32 }).train() as GPT2LMHeadModel;
  const input_ids = words(3, 7);
  return model({ input_ids, attention_mask: padding([7, 5, 3], 7), labels: input_ids }).loss as Tensor;
}

function cnn(): Tensor {
  setSeed(3);
  const convolutions = [
    new Conv2d(1, 8, 3, { padding: 1 }),
    new BatchNorm2d(8),
    new ReLU(),
    new MaxPool2d(2),
    new Conv2d(8, 8, 3),
    new BatchNorm2d(8),
    new ReLU(),
  ];
  const model = new Sequential(
    ...convolutions,
    new MaxPool2d(3, { stride: 2, padding: 1 }),
    new AvgPool2d(2),
    new Flatten(),
    new Dropout(0.2),
    new Linear(32, 10),
  );
  return crossEntropy(model.train()(wave(4, 1, 19, 20)) as Tensor, tensor([1, 2, 3, 4], { dtype: "int64" })) as Tensor;
}

const imported = (name: string) => async (): Promise<Tensor> => goldenLoss((await importOnnx(modelFile(name))).train()(inputsOf(goldenModel(name))));

export const losses: { readonly [name: string]: () => Tensor | Promise<Tensor> } = {
  BERT: () => bertLoss(),
  "GPT-2": gpt2,
  "a CNN with batch normalization": cnn,
  ...Object.fromEntries(["cnn", "vit", "distilbert", "gpt2-dynamo", "bert-fused", "llama", "unet"].map((name) => [`the file ${name}`, imported(name)])),
};

/** A device without kernels of the library. */
export const bare = (type: Target["type"]): Target => ({ type, kernels: new Set(), half: true });

export interface Lowered extends BuiltGraph {
  readonly plan: Plan;
}
export const lowered = (loss: Tensor, compiler: CompilerOptions = {}): Lowered => {
  const made = plan(loss, { backward: true });
  return { plan: made, ...buildGraph(made, { sparseGradients: false, ...compiler }) };
};

/** The loss, and what else a program puts out, for the data of a plan; on a device, if one is given: then a loss and the gradients of all parameters. */
export async function numbersOf(built: BuiltGraph, run: Plan, device?: DeviceContext): Promise<Float32Array[]> {
  const { graph, slots, masks, symbols } = built;
  const drawn = masks.length > 0 ? await HostMasks.compile(Engine.default(), masks, graph.env, symbols) : undefined;
  const made = (await drawn?.of(run)) ?? [];
  const feeds = new Map<Value, TensorData>();
  for (const value of graph.inputs) {
    const slot = slots.get(value)!;
    if (slot.kind === "parameter") {
      const p = run.parameters[slot.parameter]!;
      feeds.set(value, { dtype: "float32", shape: p.shape, data: p.values() });
    } else if (slot.kind === "feed") {
      const { state } = run.feeds[slot.feed]!;
      assert.ok(state.kind === "concrete" || state.kind === "lazy");
      feeds.set(value, { dtype: value.dtype, shape: state.shape, data: state.data! });
    } else {
      feeds.set(value, { dtype: value.dtype, ...(slot.kind === "mask" ? made[slot.mask]! : sizesFor(slot, { env: graph.env, symbols }, run)) });
    }
  }
  await drawn?.close();
  if (device) {
    await using session = await Engine.default().createSession(toOnnx(graph), { device, hostNodes: "refuse" });
    const binding = session.createBinding();
    for (const [i, value] of graph.inputs.entries()) binding.bindInput(i, feeds.get(value)!.data, feeds.get(value)!.shape);
    const shapes = graph.outputs.map((value) => value.shape.map(Number));
    const outputs = shapes.map((shape) => new Float32Array(shape.reduce((a, b) => a * b, 1)));
    for (const [i, data] of outputs.entries()) binding.bindOutput(i, data, shapes[i]!);
    await binding.run();
    return outputs;
  }
  await using program = await compileGraph(graph, graph.outputs);
  const outputs = await program.run(feeds);
  return outputs.map(({ data }) => (data instanceof Float32Array ? data : Float32Array.from(data as BigInt64Array, Number)));
}

/** Fails unless all numbers agree: each tensor to a share of its greatest number, and of the norm of all. */
export function assertNear(found: readonly Float32Array[], expected: readonly Float32Array[], names: readonly string[], relative = 5e-5, ofAll = 1e-7): void {
  assert.equal(found.length, expected.length);
  const norm = Math.hypot(...expected.slice(1).map((g) => Math.hypot(...g)));
  for (const [i, numbers] of expected.entries()) {
    const bound = relative * numbers.reduce((most, x) => Math.max(most, Math.abs(x)), 0) + ofAll * norm;
    assert.equal(found[i]!.length, numbers.length, names[i]);
    for (const [k, x] of numbers.entries())
      assert.ok(Math.abs(found[i]![k]! - x) <= bound, `${names[i]}[${k}] is ${found[i]![k]}, not ${x}; at most ${bound} away was allowed`);
  }
}

export const opsOf = (graph: Graph): string[] => graph.nodes.map(({ domain, op }) => `${domain}:${op}`);
