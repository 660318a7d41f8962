// A consumer's program for the type checker alone: strict, with the declarations of the packed package and of its dependencies checked too.
import {
  AccelerateError,
  AdamW,
  DataCollatorWithPadding,
  Dataset,
  DataLoader,
  getScheduler,
  loadDataset,
  loadMetric,
  progress,
  type Tensor,
  tensor,
} from "accelerate-ts";
import { AutoModelForSequenceClassification, AutoTokenizer } from "accelerate-ts/models";
import { crossEntropy, Linear, Module } from "accelerate-ts/nn";

class Classifier extends Module {
  readonly hidden = new Linear(4, 8);
  readonly out = new Linear(8, 2);
  forward(x: Tensor): Tensor {
    return this.out(this.hidden(x));
  }
}
const own = new Classifier();
const ownLoss = crossEntropy(own(tensor([[1, 2, 3, 4]])), tensor([1], { dtype: "int64" }));
const value: number = await ownLoss.item();

const raw = await loadDataset("json", {
  dataFiles: { train: "a.jsonl", validation: "b.jsonl" },
  features: { sentence1: "string", sentence2: "string", label: "int64" },
});
const sentence: string = raw.train.at(0).sentence1;
// @ts-expect-error a column that is not there
raw.train.at(0).sentence3;
const tokenizer = await AutoTokenizer.fromPretrained("dir");
const tokenized = (await raw.map(tokenizer.mapper("sentence1", "sentence2", { truncation: true }), { batched: true, numProc: 2 }))
  .removeColumns(["sentence1", "sentence2"])
  .renameColumn("label", "labels");
const loader = new DataLoader(tokenized.train, { batchSize: 8, shuffle: true, collateFn: new DataCollatorWithPadding(tokenizer) });
const model = await AutoModelForSequenceClassification.fromPretrained("dir", { numLabels: 2 });
const optimizer = new AdamW(model.parameters(), { lr: 5e-5 });
const scheduler = getScheduler("linear", optimizer, { numWarmupSteps: 0, numTrainingSteps: loader.length });
// @ts-expect-error no schedule of that name
getScheduler("lineer", optimizer, { numTrainingSteps: 1 });
const metric = loadMetric("glue", "mrpc");
const bar = progress(loader.length);
for await (const batch of loader) {
  const { loss, logits } = model(batch);
  await loss.backward();
  await optimizer.step();
  scheduler.step();
  optimizer.zeroGrad();
  await metric.addBatch({ predictions: logits.argmax(-1), references: batch.labels });
  bar.update(1);
}
const { accuracy, f1 }: { accuracy: number; f1: number } = metric.compute();
const rows = Dataset.fromRows([{ text: "a", label: 0 }]);
const text: string = rows.at(0).text;
const code = (error: unknown): string | undefined => (error instanceof AccelerateError ? error.code : undefined);
console.log(value, sentence, accuracy, f1, text, code(undefined));
