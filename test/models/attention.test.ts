// The pass attention on the library's models and on models that others exported, with dropout in training: loss and gradients are what they are without it.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { BERTEncoder } from "../../src/d2l/bert.js";
import type { PassSwitches } from "../../src/graph/passes/pipeline.js";
import { BertForSequenceClassification } from "../../src/models/bert/for-sequence-classification.js";
import { DistilBertForMaskedLM } from "../../src/models/distilbert/for-masked-lm.js";
import { GPT2LMHeadModel } from "../../src/models/gpt2/lm-head.js";
import type { ModuleBase } from "../../src/nn/index.js";
import { importOnnx } from "../../src/onnx/index.js";
import { packageRoot } from "../../src/package-root.js";
import { defaultExecutor, setSeed, type Tensor, tensor } from "../../src/tensor/index.js";
import { sameGradients } from "../graph/passes/encoder.js";

const int64 = (values: number[] | number[][]): Tensor => tensor(values as number[][], { dtype: "int64" });
const rows = [
  [3, 4, 5, 6, 7, 8],
  [9, 8, 7, 0, 0, 0],
  [2, 11, 0, 0, 0, 0],
];
const words = () => int64(rows);
const mask = () => int64(rows.map((row) => row.map((id) => Number(id !== 0))));
const labels = () => int64(rows.map((row) => row.map((id) => (id === 0 ? -100 : id))));

interface Case {
  readonly model: () => ModuleBase | Promise<ModuleBase>;
  readonly loss: (model: ModuleBase) => Tensor;
  /** How many attentions there are to be found. */
  readonly found: number;
}
type Returns<T> = (inputs: object) => T;
const call = (model: ModuleBase, inputs: object): Tensor => (model as unknown as Returns<{ loss: Tensor }>)(inputs).loss;
const squares = (y: Tensor): Tensor => y.mul(y).mean();
const exported = (name: string): Case => ({
  model: () => importOnnx(`${packageRoot()}/test/golden/onnx/models/${name}.onnx`, { trainable: () => true }),
  loss: (m) => squares((m as unknown as Returns<{ logits: Tensor }>)({ input_ids: words(), attention_mask: mask() }).logits),
  found: 2,
});

const bert = { vocab_size: 50, hidden_size: 24, num_hidden_layers: 2, num_attention_heads: 3, intermediate_size: 24, max_position_embeddings: 16 };
const gpt2 = { vocab_size: 50, n_embd: 16, n_layer: 2, n_head: 2, n_positions: 16 };
const cases: Readonly<Record<string, Case>> = {
  BERT: {
    model: () => new BertForSequenceClassification(bert),
    loss: (m) => call(m, { input_ids: words(), attention_mask: mask(), labels: int64([0, 1, 1]) }),
    found: 2,
  },
  "BERT without a mask": {
    model: () => new BertForSequenceClassification(bert),
    loss: (m) => call(m, { input_ids: words(), labels: int64([0, 1, 1]) }),
    found: 2,
  },
  "BERT whose weights are read": {
    model: () => new BertForSequenceClassification({ ...bert, output_attentions: true }),
    loss: (m) => {
      const { loss, attentions } = (m as unknown as Returns<{ loss: Tensor; attentions: readonly Tensor[] }>)({
        input_ids: words(),
        attention_mask: mask(),
        labels: int64([0, 1, 1]),
      });
      return loss.add(squares(attentions[0]!));
    },
    found: 1,
  },
  DistilBERT: {
    model: () => new DistilBertForMaskedLM({ vocab_size: 50, dim: 16, n_layers: 2, n_heads: 2, hidden_dim: 24, max_position_embeddings: 16 }),
    loss: (m) => call(m, { input_ids: words(), attention_mask: mask(), labels: labels() }),
    found: 2,
  },
  "GPT-2": { model: () => new GPT2LMHeadModel(gpt2), loss: (m) => call(m, { input_ids: words(), labels: labels() }), found: 2 },
  "GPT-2 with padding": {
    model: () => new GPT2LMHeadModel(gpt2),
    loss: (m) => call(m, { input_ids: words(), attention_mask: mask(), labels: labels() }),
    found: 2,
  },
  "GPT-2 with padding on the left": {
    model: () => new GPT2LMHeadModel(gpt2),
    loss: (m) => call(m, { input_ids: words(), attention_mask: int64(rows.map((row) => row.map((id) => Number(id !== 0)).reverse())), labels: labels() }),
    found: 0,
  },
  "the book's BERT with valid lengths": {
    model: () => new BERTEncoder(30, { numHiddens: 16, ffnNumHiddens: 24, numHeads: 2, numBlks: 2, dropout: 0.1, maxLen: 16 }),
    loss: (m) => squares((m as unknown as (...x: Tensor[]) => Tensor)(words(), int64(rows.map((row) => row.map(() => 0))), int64([6, 3, 2]))),
    found: 2,
  },
  "a DistilBERT of torch's exporter": exported("distilbert"),
  "a GPT-2 of torch's newer exporter": exported("gpt2-dynamo"),
};

async function train({ model: make, loss: of }: Case, passes: PassSwitches) {
  setSeed(5);
  const model = (await make()).train();
  setSeed(7);
  const executor = defaultExecutor();
  let found = 0;
  executor.compiler = {
    passes,
    watch: ({ name, changes }) => {
      if (name === "attention") found += changes;
    },
  };
  try {
    const loss = of(model);
    await loss.backward();
    const gradients = new Map();
    for (const [name, p] of model.namedParameters())
      if (p.grad) gradients.set(name, { dtype: "float32", shape: p.shape, data: Float32Array.from(await p.grad.data()) });
    return { loss: Number(await loss.item()), gradients, found };
  } finally {
    executor.compiler = {};
  }
}

describe("attention as one op leaves loss and gradients what they are:", () => {
  for (const [name, c] of Object.entries(cases)) {
    it(name, async () => {
      const alone = { "row-pushdown": false, unpad: false } as const;
      const want = await train(c, { ...alone, attention: false });
      assert.equal(want.found, 0);
      for (const passes of [alone, {}] as PassSwitches[]) {
        const got = await train(c, passes);
        assert.equal(got.found, c.found);
        assert.ok(Math.abs(got.loss - want.loss) <= 5e-6 * Math.abs(want.loss), `${got.loss} for ${want.loss}`);
        sameGradients(got.gradients, want.gradients);
      }
    });
  }
});
