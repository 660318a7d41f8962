// Korean sentiment on NSMC with multilingual BERT: own dataset class, native train and evaluate functions.
//   node nsmc.ts ratings_train.txt ratings_test.txt [checkpoint]
import { AdamW, DataLoader, type MapDataset, type Optimizer, loadDataset, progress } from "accelerate-ts";
import { accuracy, f1 } from "accelerate-ts/metrics";
import { AutoModelForSequenceClassification, AutoTokenizer, type BatchEncoding, type SequenceClassifierBatch } from "accelerate-ts/models";

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

const [trainFile, testFile, checkpoint = "bert-base-multilingual-cased"] = process.argv.slice(2);
const raw = await loadDataset("csv", {
  dataFiles: { train: trainFile!, test: testFile! },
  delimiter: "\t",
  features: { id: "string", document: "string", label: "int64" },
});
const train = raw.train.shuffle({ seed: 42 }).slice(0, 2000);
const test = raw.test.shuffle({ seed: 42 }).slice(0, 2000);

const tokenizer = await AutoTokenizer.fromPretrained(checkpoint);
const encode = (texts: string[]) => tokenizer(texts, { padding: true, truncation: true, returnTensors: true });
const trainSet = new NsmcDataset(await encode(train.column("document")), train.column("label"));
const testSet = new NsmcDataset(await encode(test.column("document")), test.column("label"));

const model = await AutoModelForSequenceClassification.fromPretrained(checkpoint, { numLabels: 2 });
const optimizer = new AdamW(model.parameters(), { lr: 5e-5, weightDecay: 0.01 });

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

for (let epoch = 1; epoch <= 10; epoch++) await runEpoch(model, new DataLoader(trainSet, { batchSize: 32 }), `TRAIN - EPOCH ${epoch}`, optimizer);
await runEpoch(model, new DataLoader(testSet, { batchSize: 32 }), "EVAL");
