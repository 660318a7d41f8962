// Two hundred steps in bfloat16 beside the same steps in float32.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Accelerator, AdamW, setSeed, tensor } from "../../src/index.js";
import { BertForSequenceClassification, bertConfig } from "../../src/models/index.js";
import { gemmEngine, gemmEnginePath } from "../../src/runtime/gemm-engine.js";
import type { Tensor } from "../../src/tensor/index.js";

const found = gemmEngine();
const skip = !found ? `oneDNN's addon is not built (no ${gemmEnginePath()})` : found.bfloat16 === "none" ? "oneDNN has no bfloat16 for this processor" : false;

const steps = 200;
const [rows, length, vocabulary] = [16, 32, 500];

/** Losses of a BERT that learns which half of a vocabulary most words of a text are from; lengths vary, dropout is on. */
async function losses(mixedPrecision: "no" | "bf16"): Promise<number[]> {
  await using accelerator = new Accelerator({ seed: 7, mixedPrecision });
  setSeed(7);
  const size = { vocab_size: vocabulary, hidden_size: 128, num_hidden_layers: 2, num_attention_heads: 4, intermediate_size: 512, max_position_embeddings: 64 };
  const model = new BertForSequenceClassification(bertConfig(size));
  model.train();
  const optimizer = new AdamW(model.parameters(), { lr: 2e-4 });
  await accelerator.prepare(model, optimizer);
  let state = 11;
  const draw = (below: number) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const out: number[] = [];
  for (let step = 0; step < steps; step++) {
    const lengths = Array.from({ length: rows }, () => length / 2 + draw(length / 2 + 1));
    const labels = lengths.map(() => draw(2));
    const word = (label: number) => 1 + draw(vocabulary / 2 - 1) + (label === 1 && draw(10) < 8 ? vocabulary / 2 : 0);
    const ids = lengths.map((n, row) => Array.from({ length }, (_, i) => (i < n ? word(labels[row]!) : 0)));
    const mask = lengths.map((n) => Array.from({ length }, (_, i) => Number(i < n)));
    const int64 = (x: number[] | number[][]) => tensor(x as number[], { dtype: "int64" });
    const { loss } = model({ input_ids: int64(ids), attention_mask: int64(mask), labels: int64(labels) }) as { loss: Tensor };
    await accelerator.backward(loss);
    out.push((await loss.item()) as number);
    await optimizer.step();
    optimizer.zeroGrad();
  }
  return out;
}

test("the losses of 200 steps in bfloat16 are float32's within 2e-3", { skip }, async () => {
  const [exact, rounded] = [await losses("no"), await losses("bf16")];
  assert.notDeepEqual(rounded, exact);
  const worst = Math.max(...exact.map((loss, i) => Math.abs(rounded[i]! - loss)));
  assert.ok(worst <= 2e-3, `the worst of them is off by ${worst}`);
});
