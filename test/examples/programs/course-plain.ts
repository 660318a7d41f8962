// Fine-tunes BERT on MRPC in a plain loop, one process: the users' program on files in the current folder.
//   node --import accelerate-ts/register course-plain.ts CHECKPOINT_DIR
import { AdamW, DataCollatorWithPadding, DataLoader, getScheduler, loadDataset, loadMetric, progress } from "accelerate-ts";
import { AutoModelForSequenceClassification, AutoTokenizer } from "accelerate-ts/models";

const checkpoint = process.argv[2] ?? "bert-base-uncased";
const raw = await loadDataset("json", {
  dataFiles: { train: "train.jsonl", validation: "validation.jsonl" },
  features: { sentence1: "string", sentence2: "string", label: "int64", idx: "int32" },
});
console.log(raw, raw.train.at(0), raw.train.features);

const tokenizer = await AutoTokenizer.fromPretrained(checkpoint);
const tokenized = (await raw.map(tokenizer.mapper("sentence1", "sentence2", { truncation: true }), { batched: true, numProc: 2 }))
  .removeColumns(["sentence1", "sentence2", "idx"])
  .renameColumn("label", "labels");

const collateFn = new DataCollatorWithPadding(tokenizer);
const trainLoader = new DataLoader(tokenized.train, { batchSize: 8, shuffle: true, collateFn });
const evalLoader = new DataLoader(tokenized.validation, { batchSize: 8, collateFn });

const model = await AutoModelForSequenceClassification.fromPretrained(checkpoint, { numLabels: 2 });
const optimizer = new AdamW(model.parameters(), { lr: 5e-5 });

const epochs = 3;
const steps = epochs * trainLoader.length;
const scheduler = getScheduler("linear", optimizer, { numWarmupSteps: 0, numTrainingSteps: steps });
const metric = loadMetric("glue", "mrpc");
const bar = progress(steps);

for (let epoch = 0; epoch < epochs; epoch++) {
  model.train();
  for await (const batch of trainLoader) {
    const { loss } = model(batch);
    await loss.backward();
    await optimizer.step();
    scheduler.step();
    optimizer.zeroGrad();
    bar.update(1);
  }

  model.eval();
  for await (const batch of evalLoader) {
    const predictions = model(batch).logits.argmax(-1);
    await metric.addBatch({ predictions, references: batch.labels });
  }
  console.log(epoch + 1, metric.compute()); // { accuracy, f1 }
}
await model.savePretrained("mrpc-model");
await tokenizer.savePretrained("mrpc-model");
