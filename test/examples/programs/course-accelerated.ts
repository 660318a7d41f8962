// The same loop on N workers. The lines marked + are added, ~ are changed; nothing else differs from course-plain.ts.
//   accelerate-ts launch --num-processes 2 course-accelerated.ts [checkpoint]
//   node course-accelerated.ts                          one process, the same file
import { Accelerator, AdamW, DataCollatorWithPadding, DataLoader, getScheduler, loadDataset, loadMetric } from "accelerate-ts"; // ~
import { AutoModelForSequenceClassification, AutoTokenizer } from "accelerate-ts/models";

await using accelerator = new Accelerator({ seed: 42 }); // +
const checkpoint = process.argv[2] ?? "bert-base-uncased";
const raw = await loadDataset("glue", "mrpc");
accelerator.print(raw, raw.train.at(0), raw.train.features); // ~

const tokenizer = await AutoTokenizer.fromPretrained(checkpoint);
const tokenized = await accelerator.mainProcessFirst(async () =>
  // +  the first worker fills the cache, the others read it
  (await raw.map(tokenizer.mapper("sentence1", "sentence2", { truncation: true }), { batched: true, numProc: 2 }))
    .removeColumns(["sentence1", "sentence2", "idx"])
    .renameColumn("label", "labels"),
);

const collateFn = new DataCollatorWithPadding(tokenizer);
const trainLoader = new DataLoader(tokenized.train, { batchSize: 8, shuffle: true, collateFn });
const evalLoader = new DataLoader(tokenized.validation, { batchSize: 8, collateFn });

const model = await AutoModelForSequenceClassification.fromPretrained(checkpoint, { numLabels: 2 });
const optimizer = new AdamW(model.parameters(), { lr: 5e-5 });
await accelerator.prepare(trainLoader, evalLoader, model, optimizer); // +

const epochs = 3;
const steps = epochs * trainLoader.length; // now of this worker, and one optimizer step each
const scheduler = getScheduler("linear", optimizer, { numWarmupSteps: 0, numTrainingSteps: steps });
const metric = loadMetric("glue", "mrpc");
const bar = accelerator.progress(steps); // ~

for (let epoch = 0; epoch < epochs; epoch++) {
  model.train();
  for await (const batch of trainLoader) {
    const { loss } = model(batch);
    await accelerator.backward(loss); // ~
    await optimizer.step();
    scheduler.step();
    optimizer.zeroGrad();
    bar.update(1);
  }

  model.eval();
  for await (const batch of evalLoader) {
    const predictions = model(batch).logits.argmax(-1);
    await metric.addBatch(await accelerator.gatherForMetrics({ predictions, references: batch.labels })); // ~
  }
  accelerator.print(epoch + 1, metric.compute()); // ~
}
await accelerator.saveModel(model, "mrpc-model"); // ~
if (accelerator.isMainProcess) await tokenizer.savePretrained("mrpc-model"); // ~
