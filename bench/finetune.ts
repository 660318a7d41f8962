// Our side of real fine-tuning; bench/peers/finetune.py is Python's. One JSON line per epoch, then the mean over the seeds.
//   node dist/bench/finetune.js --model DIR --train train.jsonl --eval validation.jsonl --seeds 42,1,2 [--epochs 3] [--batch 8] [--lr 5e-5] [--threads 2]
// The recipe: AdamW without decay, linear schedule to zero, dynamic padding, at most 128 tokens.
import { parseArgs } from "node:util";
import { AdamW, DataCollatorWithPadding, DataLoader, Engine, getScheduler, loadDataset, loadMetric, setSeed } from "accelerate-ts";
import { AutoModelForSequenceClassification, AutoTokenizer } from "accelerate-ts/models";
import { machine } from "./machine.js";

const { values: args } = parseArgs({
  options: {
    model: { type: "string" },
    train: { type: "string" },
    eval: { type: "string" },
    seeds: { type: "string", default: "42,1,2" },
    epochs: { type: "string", default: "3" },
    batch: { type: "string", default: "8" },
    lr: { type: "string", default: "5e-5" },
    "max-length": { type: "string", default: "128" },
    threads: { type: "string", default: "2" },
  },
});
if (args.model === undefined || args.train === undefined || args.eval === undefined) throw new Error("--model, --train and --eval are needed");
Engine.open({ threads: Number(args.threads) }); // the first engine of a process decides
const checkpoint = args.model;
const epochs = Number(args.epochs);
const tokenizer = await AutoTokenizer.fromPretrained(checkpoint);
const raw = await loadDataset("json", {
  dataFiles: { train: args.train, validation: args.eval },
  features: { sentence1: "string", sentence2: "string", label: "int64" },
});
const mapper = tokenizer.mapper("sentence1", "sentence2", { truncation: true, maxLength: Number(args["max-length"]) });
const data = (await raw.map(mapper, { batched: true })).removeColumns(["sentence1", "sentence2"]).renameColumn("label", "labels");
const collateFn = new DataCollatorWithPadding(tokenizer);

/** Trains with one seed; returns accuracy and F1 after the last epoch. */
async function finetune(seed: number): Promise<{ accuracy: number; f1: number }> {
  setSeed(seed);
  const train = new DataLoader(data.train, { batchSize: Number(args.batch), shuffle: true, seed, collateFn });
  const evaluation = new DataLoader(data.validation, { batchSize: 32, collateFn });
  const model = await AutoModelForSequenceClassification.fromPretrained(checkpoint, { numLabels: 2 });
  const optimizer = new AdamW(model.parameters(), { lr: Number(args.lr), weightDecay: 0 });
  const scheduler = getScheduler("linear", optimizer, { numWarmupSteps: 0, numTrainingSteps: epochs * train.length });
  let scores = { accuracy: 0, f1: 0 };
  for (let epoch = 1; epoch <= epochs; epoch++) {
    const started = performance.now();
    let total = 0;
    model.train();
    for await (const batch of train) {
      const { loss } = model(batch);
      await loss.backward();
      await optimizer.step();
      scheduler.step();
      optimizer.zeroGrad();
      total += await loss.item();
    }
    const seconds = (performance.now() - started) / 1000;
    const metric = loadMetric("glue", "mrpc");
    model.eval();
    for await (const batch of evaluation) await metric.addBatch({ predictions: model(batch).logits.argmax(-1), references: batch.labels });
    scores = metric.compute();
    const line = { peer: "accelerate-ts", seed, epoch, train_loss: total / train.length, ...scores, samples_per_s: data.train.length / seconds };
    console.log(JSON.stringify(line, (_, value) => (typeof value === "number" ? Number(value.toFixed(4)) : value)));
  }
  return scores;
}

console.log(JSON.stringify(machine()));
const results: { accuracy: number; f1: number }[] = [];
for (const seed of args.seeds.split(",")) results.push(await finetune(Number(seed)));
const mean = (key: "accuracy" | "f1") => (results.reduce((sum, scores) => sum + scores[key], 0) / results.length).toFixed(4);
console.log(`mean after epoch ${epochs} over seeds ${args.seeds}: accuracy ${mean("accuracy")}, f1 ${mean("f1")}`);
