// What the type checker must know of data, tokenizers, metrics and progress, and what it must refuse. Compiled with the rest, never run.
import {
  ClassLabel,
  DataCollatorWithPadding,
  DataLoader,
  Dataset,
  type IterableDataset,
  loadDataset,
  loadMetric,
  type MapDataset,
  progress,
  type Tensor,
  tensor,
} from "accelerate-ts";
import { accuracy, f1 } from "accelerate-ts/metrics";
import { AutoTokenizer, type BatchEncoding } from "accelerate-ts/models";

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
declare function same<A, B>(ok: Equal<A, B>): void;

export async function datasets(): Promise<void> {
  const raw = await loadDataset("glue", "mrpc");
  same<ReturnType<typeof raw.train.at>, { sentence1: string; sentence2: string; label: number; idx: number }>(true);
  // @ts-expect-error there is no such split
  raw.valid;
  // @ts-expect-error there is no such column
  raw.train.column("sentence");
  // @ts-expect-error there is no such column
  raw.removeColumns("sentence");
  same<ReturnType<(typeof raw.train)["columnNames"]["at"]>, "sentence1" | "sentence2" | "label" | "idx" | undefined>(true);
  const renamed = raw.renameColumn("label", "labels").train.at(0);
  same<typeof renamed, { sentence1: string; sentence2: string; idx: number; labels: number }>(true);
  renamed.labels.toFixed();
  // @ts-expect-error it was renamed
  renamed.label;

  const csv = await loadDataset("csv", {
    dataFiles: { a: "1", b: "2" },
    features: { t: "string", y: "float32", l: { sequence: "int64" }, c: new ClassLabel(["x"]) },
  });
  same<ReturnType<(typeof csv)["a"]["at"]>, { t: string; y: number; l: number[]; c: number }>(true);
  // @ts-expect-error there is no such split
  csv.c;
  const one = await loadDataset("json", { dataFiles: ["x"], split: "train", features: { s: "string" } });
  same<typeof one, Dataset<{ s: string }>>(true);
  // @ts-expect-error there is no such feature
  await loadDataset("json", { dataFiles: "x", features: { s: "text" } });
  const untyped = await loadDataset("csv", { dataFiles: "x" });
  untyped.train.at(0).whatever;
  (await loadDataset("someone/else")).train;
  const parts = await loadDataset("json", { dataFiles: "x", split: ["train[:10%]", "train[10%:]"], features: { s: "string" } });
  same<typeof parts, Dataset<{ s: string }>[]>(true);
  const chosen = await loadDataset("glue", "mrpc", { split: "train[:5]" });
  same<ReturnType<typeof chosen.at>["label"], number>(true);
  const stream = await loadDataset("json", { dataFiles: "x", split: "train", streaming: true, features: { s: "string" } });
  same<typeof stream, IterableDataset<{ s: string }>>(true);
  const measured = stream.map(({ s }) => ({ length: s.length }), { removeColumns: "s" });
  for await (const { length } of measured) length.toFixed();
  // @ts-expect-error there is no such column
  stream.column("t");
  const streams = await loadDataset("glue", "mrpc", { streaming: true });
  same<typeof streams.test, IterableDataset<{ sentence1: string; sentence2: string; label: number; idx: number }>>(true);
  // @ts-expect-error there is no such option
  await loadDataset("csv", { dataFiles: "x", seperator: ";" });

  const own = Dataset.fromRows([{ a: 1, b: ["x"] }]);
  same<ReturnType<typeof own.at>, { a: number; b: string[] }>(true);
  const split = own.trainTestSplit({ testSize: 0.2 });
  same<typeof split.test, typeof own>(true);
  const asMap: MapDataset<{ a: number }> = own;
  void asMap;
}

export async function mapping(): Promise<void> {
  const raw = await loadDataset("glue", "mrpc");
  const tokenizer = await AutoTokenizer.fromPretrained("x");
  // @ts-expect-error the mapper reads a column that is not there
  await raw.map(tokenizer.mapper("sentence1", "sentance2"));
  // @ts-expect-error a closure cannot travel
  await raw.map((row) => ({ n: row.sentence1.length }), { numProc: 2 });
  const lengths = await raw.train.map((row) => ({ n: row.sentence1.length }));
  same<ReturnType<typeof lengths.column<"n">>, number[]>(true);
  await raw.train.map((columns) => ({ n: columns.sentence1.map((s) => s.length) }), { batched: true });
  const typed = await raw.train.map<{ up: string }>({ filename: "lib.ts", name: "upper" }, { numProc: 2 });
  typed.at(0).up.trim();
  const encoded = await raw.map(tokenizer.mapper("sentence1", "sentence2"), { batched: true, numProc: 2 });
  same<ReturnType<typeof encoded.train.column<"input_ids">>, number[][]>(true);

  const collateFn = new DataCollatorWithPadding(tokenizer);
  // @ts-expect-error texts cannot be padded
  new DataLoader(encoded.train, { collateFn });
  const loader = new DataLoader(encoded.removeColumns(["sentence1", "sentence2"]).train, { collateFn });
  for await (const batch of loader) {
    same<typeof batch.labels, Tensor<1, "int64">>(true);
    same<typeof batch.input_ids, Tensor<2, "int64">>(true);
    // @ts-expect-error the collator calls it labels
    batch.label;
  }
}

export async function batches(): Promise<void> {
  for await (const batch of new DataLoader([{ x: [1, 2], y: 1, name: "a" }], { batchSize: 2 })) {
    same<typeof batch, { x: Tensor<2>; y: Tensor<1>; name: string[] }>(true);
  }
  for await (const [x, y] of new DataLoader([[[1, 2], 3] as [number[], number]])) {
    same<typeof x, Tensor<2>>(true);
    same<typeof y, Tensor<1>>(true);
  }
  const raw = await loadDataset("glue", "mrpc");
  for await (const batch of new DataLoader(raw.train, { collateFn: async (rows) => ({ n: tensor(rows.map((row) => row.idx)) }) })) {
    same<typeof batch.n, Tensor<1, "float32">>(true);
  }
  async function* rows() {
    yield { a: 1 };
  }
  for await (const batch of progress(new DataLoader(rows()), { description: "rows" })) same<typeof batch, { a: Tensor<1> }>(true);
  // @ts-expect-error not an option
  new DataLoader([1], { batch_size: 2 });
}

export async function texts(): Promise<void> {
  const tokenizer = await AutoTokenizer.fromPretrained("x");
  const batch = await tokenizer(["a"], { padding: true, returnTensors: true });
  same<typeof batch, BatchEncoding>(true);
  same<ReturnType<typeof batch.at>["input_ids"], Tensor<1, "int64">>(true);
  same<Awaited<ReturnType<typeof one>>["input_ids"], number[]>(true);
  const one = () => tokenizer("a", "b");
  const lists = await tokenizer(["a"]);
  same<ReturnType<typeof lists.at>["input_ids"], number[]>(true);
  // @ts-expect-error no such strategy
  await tokenizer("a", { truncation: "longest" });
}

export function scores(): void {
  const metric = loadMetric("glue", "mrpc");
  metric.compute().f1;
  // @ts-expect-error mrpc has no Matthews correlation
  metric.compute().matthews_correlation;
  loadMetric("someone", "elses").compute().anything;
  accuracy({ predictions: [1], references: [1] }).accuracy.toFixed();
  f1({ predictions: [1], references: [1], average: "macro" }).f1.toFixed();
}
