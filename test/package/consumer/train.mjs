// A consumer's first program in plain JavaScript: imports every entry point, trains a tiny BERT, saves it and loads it again.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const manifest = createRequire(import.meta.url)("accelerate-ts/package.json");
for (const path of Object.keys(manifest.exports)) {
  if (path.endsWith(".json")) continue;
  const names = Object.keys(await import(path.replace(/^\./, "accelerate-ts")));
  console.log(`${path}: ${names.length} exports`);
}

const { AdamW, setSeed, tensor } = await import("accelerate-ts");
const { AutoModelForSequenceClassification, BertForSequenceClassification, bertConfig } = await import("accelerate-ts/models");
setSeed(0);
const sizes = { vocab_size: 50, hidden_size: 16, num_hidden_layers: 1, num_attention_heads: 2, intermediate_size: 32, max_position_embeddings: 16 };
const model = new BertForSequenceClassification(bertConfig({ ...sizes, hidden_dropout_prob: 0, attention_probs_dropout_prob: 0 }));
const optimizer = new AdamW(model.parameters(), { lr: 3e-2 });
const ids = (rows) => tensor(rows, { dtype: "int64" });
const batch = {
  input_ids: ids([
    [2, 7, 9, 3],
    [2, 8, 3, 0],
  ]),
  attention_mask: ids([
    [1, 1, 1, 1],
    [1, 1, 1, 0],
  ]),
  labels: ids([0, 1]),
};
const losses = [];
model.train();
for (let step = 0; step < 12; step++) {
  const { loss } = model(batch);
  await loss.backward();
  await optimizer.step();
  optimizer.zeroGrad();
  losses.push(await loss.item());
}
console.log(`loss ${losses.map((loss) => loss.toFixed(4)).join(" ")}`);
assert.ok(losses.at(-1) < 0.5 * losses[0], "the loss falls");

const folder = await mkdtemp(join(tmpdir(), "consumer-"));
try {
  model.eval();
  await model.savePretrained(folder);
  const again = await AutoModelForSequenceClassification.fromPretrained(folder);
  again.eval();
  assert.deepEqual(await again(batch).logits.toArray(), await model(batch).logits.toArray());
} finally {
  await rm(folder, { recursive: true });
}
console.log("saved, loaded, equal");
