// What the type checker must know of loaders with threads, collators, samplers and metrics, and what it must refuse. Compiled with the rest, never run.
import {
  type Batch,
  BatchSampler,
  DataCollatorForLanguageModeling,
  DataCollatorForTokenClassification,
  DataCollatorWithPadding,
  DataLoader,
  Dataset,
  defaultDataCollator,
  LengthGroupedSampler,
  loadMetric,
  RandomSampler,
  type Sampler,
  type Tensor,
} from "accelerate-ts";
import { combine, f1 } from "accelerate-ts/metrics";

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
declare function same<A, B>(ok: Equal<A, B>): void;
declare const tokenizer: object;

export async function loaders(): Promise<void> {
  const rows = Dataset.fromRows([{ input_ids: [1, 2], label: 1 }]);
  const padded = new DataLoader(rows, { batchSize: 8, shuffle: true, numWorkers: 2, prefetchFactor: 4, collateFn: new DataCollatorWithPadding(tokenizer) });
  for await (const batch of padded) same<typeof batch, { input_ids: Tensor<2, "int64">; labels: Tensor<1, "int64"> }>(true);
  const masked = new DataLoader(rows, { collateFn: new DataCollatorForLanguageModeling(tokenizer, { mlm: false }) });
  for await (const { input_ids, labels } of masked) {
    same<typeof input_ids, Tensor<2, "int64">>(true);
    labels.shape;
  }
  const tokens = new DataLoader([{ input_ids: [1], labels: [0] }], { collateFn: new DataCollatorForTokenClassification(tokenizer) });
  for await (const { labels } of tokens) same<typeof labels, Tensor<2, "int64">>(true);
  const plain = new DataLoader([{ x: [0.5], text: "a", label: 1 }], { collateFn: defaultDataCollator });
  for await (const batch of plain) same<typeof batch, { x: Tensor<2>; labels: Tensor<1> }>(true);
  const named = new DataLoader<{ ids: Tensor }>(rows, { numWorkers: 1, collateFn: { filename: "./collate.js", name: "collate" } });
  for await (const { ids } of named) ids.shape;
  const unnamed = new DataLoader(rows, { collateFn: { filename: "./collate.js", name: "collate" } });
  for await (const batch of unnamed) same<typeof batch, Batch>(true);
  // @ts-expect-error a closure cannot travel to other threads
  new DataLoader(rows, { numWorkers: 1, workerInitFn: () => {} });
  await using closing = padded;
  closing.stats().waitedShare.toFixed();

  const sampler: Sampler = new RandomSampler(rows, { replacement: true, numSamples: 10, seed: 1 });
  new DataLoader(rows, { batchSampler: new BatchSampler(sampler, 8, true) });
  new DataLoader(rows, { batchSize: 2, sampler: new LengthGroupedSampler(2, { dataset: rows }) });
  // With the rows' numbers, for collators that draw.
  new DataLoader(rows, { collateFn: (given: { label: number }[], { epoch, rows: numbers }) => [epoch, numbers.length, given.length] });
}

export async function scores(): Promise<void> {
  same<ReturnType<typeof read>, { accuracy: number; f1: number }>(true);
  function read() {
    return loadMetric("glue", "mrpc").compute();
  }
  const macro = loadMetric("f1");
  macro.add({ prediction: 1, reference: 0 });
  macro.compute({ average: "macro", labels: [0, 1] }).f1.toFixed();
  // @ts-expect-error there is no such average
  macro.compute({ average: "mean" });
  // @ts-expect-error texts are no labels
  await macro.addBatch({ predictions: ["a"], references: ["b"] });
  await loadMetric("exact_match").addBatch({ predictions: ["a"], references: ["b"] });
  loadMetric("roc_auc")
    .compute({ predictionScores: [0.5], references: [1], maxFpr: 0.5 })
    .roc_auc.toFixed();
  loadMetric("confusion_matrix").compute().confusion_matrix[0]?.[0]?.toFixed();
  await loadMetric("f1", "multilabel").addBatch({ predictions: [[0, 1]], references: [[1, 1]] });
  loadMetric("f1", "multilabel").compute({ average: "samples" });
  same<ReturnType<typeof each>, { f1: number[] }>(true);
  function each() {
    return f1({ predictions: [0], references: [1], average: null });
  }
  const both = combine(["accuracy", "f1"]).compute({ predictions: [0], references: [1] });
  both.accuracy.toFixed();
  both.f1.toFixed();
  loadMetric("someone/else").compute();
}
