// A long loop keeps nothing: no memory, no programs, no traces, whatever sizes the batches have.
import assert from "node:assert/strict";
import { it } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { BertForSequenceClassification } from "../../src/models/index.js";
import { AdamW } from "../../src/optim/index.js";
import { defaultExecutor, fromData, type Tensor, tensor } from "../../src/tensor/index.js";

setFlagsFromString("--expose-gc");
const gc = runInNewContext("gc") as () => void;
const steps = 1500;
const vocabulary = 64;

function batch(step: number): { input_ids: Tensor; labels: Tensor } {
  const rows = 2 + (step % 3);
  const tokens = 4 + ((step * 7) % 13);
  const ids = BigInt64Array.from({ length: rows * tokens }, (_, i) => BigInt((i * 31 + step) % vocabulary));
  return {
    input_ids: fromData(ids, [rows, tokens], "int64"),
    labels: fromData(
      BigInt64Array.from({ length: rows }, (_, i) => BigInt((i + step) % 2)),
      [rows],
      "int64",
    ),
  };
}

it("training for 1500 steps with batches of many sizes grows neither memory nor the number of programs", async () => {
  const model = new BertForSequenceClassification({
    vocab_size: vocabulary,
    hidden_size: 32,
    num_hidden_layers: 2,
    num_attention_heads: 2,
    intermediate_size: 64,
  });
  const optimizer = new AdamW(model.parameters(), { lr: 1e-3 });
  let total: Tensor = tensor(0);
  const memory = () => {
    gc();
    const { heapUsed, rss, arrayBuffers } = process.memoryUsage();
    return { heapUsed, rss, arrayBuffers };
  };
  let settled = memory();
  let compiled = 0;
  for (let step = 0; step < steps; step++) {
    const { loss, logits } = model(batch(step));
    total = total.add(loss.detach());
    const correct = logits.argmax(-1);
    await loss.backward();
    await optimizer.step();
    optimizer.zeroGrad();
    await correct.data();
    if (step === 300) {
      settled = memory();
      compiled = defaultExecutor().compiled;
    }
  }
  const end = memory();
  assert.equal(defaultExecutor().compiled, compiled);
  assert.ok(end.heapUsed - settled.heapUsed < 3e6, `the heap grew by ${end.heapUsed - settled.heapUsed} bytes`);
  assert.ok(end.arrayBuffers - settled.arrayBuffers < 1e6, `array buffers grew by ${end.arrayBuffers - settled.arrayBuffers} bytes`);
  assert.ok(end.rss - settled.rss < 30e6, `the process grew by ${end.rss - settled.rss} bytes`);
  assert.ok((await total.item()) / steps < 1);
});
