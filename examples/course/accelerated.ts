// The same loop on one worker or several. Lines marked + are added, ~ are changed; nothing else differs from plain.ts.
//   node dist/launcher/cli.js launch --num-processes 2 dist/examples/course/accelerated.js [CHECKPOINT] [--data FOLDER] ...      options as in plain.ts
import { Accelerator, AdamW, DataCollatorWithPadding, DataLoader, getScheduler, loadMetric, tensor } from "accelerate-ts"; // ~
import { AutoModelForSequenceClassification, AutoTokenizer } from "accelerate-ts/models";
import { courseOptions, loadPairs } from "./options.js";

const options = courseOptions();
const { checkpoint, batchSize, lr, epochs, maxLength, out } = options;
await using accelerator = new Accelerator({ seed: options.seed }); // ~
const raw = await accelerator.mainProcessFirst(() => loadPairs(options)); // ~
accelerator.print(raw, raw.train.at(0), raw.train.features); // ~

const tokenizer = await accelerator.mainProcessFirst(() => AutoTokenizer.fromPretrained(checkpoint)); // ~
const map = () => raw.map(tokenizer.mapper("sentence1", "sentence2", { truncation: true, maxLength }), { batched: true, numProc: 2 }); // ~
const tokenized = (await accelerator.mainProcessFirst(map)) // ~  the first worker fills the cache, the others read it
  .removeColumns(["sentence1", "sentence2", "idx"])
  .renameColumn("label", "labels");

const collateFn = new DataCollatorWithPadding(tokenizer);
const trainLoader = new DataLoader(tokenized.train, { batchSize, shuffle: true, seed: options.seed, collateFn });
const evalLoader = new DataLoader(tokenized.validation, { batchSize: 32, collateFn });

const model = await accelerator.mainProcessFirst(() => AutoModelForSequenceClassification.fromPretrained(checkpoint, { numLabels: 2 })); // ~
const optimizer = new AdamW(model.parameters(), { lr });
await accelerator.prepare(trainLoader, evalLoader, model, optimizer); // +

const steps = epochs * trainLoader.length; // now of this worker, and one optimizer step each
const scheduler = getScheduler("linear", optimizer, { numWarmupSteps: 0, numTrainingSteps: steps });
const metric = loadMetric("glue", "mrpc");
const bar = accelerator.progress(steps); // ~

for (let epoch = 1; epoch <= epochs; epoch++) {
  let total = 0;
  model.train();
  for await (const batch of trainLoader) {
    const { loss } = model(batch);
    await accelerator.backward(loss); // ~
    await optimizer.step();
    scheduler.step();
    optimizer.zeroGrad();
    total += await loss.item();
    bar.update(1);
  }

  model.eval();
  for await (const batch of evalLoader) {
    const predictions = model(batch).logits.argmax(-1);
    await metric.addBatch(await accelerator.gatherForMetrics({ predictions, references: batch.labels })); // ~
  }
  const { accuracy, f1 } = metric.compute();
  const [mean] = await accelerator.reduce([tensor(total / trainLoader.length)], "mean"); // +
  const loss = (await mean.item()).toFixed(4); // +
  accelerator.print(`epoch ${epoch}/${epochs}  train loss ${loss}  accuracy ${accuracy.toFixed(4)}  f1 ${f1.toFixed(4)}`); // ~
}
bar.close();
await accelerator.saveModel(model, out); // ~
if (accelerator.isMainProcess) await tokenizer.savePretrained(out); // ~
accelerator.print(`saved ${out}/`); // ~
