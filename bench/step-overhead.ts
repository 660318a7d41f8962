// How long a training step keeps the JS thread busy outside the engine, for a structure that was seen before.
//   node dist/bench/step-overhead.js [--layers 6] [--hidden 384] [--steps 30]
// Measured as the time the JS thread spends on a core (Linux's schedstat), the engine running on threads of its own: recording, keys,
// binding, promises and garbage collection on that thread.
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { AdamW, arange, fromData, type Tensor } from "accelerate-ts";
import { BertForSequenceClassification, bertConfig } from "accelerate-ts/models";
import { crossEntropy } from "accelerate-ts/nn";

const { values } = parseArgs({
  options: { layers: { type: "string", default: "6" }, hidden: { type: "string", default: "384" }, steps: { type: "string", default: "30" } },
});
const [layers, hidden, steps] = [Number(values.layers), Number(values.hidden), Number(values.steps)];
const model = new BertForSequenceClassification(
  bertConfig({ vocab_size: 1000, num_hidden_layers: layers, hidden_size: hidden, num_attention_heads: 12, intermediate_size: 4 * hidden, num_labels: 2 }),
);
model.train();
const optimizer = new AdamW(model.parameters(), { lr: 1e-4 });

const [rows, tokens] = [4, 16];
const ids = (limit: number): Tensor =>
  fromData(
    BigInt64Array.from({ length: rows * tokens }, (_, i) => BigInt(i % limit)),
    [rows, tokens],
    "int64",
  );
const batch = { input_ids: ids(1000), attention_mask: ids(1).add(1), token_type_ids: ids(1) };
await batch.attention_mask.data();
const labels = arange(rows).eq(1).to("int64");
await labels.data();

async function step(): Promise<void> {
  const { logits } = model(batch);
  const loss = crossEntropy(logits, labels);
  await loss.backward();
  await optimizer.step();
  optimizer.zeroGrad();
}
/** Milliseconds that the JS thread has run so far. */
const busy = (): number => Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, "utf8").split(" ")[0]) / 1e6;
for (let i = 0; i < 10; i++) await step();
const rounds: number[] = [];
for (let round = 0; round < 5; round++) {
  const before = busy();
  for (let i = 0; i < steps; i++) await step();
  rounds.push((busy() - before) / steps);
}
const best = Math.min(...rounds);
console.log(
  JSON.stringify({ bench: "step-overhead", layers, hidden, steps, js_ms_per_step: rounds.map((r) => Number(r.toFixed(3))), best: Number(best.toFixed(3)) }),
);
