// Folding and fusion on whole models, ours and imported ones: losses and gradients are what they are without passes, and the chains of every layer are found.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Graph, TensorData } from "../../src/graph/index.js";
import { passNames, type PassName } from "../../src/graph/passes/names.js";
import { BertForMaskedLM } from "../../src/models/bert/for-masked-lm.js";
import { BertForSequenceClassification } from "../../src/models/bert/for-sequence-classification.js";
import { GPT2LMHeadModel } from "../../src/models/gpt2/lm-head.js";
import type { ModuleBase } from "../../src/nn/index.js";
import { importOnnx } from "../../src/onnx/index.js";
import { defaultExecutor, setSeed, type Tensor, tensor } from "../../src/tensor/index.js";
import { sameGradients } from "../graph/passes/encoder.js";
import { goldenLoss, goldenModel, inputsOf, modelFile } from "../onnx/golden-models.js";

const int64 = (values: number[] | number[][]): Tensor => tensor(values as number[][], { dtype: "int64" });
const sizes = {
  vocab_size: 50,
  hidden_size: 16,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  intermediate_size: 24,
  max_position_embeddings: 16,
  pad_token_id: 0,
};
const rows = [
  [3, 4, 5, 6, 7, 8],
  [9, 8, 7, 0, 0, 0],
];
const mask = rows.map((row) => row.map((id) => Number(id !== 0)));
const labels = rows.map((row) => row.map((id, i) => (id !== 0 && i % 2 === 0 ? id : -100)));

interface Case {
  readonly model: () => Promise<ModuleBase> | ModuleBase;
  readonly loss: (model: ModuleBase) => Tensor;
  /** How often each op must be there when only `fold` and `fuse` have run, forward. */
  readonly found: Readonly<Record<string, number>>;
}
const call = (model: ModuleBase, inputs: object): Record<string, Tensor> => (model as unknown as (inputs: object) => Record<string, Tensor>)(inputs);

const cases: Readonly<Record<string, Case>> = {
  "BERT for sequences": {
    model: () => new BertForSequenceClassification(sizes),
    loss: (m) => call(m, { input_ids: int64(rows), attention_mask: int64(mask), labels: int64([1, 1]) }).loss!,
    found: { DropoutAddLayerNorm: 5, BiasGelu: 2, MaskedSoftmax: 2, CrossEntropy: 1 },
  },
  "a masked language model": {
    model: () => new BertForMaskedLM(sizes),
    loss: (m) => call(m, { input_ids: int64(rows), attention_mask: int64(mask), labels: int64(labels) }).loss!,
    found: { DropoutAddLayerNorm: 6, BiasGelu: 3, MaskedSoftmax: 2, CrossEntropy: 1 },
  },
  "GPT-2": {
    model: () => new GPT2LMHeadModel({ vocab_size: 50, n_embd: 16, n_layer: 2, n_head: 2, n_positions: 16, pad_token_id: 0 }),
    loss: (m) => call(m, { input_ids: int64(rows), attention_mask: int64(mask), labels: int64(labels) }).loss!,
    found: { DropoutAddLayerNorm: 5, BiasGelu: 2, MaskedSoftmax: 2, CrossEntropy: 1 },
  },
};
/** Files that torch wrote: the older exporter composes GELU, the newer has it. */
const files: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  distilbert: { DropoutAddLayerNorm: 5, BiasGelu: 2, MaskedSoftmax: 2 },
  "distilbert-dynamo": { DropoutAddLayerNorm: 5, BiasGelu: 2, MaskedSoftmax: 2 },
  gpt2: { DropoutAddLayerNorm: 5, BiasGelu: 2, MaskedSoftmax: 2 },
  "gpt2-dynamo": { DropoutAddLayerNorm: 5, BiasGelu: 2, MaskedSoftmax: 2 },
  vit: { DropoutAddLayerNorm: 5, BiasGelu: 2, MaskedSoftmax: 2 },
  "vit-dynamo": { DropoutAddLayerNorm: 5, BiasGelu: 2, MaskedSoftmax: 2 },
};

/** Loss and gradients with some passes alone, and the forward graph's ops behind them. */
async function train({ model: make, loss: of }: Omit<Case, "found">, on: readonly PassName[]) {
  setSeed(5);
  const model = (await make()).train();
  setSeed(7);
  const executor = defaultExecutor();
  const ops = new Map<string, number>();
  const watch = (report: { readonly name: PassName }, graph: Graph): void => {
    if (report.name === "fuse") for (const { op } of graph.nodes) ops.set(op, (ops.get(op) ?? 0) + 1);
  };
  executor.compiler = { passes: Object.fromEntries(passNames.map((name) => [name, on.includes(name)])), watch };
  try {
    const loss = of(model);
    await loss.backward();
    const gradients = new Map<string, TensorData>();
    for (const [name, p] of model.namedParameters())
      if (p.grad) gradients.set(name, { dtype: "float32", shape: p.shape, data: Float32Array.from(await p.grad.data()) });
    return { loss: Number(await loss.item()), gradients, ops };
  } finally {
    executor.compiler = {};
  }
}

async function unchanged(c: Omit<Case, "found">, found: Readonly<Record<string, number>>): Promise<void> {
  const [want, got] = [await train(c, []), await train(c, ["fold", "fuse"])];
  assert.ok(Math.abs(got.loss - want.loss) <= 5e-6 * Math.max(1, Math.abs(want.loss)), `${got.loss} for ${want.loss}`);
  sameGradients(got.gradients, want.gradients);
  assert.deepEqual(Object.fromEntries(Object.keys(found).map((op) => [op, got.ops.get(op) ?? 0])), found);
}

describe("fusion leaves loss and gradients what they are:", () => {
  for (const [name, c] of Object.entries(cases)) it(name, () => unchanged(c, c.found));
  for (const [name, found] of Object.entries(files)) {
    it(`${name}.onnx`, () =>
      unchanged(
        {
          model: () => importOnnx(modelFile(name)) as Promise<ModuleBase>,
          loss: (m) => goldenLoss(call(m, inputsOf(goldenModel(name)))),
        },
        found,
      ));
  }
});
