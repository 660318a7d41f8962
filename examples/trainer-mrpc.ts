// The Trainer on MRPC: arguments, scores after each epoch, predictions, curves.
//   node dist/examples/trainer-mrpc.js [CHECKPOINT] [--data FOLDER] [--limit N] [--out test-trainer] [--epochs 3] [--batch 8] [--lr 5e-5] [--seed 42]
//   node dist/launcher/cli.js launch --num-processes 2 dist/examples/trainer-mrpc.js ...      the same on two workers
// CHECKPOINT is a name of the hub or a folder, FOLDER holds train and validation files (JSON lines, CSV, Parquet); the other options are those of course/options.ts.
import { DataCollatorWithPadding, loadMetric, setSeed } from "accelerate-ts";
import { AutoModelForSequenceClassification, AutoTokenizer } from "accelerate-ts/models";
import { type EvalPrediction, Trainer, TrainingArguments } from "accelerate-ts/trainer";
import { courseOptions, loadPairs } from "./course/options.js";

const options = courseOptions({ out: "test-trainer" });
const { checkpoint, batchSize, lr, epochs, seed, maxLength, out } = options;
setSeed(seed); // the new head of the model is the same in every run
const raw = await loadPairs(options);
const tokenizer = await AutoTokenizer.fromPretrained(checkpoint);
const tokenized = await raw.map(tokenizer.mapper("sentence1", "sentence2", { truncation: true, maxLength }), { batched: true });

async function computeMetrics({ predictions, labelIds }: EvalPrediction) {
  const metric = loadMetric("glue", "mrpc");
  await metric.addBatch({ predictions: predictions.argmax(-1), references: labelIds });
  return metric.compute();
}

const trainer = new Trainer({
  model: await AutoModelForSequenceClassification.fromPretrained(checkpoint, { numLabels: 2 }),
  args: new TrainingArguments(out, {
    evalStrategy: "epoch",
    numTrainEpochs: epochs,
    perDeviceTrainBatchSize: batchSize,
    perDeviceEvalBatchSize: 32,
    learningRate: lr,
    loggingSteps: 50,
    saveStrategy: "epoch",
    saveTotalLimit: 1,
    seed,
  }),
  trainDataset: tokenized.train, // sentences and idx are left out: the model has no input of these names
  evalDataset: tokenized.validation,
  dataCollator: new DataCollatorWithPadding(tokenizer),
  processingClass: tokenizer,
  computeMetrics,
});
const { trainingLoss, globalStep } = await trainer.train();
const { predictions, labelIds, metrics } = await trainer.predict(tokenized.validation);
await trainer.saveModel();
await trainer.plot(`${out}/curves.svg`);

trainer.accelerator.print(`${globalStep} steps, train loss ${trainingLoss.toFixed(4)}`);
trainer.accelerator.print(predictions.shape, labelIds.shape, metrics);
trainer.accelerator.print(`saved ${out}/, curves in ${out}/curves.svg`);
