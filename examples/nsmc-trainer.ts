// Korean sentiment on NSMC with the Trainer: 10 epochs of 63 steps, a loss every 50 steps, the two newest checkpoints kept, and an evaluation at the end.
//   node dist/examples/nsmc-trainer.js ratings_train.txt ratings_test.txt [CHECKPOINT] [--limit 2000] [--epochs 10] [--batch 32] [--lr 5e-5] [--max-length 512] [--out results] [--resume]
// The files are those of NSMC (id, document, label between tabs, with a header); CHECKPOINT is a name of the hub or a folder. --resume goes on where a run that was stopped had its last checkpoint.
import { parseArgs } from "node:util";
import { loadDataset, type MapDataset, setSeed } from "accelerate-ts";
import { accuracy, f1 } from "accelerate-ts/metrics";
import { AutoModelForSequenceClassification, AutoTokenizer, type BatchEncoding } from "accelerate-ts/models";
import { type EvalPrediction, Trainer, TrainingArguments } from "accelerate-ts/trainer";
import { numberOptions } from "./number-options.js";

class NsmcDataset implements MapDataset {
  readonly encodings: BatchEncoding;
  readonly labels: readonly number[];
  constructor(encodings: BatchEncoding, labels: readonly number[]) {
    this.encodings = encodings;
    this.labels = labels;
  }
  get length() {
    return this.labels.length;
  }
  at(index: number) {
    return { ...this.encodings.at(index), labels: this.labels[index]! };
  }
}

const { values, positionals } = parseArgs({
  options: {
    limit: { type: "string", default: "2000" },
    epochs: { type: "string", default: "10" },
    batch: { type: "string", default: "32" },
    lr: { type: "string", default: "5e-5" },
    seed: { type: "string", default: "42" },
    "max-length": { type: "string", default: "512" },
    out: { type: "string", default: "results" },
    resume: { type: "boolean", default: false },
  },
  allowPositionals: true,
});
const [trainFile, testFile, checkpoint = "bert-base-multilingual-cased"] = positionals;
if (trainFile === undefined || testFile === undefined) {
  console.error(
    "usage: node dist/examples/nsmc-trainer.js ratings_train.txt ratings_test.txt [CHECKPOINT] [--limit 2000] [--epochs 10] [--batch 32] [--lr 5e-5]",
  );
  process.exit(2);
}
const { limit, epochs, batch, lr, seed, "max-length": maxLength } = numberOptions(values, ["limit", "epochs", "batch", "lr", "seed", "max-length"]);

setSeed(seed); // the new head of the model is the same in every run
const raw = await loadDataset("csv", {
  dataFiles: { train: trainFile, test: testFile },
  delimiter: "\t",
  features: { id: "string", document: "string", label: "int64" },
});
const train = raw.train.shuffle({ seed }).slice(0, limit);
const test = raw.test.shuffle({ seed }).slice(0, limit);
const tokenizer = await AutoTokenizer.fromPretrained(checkpoint);
// All texts of a set are as long as its longest one: every batch has one shape.
const encode = (texts: readonly string[]) => tokenizer(texts, { padding: true, truncation: true, maxLength, returnTensors: true });

async function computeMetrics({ predictions, labelIds }: EvalPrediction) {
  const pairs = { predictions: await predictions.argmax(-1).toArray(), references: await labelIds.toArray() };
  return { ...accuracy(pairs), ...f1(pairs) };
}

const trainer = new Trainer({
  model: await AutoModelForSequenceClassification.fromPretrained(checkpoint, { numLabels: 2 }),
  args: new TrainingArguments(values.out, {
    numTrainEpochs: epochs,
    perDeviceTrainBatchSize: batch,
    perDeviceEvalBatchSize: batch,
    learningRate: lr,
    seed,
    loggingSteps: 50,
    saveSteps: 50,
    saveTotalLimit: 2,
  }),
  trainDataset: new NsmcDataset(await encode(train.column("document")), train.column("label")),
  evalDataset: new NsmcDataset(await encode(test.column("document")), test.column("label")),
  computeMetrics,
});
const output = await trainer.train({ resumeFromCheckpoint: values.resume });
trainer.accelerator.print("TrainOutput", output);
const scores = await trainer.evaluate();
trainer.accelerator.print("evaluate", scores);
