// Fine-tunes a BERT directory on pairs of sentences in local JSON lines: the loop of the Hugging Face course.
//   node dist/examples/mrpc.js MODEL_DIR train.jsonl validation.jsonl
//   node dist/examples/mrpc.js MODEL_DIR train.jsonl validation.jsonl --epochs 1 --batch 16 --out mrpc-model
// MODEL_DIR holds config.json, model.safetensors and vocab.txt or tokenizer.json; a line of the data is {"sentence1": "...", "sentence2": "...", "label": 1}.
import { parseArgs } from "node:util";
import { AdamW, DataCollatorWithPadding, DataLoader, Engine, getScheduler, loadDataset, loadMetric, progress, setSeed } from "accelerate-ts";
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
setSeed(seed);
const raw = await loadDataset("json", { dataFiles: { train, validation }, features: { sentence1: "string", sentence2: "string", label: "int64" } });
console.log(raw);

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
const steps = epochs * trainLoader.length;
const scheduler = getScheduler("linear", optimizer, { numWarmupSteps: 0, numTrainingSteps: steps });
const metric = loadMetric("glue", "mrpc");

for (let epoch = 1; epoch <= epochs; epoch++) {
  const bar = progress(trainLoader.length, { description: `epoch ${epoch}/${epochs}`, unit: "samples", unitScale: batchSize });
  let total = 0;
  model.train();
  for await (const batch of trainLoader) {
    const { loss } = model(batch);
    await loss.backward();
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
    await metric.addBatch({ predictions: model(batch).logits.argmax(-1), references: batch.labels });
  }
  const { accuracy, f1 } = metric.compute();
  console.log(`epoch ${epoch}/${epochs}  train loss ${(total / trainLoader.length).toFixed(4)}  accuracy ${accuracy.toFixed(4)}  f1 ${f1.toFixed(4)}`);
}
await model.savePretrained(values.out);
await tokenizer.savePretrained(values.out);
console.log(`saved ${values.out}/`);
