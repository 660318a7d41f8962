// Fine-tunes a BERT directory on pairs of sentences in local JSON lines: the loop of the Hugging Face course, on one worker or several.
//   node dist/examples/mrpc.js MODEL_DIR train.jsonl validation.jsonl
//   accelerate-ts launch --num-processes 2 dist/examples/mrpc.js MODEL_DIR train.jsonl validation.jsonl --epochs 1 --batch 16 --out mrpc-model
// --batch is that of one worker: two workers with 8 learn from the same 16 rows per step as one with 16.
// MODEL_DIR holds config.json, model.safetensors and vocab.txt or tokenizer.json; a line of the data is {"sentence1": "...", "sentence2": "...", "label": 1}.
import { parseArgs } from "node:util";
import { Accelerator, AdamW, DataCollatorWithPadding, DataLoader, Engine, getScheduler, loadDataset, loadMetric, tensor } from "accelerate-ts";
import { AutoModelForSequenceClassification, AutoTokenizer } from "accelerate-ts/models";
import { numberOptions } from "./number-options.js";

const { values, positionals } = parseArgs({
  options: {
    epochs: { type: "string", default: "3" },
    batch: { type: "string", default: "8" },
    lr: { type: "string", default: "5e-5" },
    seed: { type: "string", default: "42" },
    "max-length": { type: "string", default: "128" },
    labels: { type: "string", default: "2" },
    out: { type: "string", default: "mrpc-model" },
  },
  allowPositionals: true,
});
const [checkpoint, train, validation] = positionals;
if (checkpoint === undefined || train === undefined || validation === undefined) {
  console.error("usage: node dist/examples/mrpc.js MODEL_DIR train.jsonl validation.jsonl [--epochs 3] [--batch 8] [--lr 5e-5] [--out mrpc-model]");
  process.exit(2);
}
const {
  epochs,
  batch: batchSize,
  lr,
  seed,
  "max-length": maxLength,
  labels: numLabels,
} = numberOptions(values, ["epochs", "batch", "lr", "seed", "max-length", "labels"]);
await using accelerator = new Accelerator({ seed });
const raw = await loadDataset("json", { dataFiles: { train, validation }, features: { sentence1: "string", sentence2: "string", label: "int64" } });
accelerator.print(raw);

const tokenizer = await AutoTokenizer.fromPretrained(checkpoint);
const mapper = tokenizer.mapper("sentence1", "sentence2", { truncation: true, maxLength });
const tokenized = (await raw.map(mapper, { batched: true, numProc: Engine.default().threads }))
  .removeColumns(["sentence1", "sentence2"])
  .renameColumn("label", "labels");

const collateFn = new DataCollatorWithPadding(tokenizer);
const trainLoader = new DataLoader(tokenized.train, { batchSize, shuffle: true, collateFn });
const evalLoader = new DataLoader(tokenized.validation, { batchSize: 32, collateFn });

const model = await AutoModelForSequenceClassification.fromPretrained(checkpoint, { numLabels });
const optimizer = new AdamW(model.parameters(), { lr, weightDecay: 0 });
await accelerator.prepare(trainLoader, evalLoader, model, optimizer);
const steps = epochs * trainLoader.length; // of this worker, which are those of all
const scheduler = getScheduler("linear", optimizer, { numWarmupSteps: 0, numTrainingSteps: steps });
const metric = loadMetric("glue", "mrpc");

for (let epoch = 1; epoch <= epochs; epoch++) {
  const bar = accelerator.progress(trainLoader.length, {
    description: `epoch ${epoch}/${epochs}`,
    unit: "samples",
    unitScale: batchSize * accelerator.numProcesses,
  });
  let total = 0;
  model.train();
  for await (const batch of trainLoader) {
    const { loss } = model(batch);
    await accelerator.backward(loss);
    await optimizer.step();
    scheduler.step();
    optimizer.zeroGrad();
    total += await loss.item();
    bar.setPostfix({ loss: await loss.item(), lr: scheduler.getLastLr()[0]! });
    bar.update(1);
  }
  bar.close();

  model.eval();
  for await (const batch of evalLoader) {
    const predictions = model(batch).logits.argmax(-1);
    await metric.addBatch(await accelerator.gatherForMetrics({ predictions, references: batch.labels }));
  }
  const { accuracy, f1 } = metric.compute();
  const [mean] = await accelerator.reduce([tensor(total / trainLoader.length)], "mean");
  const trainLoss = (await mean.item()).toFixed(4);
  accelerator.print(`epoch ${epoch}/${epochs}  train loss ${trainLoss}  accuracy ${accuracy.toFixed(4)}  f1 ${f1.toFixed(4)}`);
}
await accelerator.saveModel(model, values.out);
if (accelerator.isMainProcess) await tokenizer.savePretrained(values.out);
accelerator.print(`saved ${values.out}/`);
