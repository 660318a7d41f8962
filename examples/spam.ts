// The main job: a BERT trained from scratch as a spam filter on 6,046 real e-mails, on the CPU, in about two minutes.
//   npm ci && npm start
//   npm start -- --epochs 2 --seed 7                   (all settings: below)
//   npm run predict -- "You have won a prize, claim it now"
import { parseArgs } from "node:util";
import { AdamW, DataCollatorWithPadding, DataLoader, Engine, getScheduler, loadMetric, progress, setSeed, version } from "accelerate-ts";
import { BertForSequenceClassification, bertConfig, trainWordPiece } from "accelerate-ts/models";
import { numberOptions } from "./number-options.js";
import { loadMails } from "./spam/corpus.js";
import { splitByText } from "./spam/split.js";

const { values } = parseArgs({
  options: {
    epochs: { type: "string", default: "3" },
    batch: { type: "string", default: "32" },
    lr: { type: "string", default: "1e-3" },
    seed: { type: "string", default: "42" },
    "max-length": { type: "string", default: "128" },
    vocabulary: { type: "string", default: "8000" },
    limit: { type: "string" }, // only so many mails, to try something out
    out: { type: "string", default: "spam-model" },
  },
});
const {
  epochs,
  batch: batchSize,
  lr,
  seed,
  "max-length": maxLength,
  vocabulary,
} = numberOptions(values, ["epochs", "batch", "lr", "seed", "max-length", "vocabulary"]);
const limit = values.limit === undefined ? undefined : numberOptions(values, ["limit"]).limit;
const count = (n: number) => n.toLocaleString("en-US");

setSeed(seed);
const { threads } = Engine.default();
console.log(`accelerate-ts ${version}   1 process on cpu, ${count(threads)} thread${threads === 1 ? "" : "s"}`);

// Only subject and body. The held-out fifth is not looked at before the evaluation, not even for the vocabulary.
const mails = await loadMails({ limit });
const bodies = mails.column("body");
const texts = mails.column("subject").map((subject, row) => `${subject} ${bodies[row]}`);
const split = splitByText(texts, { testSize: 0.2, seed });

const tokenizer = await trainWordPiece(
  split.train.map((row) => texts[row]!),
  { vocabSize: vocabulary, modelMaxLength: maxLength },
);
const tokenized = (await mails.map(tokenizer.mapper("subject", "body", { truncation: true, maxLength }), { batched: true, numProc: threads }))
  .removeColumns(["subject", "body"])
  .renameColumn("label", "labels");
console.log(`spam filter: ${count(split.train.length)} e-mails to learn from, ${count(split.test.length)} to check, vocabulary ${count(tokenizer.vocabSize)}`);

const collateFn = new DataCollatorWithPadding(tokenizer);
const trainLoader = new DataLoader(tokenized.select(split.train), { batchSize, shuffle: true, collateFn });
const evalLoader = new DataLoader(tokenized.select(split.test), { batchSize: 64, collateFn });

const config = bertConfig({
  vocab_size: tokenizer.vocabSize,
  hidden_size: 128,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  intermediate_size: 512,
  max_position_embeddings: maxLength,
  id2label: { 0: "ham", 1: "spam" },
});
const model = new BertForSequenceClassification(config);
const optimizer = new AdamW(model.parameters(), { lr, weightDecay: 0.01 });
const steps = epochs * trainLoader.length;
const scheduler = getScheduler("linear", optimizer, { numWarmupSteps: Math.round(0.1 * steps), numTrainingSteps: steps });

for (let epoch = 1; epoch <= epochs; epoch++) {
  const started = performance.now();
  const bar = progress(trainLoader.length, { description: `epoch ${epoch}/${epochs}`, unit: "samples", unitScale: batchSize });
  model.train();
  for await (const batch of trainLoader) {
    const { loss } = model(batch);
    await loss.backward();
    await optimizer.step();
    scheduler.step();
    optimizer.zeroGrad();
    bar.setPostfix({ loss: await loss.item(), lr: scheduler.getLastLr()[0]! });
    bar.update(1);
  }
  bar.close();
  const seconds = (performance.now() - started) / 1000;

  const accuracy = loadMetric("accuracy");
  const f1 = loadMetric("f1");
  let evalLoss = 0;
  model.eval();
  for await (const batch of evalLoader) {
    const { loss, logits } = model(batch);
    const answers = { predictions: logits.argmax(-1), references: batch.labels };
    await accuracy.addBatch(answers);
    await f1.addBatch(answers);
    evalLoss += (await loss.item()) * batch.labels.shape[0]!;
  }
  const scores = [
    `accuracy ${accuracy.compute().accuracy.toFixed(4)}`,
    `f1 ${f1.compute().f1.toFixed(4)}`,
    `eval loss ${(evalLoss / split.test.length).toFixed(4)}`,
  ];
  console.log(`epoch ${epoch}/${epochs}  ${scores.join("  ")}  ${seconds.toFixed(1)} s`);
}

await model.savePretrained(values.out);
await tokenizer.savePretrained(values.out);
console.log(`saved ${values.out}/  (Python: BertForSequenceClassification.from_pretrained("${values.out}"))`);
console.log('try it: npm run predict -- "You have won a prize, claim it now"');
