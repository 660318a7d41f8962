// Classifies texts with the spam filter that `npm start` has trained.
//   npm run predict -- "You have won a prize, claim it now" "Shall we meet at four?"
//   npm run predict -- --model spam-model "one text"
import { parseArgs } from "node:util";
import { AutoModelForSequenceClassification, AutoTokenizer } from "accelerate-ts/models";
import { softmax } from "accelerate-ts/nn";

const { values, positionals: texts } = parseArgs({ options: { model: { type: "string", default: "spam-model" } }, allowPositionals: true });
if (texts.length === 0) {
  console.error('give a text: npm run predict -- "You have won a prize, claim it now"');
  process.exit(2);
}
const tokenizer = await AutoTokenizer.fromPretrained(values.model);
const model = await AutoModelForSequenceClassification.fromPretrained(values.model);
model.eval();

const { input_ids, attention_mask, token_type_ids } = await tokenizer(texts, { padding: true, truncation: true, returnTensors: true });
const probabilities = await softmax(model({ input_ids, attention_mask, token_type_ids }).logits, -1).toArray();
texts.forEach((text, row) => {
  const spam = (probabilities as number[][])[row]![1]!;
  console.log(`${spam >= 0.5 ? "spam" : "ham "}  ${(100 * Math.max(spam, 1 - spam)).toFixed(1)} %  ${text}`);
});
