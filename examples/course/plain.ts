// The Hugging Face course's loop, plain: fine-tunes a BERT on pairs of sentences (GLUE MRPC), in one process.
//   node dist/examples/course/plain.js [CHECKPOINT] [--data FOLDER] [--epochs 3] [--batch 8] [--lr 5e-5] [--limit ROWS] [--out mrpc-model]
// CHECKPOINT is a name of the hub or a folder with config.json, weights and a tokenizer; FOLDER holds train and validation files with sentence1, sentence2, label and idx.
import { AdamW, DataCollatorWithPadding, DataLoader, getScheduler, loadMetric, progress, setSeed } from "accelerate-ts";
import { AutoModelForSequenceClassification, AutoTokenizer } from "accelerate-ts/models";
import { courseOptions, loadPairs } from "./options.js";

const options = courseOptions();
const { checkpoint, batchSize, lr, epochs, maxLength, out } = options;
setSeed(options.seed);
const raw = await loadPairs(options);
console.log(raw, raw.train.at(0), raw.train.features);

const tokenizer = await AutoTokenizer.fromPretrained(checkpoint);
const tokenized = (await raw.map(tokenizer.mapper("sentence1", "sentence2", { truncation: true, maxLength }), { batched: true, numProc: 2 }))
  .removeColumns(["sentence1", "sentence2", "idx"])
  .renameColumn("label", "labels");

const collateFn = new DataCollatorWithPadding(tokenizer);
const trainLoader = new DataLoader(tokenized.train, { batchSize, shuffle: true, seed: options.seed, collateFn });
const evalLoader = new DataLoader(tokenized.validation, { batchSize: 32, collateFn });

const model = await AutoModelForSequenceClassification.fromPretrained(checkpoint, { numLabels: 2 });
const optimizer = new AdamW(model.parameters(), { lr });

const steps = epochs * trainLoader.length;
const scheduler = getScheduler("linear", optimizer, { numWarmupSteps: 0, numTrainingSteps: steps });
const metric = loadMetric("glue", "mrpc");
const bar = progress(steps);

for (let epoch = 1; epoch <= epochs; epoch++) {
  let total = 0;
  model.train();
  for await (const batch of trainLoader) {
    const { loss } = model(batch);
    await loss.backward();
    await optimizer.step();
    scheduler.step();
    optimizer.zeroGrad();
    total += await loss.item();
    bar.update(1);
  }

  model.eval();
  for await (const batch of evalLoader) {
    const predictions = model(batch).logits.argmax(-1);
    await metric.addBatch({ predictions, references: batch.labels });
  }
  const { accuracy, f1 } = metric.compute();
  console.log(`epoch ${epoch}/${epochs}  train loss ${(total / trainLoader.length).toFixed(4)}  accuracy ${accuracy.toFixed(4)}  f1 ${f1.toFixed(4)}`);
}
bar.close();
await model.savePretrained(out);
await tokenizer.savePretrained(out);
console.log(`saved ${out}/`);
