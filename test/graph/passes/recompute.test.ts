// Recomputation: the same loss and gradients with less memory.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { TensorData } from "../../../src/graph/index.js";
import { liveRun } from "../../../src/graph/live-ranges.js";
import type { PassReport } from "../../../src/graph/passes/pipeline.js";
import { BertForSequenceClassification } from "../../../src/models/bert/for-sequence-classification.js";
import { DistilBertForMaskedLM } from "../../../src/models/distilbert/for-masked-lm.js";
import { GPT2LMHeadModel } from "../../../src/models/gpt2/lm-head.js";
import type { PreTrainedModelBase } from "../../../src/models/shared/pretrained-model.js";
import { Checkpoint, GELU, Linear, type ModuleBase, Sequential } from "../../../src/nn/index.js";
import { recordedGraph } from "../../../src/tensor/recorded-graph.js";
import { sameGradients } from "./encoder.js";
import { defaultExecutor, setSeed, type Tensor, tensor } from "../../../src/tensor/index.js";

const int64 = (values: number[][]): Tensor => tensor(values, { dtype: "int64" });
const long = Array.from({ length: 4 }, (_, row) => Array.from({ length: 24 }, (_, i) => (i < 24 - 3 * row ? 1 + ((7 * i + row) % 40) : 0)));
const batch = () => ({ input_ids: int64(long), attention_mask: int64(long.map((row) => row.map((id) => Number(id !== 0)))) });
const labels = () => int64(long.map((row) => row.map((id) => (id === 0 ? -100 : id))));
type Callable = (inputs: object) => { readonly loss: Tensor };
const call = (model: ModuleBase, inputs: object): Tensor => (model as unknown as Callable)(inputs).loss;

const layers = 5;
const shared = { vocab_size: 50, pad_token_id: 0, max_position_embeddings: 32 };
const models: Readonly<Record<string, readonly [() => PreTrainedModelBase, (model: ModuleBase) => Tensor]>> = {
  // The gradient of a table this large leaves the graph as rows.
  BERT: [
    () =>
      new BertForSequenceClassification({
        ...shared,
        vocab_size: 3000,
        hidden_size: 16,
        num_hidden_layers: layers,
        num_attention_heads: 2,
        intermediate_size: 48,
      }),
    (m) => call(m, { ...batch(), labels: tensor([0, 1, 0, 1], { dtype: "int64" }) }),
  ],
  DistilBERT: [
    () => new DistilBertForMaskedLM({ ...shared, dim: 16, n_layers: layers, n_heads: 2, hidden_dim: 48 }),
    (m) => call(m, { ...batch(), labels: labels() }),
  ],
  "GPT-2": [
    () => new GPT2LMHeadModel({ vocab_size: 50, n_embd: 16, n_layer: layers, n_head: 2, n_positions: 32 }),
    (m) => call(m, { ...batch(), labels: labels() }),
  ],
};

async function train(model: ModuleBase, loss: (model: ModuleBase) => Tensor) {
  setSeed(7);
  const executor = defaultExecutor();
  const reports: PassReport[] = [];
  executor.compiler = { watch: (report) => reports.push(report) };
  try {
    const value = loss(model);
    await value.backward();
    const gradients = new Map<string, TensorData>();
    for (const [name, p] of model.namedParameters()) {
      if (p.grad) gradients.set(name, { dtype: "float32", shape: p.shape, data: Float32Array.from(await p.grad.data()) });
      const segment = p.segment();
      if (segment) segment.hasGrad = false;
    }
    return { loss: await value.item(), gradients, parts: reports.find((r) => r.name === "recompute")?.changes ?? 0 };
  } finally {
    executor.compiler = {};
  }
}
/** Memory of what lies between inputs and outputs of a training step. */
function peakOf(loss: Tensor): number {
  const { graph, bytes } = recordedGraph(loss, { backward: true });
  return liveRun(graph, { bytes, memory: { allocate: () => undefined, free: () => {} } }).bytes;
}

describe("layers that are computed again in the backward pass", () => {
  for (const [name, [make, loss]] of Object.entries(models)) {
    it(`change nothing and take less memory: ${name}`, async () => {
      setSeed(3);
      const model = make().train();
      const [kept, keptPeak] = [await train(model, loss), peakOf(loss(model))];
      assert.ok(!model.isGradientCheckpointing);
      model.gradientCheckpointingEnable();
      assert.ok(model.isGradientCheckpointing);
      const [again, peak] = [await train(model, loss), peakOf(loss(model))];
      assert.deepEqual([kept.parts, again.parts], [0, layers - 1]);
      assert.equal(again.loss, kept.loss);
      // The engine may merge a product with what follows in one place, and not in the other.
      sameGradients(again.gradients, kept.gradients);
      assert.ok(peak < 0.6 * keptPeak, `${peak} of ${keptPeak} bytes`);
      model.gradientCheckpointingDisable();
      assert.equal((await train(model, loss)).parts, 0);
    });
  }

  it("are what one puts between cut points in modules of one's own", async () => {
    setSeed(1);
    const size = 8;
    const blocks = (cut: boolean) => Array.from({ length: 4 }, () => [...(cut ? [new Checkpoint()] : []), new Linear(size, size), new GELU()]).flat();
    const plain = new Sequential(...blocks(false));
    const cut = new Sequential(...blocks(true));
    const linear = (model: ModuleBase) => [...model.modules()].filter((m) => m instanceof Linear);
    for (const [i, layer] of linear(cut).entries()) {
      layer.weight.values().set(linear(plain)[i]!.weight.values());
      layer.bias!.values().set(linear(plain)[i]!.bias!.values());
    }
    const x = tensor(Array.from({ length: 6 }, (_, row) => Array.from({ length: size }, (_, i) => Math.sin(row + i))));
    const loss = (model: ModuleBase) => (model as Sequential)(x).mean();
    const [want, got] = [await train(plain, loss), await train(cut, loss)];
    assert.equal(got.parts, 3);
    assert.equal(got.loss, want.loss);
    assert.deepEqual([...got.gradients.values()], [...want.gradients.values()]);
  });

  it("are kept where there is one cut point, or no backward pass", async () => {
    const model = new Sequential(new Linear(4, 4), new Checkpoint(), new GELU(), new Linear(4, 1));
    const x = tensor([[1, 2, 3, 4]]);
    assert.equal((await train(model, (m) => (m as Sequential)(x).mean())).parts, 0);
    assert.deepEqual(model(x).shape, [1, 1]);
    assert.equal((await model(x).data()).length, 1);
  });
});
