// The main job: a BERT trained from scratch as a spam filter on 6,046 real e-mails, on the CPU, in about a minute.
//   npm ci && npm start                                two workers; the same as
//   accelerate-ts launch --num-processes 2 dist/examples/spam.js
//   node dist/examples/spam.js                         one process
//   npm start -- --epochs 2 --seed 7                   (all settings: below)
//   npm run predict -- "You have won a prize, claim it now"
import { parseArgs } from "node:util";
import { Accelerator, AdamW, DataCollatorWithPadding, DataLoader, Dataset, Engine, getScheduler, loadMetric, version } from "accelerate-ts";
import { BertForSequenceClassification, bertConfig, trainWordPiece } from "accelerate-ts/models";
import { crossEntropy } from "accelerate-ts/nn";
import { numberOptions } from "./number-options.js";
import { loadMails } from "./spam/corpus.js";
import { splitByText } from "./spam/split.js";

const { values } = parseArgs({
  options: {
    epochs: { type: "string", default: "3" },
    batch: { type: "string", default: "32" }, // of all workers together
    lr: { type: "string", default: "1e-3" },
    seed: { type: "string", default: "42" },
    "max-length": { type: "string", default: "128" },
    vocabulary: { type: "string", default: "8000" },
    limit: { type: "string" }, // only so many mails, to try something out
    out: { type: "string", default: "spam-model" },
  },
});
const { epochs, batch, lr, seed, "max-length": maxLength, vocabulary } = numberOptions(values, ["epochs", "batch", "lr", "seed", "max-length", "vocabulary"]);
const limit = values.limit === undefined ? undefined : numberOptions(values, ["limit"]).limit;
const count = (n: number) => n.toLocaleString("en-US");

await using accelerator = new Accelerator({ seed });
const { numProcesses: workers, device } = accelerator;
const { threads } = Engine.default();
// The launcher says it of its workers.
if (workers === 1) console.log(`accelerate-ts ${version}   1 process on ${device.type}, ${count(threads)} thread${threads === 1 ? "" : "s"}`);

// Every worker decodes its part of the mails, then all have all of them; the same texts give the same vocabulary everywhere.
// Only subject and body are read. The held-out fifth is not looked at before the evaluation, not even for the vocabulary.
const decoded = await loadMails({ limit, worker: { index: accelerator.processIndex, of: workers } });
const mails = Dataset.fromRows(await accelerator.gatherObject([...decoded]));
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
accelerator.print(
  `spam filter: ${count(split.train.length)} e-mails to learn from, ${count(split.test.length)} to check, vocabulary ${count(tokenizer.vocabSize)}`,
);

const collateFn = new DataCollatorWithPadding(tokenizer);
const trainLoader = new DataLoader(tokenized.select(split.train), { batchSize: Math.max(1, Math.round(batch / workers)), shuffle: true, collateFn });
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
await accelerator.prepare(model, optimizer, trainLoader, evalLoader);
const steps = epochs * trainLoader.length; // of this worker, which are those of all
const scheduler = getScheduler("linear", optimizer, { numWarmupSteps: Math.round(0.1 * steps), numTrainingSteps: steps });

for (let epoch = 1; epoch <= epochs; epoch++) {
  const started = performance.now();
  const bar = accelerator.progress(trainLoader.length, {
    description: `epoch ${epoch}/${epochs}`,
    unit: "samples",
    unitScale: trainLoader.batchSize * workers,
  });
  model.train();
  for await (const mailBatch of trainLoader) {
    const { loss } = model(mailBatch);
    await accelerator.backward(loss);
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
  for await (const mailBatch of evalLoader) {
    const { logits } = model(mailBatch);
    const losses = crossEntropy(logits, mailBatch.labels, { reduction: "none" }); // of each mail: a mean would count the rows that fill up a last batch
    const all = await accelerator.gatherForMetrics({ predictions: logits.argmax(-1), references: mailBatch.labels, losses });
    await accuracy.addBatch(all);
    await f1.addBatch(all);
    evalLoss += await all.losses.sum().item();
  }
  const scores = [
    `accuracy ${accuracy.compute().accuracy.toFixed(4)}`,
    `f1 ${f1.compute().f1.toFixed(4)}`,
    `eval loss ${(evalLoss / split.test.length).toFixed(4)}`,
  ];
  accelerator.print(`epoch ${epoch}/${epochs}  ${scores.join("  ")}  ${seconds.toFixed(1)} s`);
}

await accelerator.saveModel(model, values.out);
if (accelerator.isMainProcess) await tokenizer.savePretrained(values.out);
accelerator.print(`saved ${values.out}/  (Python: BertForSequenceClassification.from_pretrained("${values.out}"))`);
accelerator.print('try it: npm run predict -- "You have won a prize, claim it now"');
