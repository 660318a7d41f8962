// Korean sentiment on NSMC: a dataset class of one's own, and training and evaluation as one function over a loader.
//   node dist/examples/nsmc.js ratings_train.txt ratings_test.txt [CHECKPOINT] [--limit 2000] [--epochs 10] [--batch 32] [--lr 5e-5] [--max-length 512]
// The files are those of NSMC (id, document, label between tabs, with a header); CHECKPOINT is a name of the hub or a folder.
import { parseArgs } from "node:util";
import { AdamW, DataLoader, loadDataset, type MapDataset, type Optimizer, progress, setSeed } from "accelerate-ts";
import { accuracy, f1 } from "accelerate-ts/metrics";
import { AutoModelForSequenceClassification, AutoTokenizer, type BatchEncoding, type SequenceClassifierBatch } from "accelerate-ts/models";
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
  },
  allowPositionals: true,
});
const [trainFile, testFile, checkpoint = "bert-base-multilingual-cased"] = positionals;
if (trainFile === undefined || testFile === undefined) {
  console.error("usage: node dist/examples/nsmc.js ratings_train.txt ratings_test.txt [CHECKPOINT] [--limit 2000] [--epochs 10] [--batch 32] [--lr 5e-5]");
  process.exit(2);
}
const { limit, epochs, batch: batchSize, lr, seed, "max-length": maxLength } = numberOptions(values, ["limit", "epochs", "batch", "lr", "seed", "max-length"]);
setSeed(seed);

const raw = await loadDataset("csv", {
  dataFiles: { train: trainFile, test: testFile },
  delimiter: "\t",
  features: { id: "string", document: "string", label: "int64" },
});
const train = raw.train.shuffle({ seed }).slice(0, limit);
const test = raw.test.shuffle({ seed }).slice(0, limit);

const tokenizer = await AutoTokenizer.fromPretrained(checkpoint);
const encode = (texts: readonly string[]) => tokenizer(texts, { padding: true, truncation: true, maxLength, returnTensors: true });
const trainSet = new NsmcDataset(await encode(train.column("document")), train.column("label"));
const testSet = new NsmcDataset(await encode(test.column("document")), test.column("label"));

const model = await AutoModelForSequenceClassification.fromPretrained(checkpoint, { numLabels: 2 });
const optimizer = new AdamW(model.parameters(), { lr, weightDecay: 0.01 });

async function runEpoch(model: AutoModelForSequenceClassification, loader: DataLoader<SequenceClassifierBatch>, title: string, optimizer?: Optimizer) {
  model.train(optimizer !== undefined);
  let total = 0;
  const predictions: number[] = [];
  const references: number[] = [];
  const bar = progress(loader, { description: title });
  for await (const batch of bar) {
    const { loss, logits } = model(batch); // both touched here: both come out of the run below
    if (optimizer) {
      optimizer.zeroGrad();
      await loss.backward();
      await optimizer.step();
    }
    total += await loss.item();
    predictions.push(...(await logits.argmax(-1).toArray()));
    references.push(...(await batch.labels.toArray()));
    bar.setPostfix({ loss: total / bar.n });
  }
  const scores = { loss: total / loader.length, ...accuracy({ predictions, references }), ...f1({ predictions, references }) };
  console.log(`${title} | LOSS: ${scores.loss.toFixed(4)} ACC: ${scores.accuracy.toFixed(4)} F1: ${scores.f1.toFixed(4)}`);
}

console.log("=".repeat(64));
for (let epoch = 1; epoch <= epochs; epoch++) await runEpoch(model, new DataLoader(trainSet, { batchSize }), `TRAIN - EPOCH ${epoch}`, optimizer);
await runEpoch(model, new DataLoader(testSet, { batchSize }), "EVAL");
