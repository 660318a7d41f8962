// A small classifier as a folder that transformers.js reads, with what our model says of some texts.
//   node export.mjs FOLDER
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { exportOnnx } from "accelerate-ts/graph";
import { AutoModelForSequenceClassification, trainWordPiece } from "accelerate-ts/models";
import { setSeed } from "accelerate-ts";

const [folder] = process.argv.slice(2);
const texts = [
  "you have won a prize, claim it now",
  "see you at the meeting on monday",
  "Prize! Prize! Prize!",
  "the minutes of the meeting, and where we are to meet on monday if it rains",
];
setSeed(3);
const tokenizer = await trainWordPiece([...texts, "a monday meeting is no prize"], { vocabSize: 120 });
const family = { vocab_size: tokenizer.length, initializer_range: 0.4, pad_token_id: tokenizer.padTokenId, id2label: { 0: "ham", 1: "spam", 2: "unsure" } };
const models = {
  bert: { hidden_size: 48, num_hidden_layers: 2, num_attention_heads: 4, intermediate_size: 96, max_position_embeddings: 64 },
  distilbert: { dim: 48, n_layers: 2, n_heads: 4, hidden_dim: 96, max_position_embeddings: 64 },
};
for (const [model_type, config] of Object.entries(models)) {
  const model = AutoModelForSequenceClassification.fromConfig({ model_type, ...family, ...config }).eval();
  const to = join(folder, model_type);
  // One with its weights beside the model, as those of large models.
  await exportOnnx(model, to, { tokenizer, externalData: model_type === "distilbert" });
  const expected = [];
  for (const text of texts) {
    const { input_ids, attention_mask, token_type_ids } = await tokenizer([text], { returnTensors: true });
    const { logits } = model({ input_ids, attention_mask, ...(model_type === "bert" && { token_type_ids }) });
    const [row] = await logits.toArray();
    const total = row.reduce((sum, x) => sum + Math.exp(x), 0);
    const best = row.indexOf(Math.max(...row));
    expected.push({ text, label: model.config.id2label[best], score: Math.exp(row[best]) / total });
  }
  writeFileSync(join(to, "expected.json"), JSON.stringify(expected, null, 2));
}
