// Passes on models of the library, with dropout: the loss, what is read besides and every gradient are what they are without them.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { PassName, PassReport, PassSwitches } from "../../src/graph/passes/pipeline.js";
import { BertForMaskedLM } from "../../src/models/bert/for-masked-lm.js";
import { BertForSequenceClassification } from "../../src/models/bert/for-sequence-classification.js";
import { BertForTokenClassification } from "../../src/models/bert/for-token-classification.js";
import { BertModel } from "../../src/models/bert/model.js";
import { DistilBertForSequenceClassification } from "../../src/models/distilbert/for-sequence-classification.js";
import { GPT2ForSequenceClassification } from "../../src/models/gpt2/for-sequence-classification.js";
import { GPT2LMHeadModel } from "../../src/models/gpt2/lm-head.js";
import { RobertaForSequenceClassification } from "../../src/models/roberta/for-sequence-classification.js";
import type { EncoderInputs } from "../../src/models/shared/types.js";
import { crossEntropy, Module, type ModuleBase } from "../../src/nn/index.js";
import { defaultExecutor, setSeed, type Tensor, tensor } from "../../src/tensor/index.js";
import { sameGradients } from "../graph/passes/encoder.js";

const int64 = (values: number[] | number[][]): Tensor => tensor(values as number[][], { dtype: "int64" });
const sizes = {
  vocab_size: 50,
  hidden_size: 16,
  num_hidden_layers: 3,
  num_attention_heads: 2,
  intermediate_size: 24,
  max_position_embeddings: 16,
  pad_token_id: 0,
};
const distilled = { vocab_size: 50, dim: 16, n_layers: 3, n_heads: 2, hidden_dim: 24, max_position_embeddings: 16, pad_token_id: 0 };
const generative = { vocab_size: 50, n_embd: 16, n_layer: 3, n_head: 2, n_positions: 16, pad_token_id: 0 };
const rows = [
  [3, 4, 5, 6, 7, 8],
  [9, 8, 7, 0, 0, 0],
  [2, 11, 0, 0, 0, 0],
];
const batch = () => ({ input_ids: int64(rows), attention_mask: int64(rows.map((row) => row.map((id) => Number(id !== 0)))) });
const classes = int64([0, 1, 1]);
/** A label for every token, or for some. */
const labels = (every: number) => int64(rows.map((row) => row.map((id, i) => (id !== 0 && i % every === 0 ? id : -100))));

interface Case {
  readonly model: () => ModuleBase;
  readonly loss: (model: ModuleBase) => Tensor;
  /** What must have been done. */
  readonly passes: readonly PassName[];
}
type Callable = (inputs: object) => { loss: Tensor };
const call = (model: ModuleBase, inputs: object): Tensor => (model as unknown as Callable)(inputs).loss;
const both = ["row-pushdown", "unpad"] as const;
const cases: Record<string, Case> = {
  "BERT for sequences": { model: () => new BertForSequenceClassification(sizes), loss: (m) => call(m, { ...batch(), labels: classes }), passes: both },
  "BERT for sequences with sentence numbers": {
    model: () => new BertForSequenceClassification(sizes),
    loss: (m) => call(m, { ...batch(), token_type_ids: int64(rows.map((row) => row.map((_, i) => i % 2))), labels: classes }),
    passes: both,
  },
  "BERT for tokens": {
    model: () => new BertForTokenClassification({ ...sizes, num_labels: 50 }),
    loss: (m) => call(m, { ...batch(), labels: labels(1) }),
    passes: ["unpad"],
  },
  "a masked language model": { model: () => new BertForMaskedLM(sizes), loss: (m) => call(m, { ...batch(), labels: labels(3) }), passes: both },
  DistilBERT: { model: () => new DistilBertForSequenceClassification(distilled), loss: (m) => call(m, { ...batch(), labels: classes }), passes: both },
  RoBERTa: { model: () => new RobertaForSequenceClassification(sizes), loss: (m) => call(m, { ...batch(), labels: classes }), passes: both },
  "GPT-2 for sequences": { model: () => new GPT2ForSequenceClassification(generative), loss: (m) => call(m, { ...batch(), labels: classes }), passes: both },
  "GPT-2": { model: () => new GPT2LMHeadModel(generative), loss: (m) => call(m, { ...batch(), labels: labels(1) }), passes: ["unpad"] },
};

/** Means over the tokens of two batches of other sizes, compared with each other. */
class Twice extends Module {
  readonly bert = new BertModel(sizes);
  forward(text: EncoderInputs): Tensor {
    const mask: Tensor = text.attention_mask!.to("float32").unsqueeze(-1);
    return (this.bert(text).last_hidden_state as Tensor).mul(mask).sum(1).div(mask.sum(1));
  }
}
const short = rows.map((row) => row.slice(1, 5));
cases["a mean over tokens, of two calls in one loss"] = {
  model: () => new Twice(),
  loss: (m) => {
    const right = { input_ids: int64(short), attention_mask: int64(short.map((row) => row.map((id) => Number(id !== 0)))) };
    return crossEntropy((m as Twice)(batch()).matmul((m as Twice)(right), { transposeB: true }), classes);
  },
  passes: ["unpad"],
};

/** Loss and gradients with some passes turned off, and what the others did. */
async function train({ model: make, loss: of }: Case, passes: PassSwitches) {
  setSeed(5);
  const model = make().train();
  setSeed(7);
  const executor = defaultExecutor();
  const reports: PassReport[] = [];
  executor.compiler = { passes, watch: (report) => reports.push(report) };
  try {
    const loss = of(model);
    await loss.backward();
    const gradients = new Map();
    for (const [name, p] of model.namedParameters())
      if (p.grad) gradients.set(name, { dtype: "float32", shape: p.shape, data: Float32Array.from(await p.grad.data()) });
    return { loss: Number(await loss.item()), gradients, changed: new Set(reports.flatMap((r) => (r.changes > 0 ? [r.name] : []))) };
  } finally {
    executor.compiler = {};
  }
}

describe("row pushdown and unpadding leave loss and gradients what they are:", () => {
  for (const [name, c] of Object.entries(cases)) {
    it(name, async () => {
      const want = await train(c, { "row-pushdown": false, unpad: false });
      for (const off of [{}, { "row-pushdown": false }, { unpad: false }] as PassSwitches[]) {
        const got = await train(c, off);
        for (const pass of c.passes) assert.equal(got.changed.has(pass), off[pass] !== false, `${pass} of ${name}`);
        assert.ok(Math.abs(got.loss - want.loss) <= 5e-6 * Math.abs(want.loss), `${got.loss} for ${want.loss}`);
        sameGradients(got.gradients, want.gradients);
      }
    });
  }
});
