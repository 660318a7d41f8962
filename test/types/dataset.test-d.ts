// What the type checker must know of the rows of data sets through their operations, and what it must refuse. Compiled with the rest, never run.
import { ClassLabel, concatenateDatasets, Dataset, DatasetDict, interleaveDatasets, loadDataset, type Tensor } from "accelerate-ts";
import { AutoTokenizer } from "accelerate-ts/models";

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
declare function same<A, B>(ok: Equal<A, B>): void;
type RowOf<D> = D extends { at(index: number): infer R } ? R : never;

export async function columns(): Promise<void> {
  const raw = await loadDataset("glue", "mrpc");
  same<RowOf<ReturnType<typeof selected>>, { sentence1: string; label: number }>(true);
  const selected = () => raw.train.selectColumns(["sentence1", "label"]);
  const renamed = raw.renameColumns({ label: "labels", idx: "id" }).train;
  same<RowOf<typeof renamed>, { sentence1: string; sentence2: string; labels: number; id: number }>(true);
  // @ts-expect-error there is no such column
  raw.renameColumns({ lable: "labels" });
  // @ts-expect-error there is no such column
  raw.train.sort("sentence");
  raw.sort(["label", "idx"], { reverse: [true, false] });
  const added = raw.train.addColumn("score", [0.5]).addColumn("kind", ["a"], new ClassLabel(["a"]));
  added.at(0).score.toFixed();
  added.at(0).kind.toFixed();
  const cast = await raw.castColumn("label", "string");
  cast.train.at(0).label.trim();
  const all = await raw.train.cast({ sentence1: "string", sentence2: "string", label: "bool", idx: "int32" });
  same<RowOf<typeof all>, { sentence1: string; sentence2: string; label: boolean; idx: number }>(true);
  const batched = await raw.train.batch(4);
  same<RowOf<typeof batched>, { sentence1: string[]; sentence2: string[]; label: number[]; idx: number[] }>(true);
  same<ReturnType<typeof raw.train.unique<"label">>, number[]>(true);
  raw.numRows.train.toFixed();
  // @ts-expect-error there is no such split
  raw.numRows.dev;
  raw.train.trainTestSplit({ testSize: 0.1, stratifyByColumn: "label" }).test.at(0).idx.toFixed();
}

export async function computed(): Promise<void> {
  const raw = await loadDataset("glue", "mrpc");
  const look = (row: { sentence1: string }) => {
    row.sentence1.trim();
  };
  const nothing = await raw.train.map(look);
  // @ts-expect-error a number is no row
  await raw.train.map((row) => row.idx);
  same<RowOf<typeof nothing>, RowOf<typeof raw.train>>(true);
  const short = await raw.train.map((row) => ({ n: row.idx }), { removeColumns: ["sentence1", "sentence2"] });
  same<RowOf<typeof short>, { label: number; idx: number; n: number }>(true);
  const many = await raw.map((c) => ({ words: c.sentence1.flatMap((s) => s.split(" ")) }), {
    batched: true,
    removeColumns: ["sentence1", "sentence2", "label", "idx"],
  });
  same<RowOf<typeof many.train>, { words: string }>(true);
  const tokenizer = await AutoTokenizer.fromPretrained("x");
  const encoded = await raw.map(tokenizer.mapper("sentence1", "sentence2"), { batched: true, removeColumns: ["sentence1", "sentence2", "idx"] });
  // @ts-expect-error it was removed
  encoded.train.at(0).sentence1;
  encoded.train.at(0).input_ids.map((id) => id.toFixed());
  type Encoded = RowOf<typeof raw.train> & { input_ids: number[] };
  const byBatch = await raw.map(
    (rows) => tokenizer(rows.sentence1, rows.sentence2, { truncation: true, returnTokenTypeIds: false, returnAttentionMask: false }),
    {
      batched: true,
    },
  );
  same<RowOf<typeof byBatch.train>, { [K in keyof Encoded]: Encoded[K] }>(true);
  const byRow = await raw.map((row) => tokenizer(row.sentence1, { returnTokenTypeIds: false, returnAttentionMask: false }));
  same<RowOf<typeof byRow.train>, RowOf<typeof byBatch.train>>(true);
  const parts = await raw.train.map((row) => tokenizer(row.sentence1, { maxLength: 8, returnOverflowingTokens: true }), { removeColumns: "sentence1" });
  same<RowOf<typeof parts>["input_ids"], number[][]>(true);
  const listed = await raw.train.map((sentences) => tokenizer(sentences), { inputColumns: ["sentence1"], batched: true });
  same<RowOf<typeof listed>["input_ids"], number[]>(true);
  // @ts-expect-error rows instead of columns
  await raw.train.map((c) => c.idx.map((i) => ({ i })), { batched: true });
  // @ts-expect-error a function is no value of a column
  await raw.train.map(() => ({ n: () => 1 }));
  // @ts-expect-error the mapper reads a column that is not there
  await raw.map(tokenizer.mapper("sentence1", "sentance2"));
  const untyped = await loadDataset("csv", { dataFiles: "pairs.csv" });
  await untyped.map(tokenizer.mapper("a", "b"), { batched: true, numProc: 2 });
  untyped.train.toIterableDataset().map(tokenizer.mapper("a"));
  const values = await raw.train.map((sentence, label, index) => ({ t: sentence.trim() + label.toFixed() + index.toFixed() }), {
    inputColumns: ["sentence1", "label"],
  });
  values.at(0).t.trim();
  // @ts-expect-error a closure cannot travel
  await raw.train.filter((row) => row.label === 1, { numProc: 2 });
  await raw.filter((row, index) => row.sentence1.length > index);
  await raw.filter(async (row) => row.label === 1, { desc: "ones" });
  await raw.train.filter((c) => c.label.map((label) => label === 1), { batched: true });
  // @ts-expect-error of a batch every row is answered
  await raw.train.filter((c) => c.label[0] === 1, { batched: true });
  // @ts-expect-error not an option
  await raw.train.map((row) => ({ n: row.idx }), { batch_size: 10 });
}

export async function formats(): Promise<void> {
  const raw = await loadDataset("glue", "mrpc");
  const tensors = raw.withFormat("tensor", { columns: ["label", "sentence1"] });
  same<RowOf<typeof tensors.train>, { sentence1: string; label: Tensor<0> }>(true);
  for (const batch of tensors.train.iter(8)) {
    same<typeof batch.label, Tensor<1>>(true);
    same<typeof batch.sentence1, string[]>(true);
  }
  for (const batch of raw.train.iter(8)) same<typeof batch.idx, number[]>(true);
  const upper = raw.train.withTransform((c) => ({ up: c.sentence1.map((s) => s.toUpperCase()) }));
  same<RowOf<typeof upper>, { up: string }>(true);
  // @ts-expect-error there is no such format
  raw.setFormat("torch");
}

export async function several(): Promise<void> {
  const a = Dataset.fromRows([{ x: 1 }]);
  const b = Dataset.fromRows([{ y: "a" }]);
  same<RowOf<ReturnType<typeof under>>, { x: number }>(true);
  const under = () => concatenateDatasets([a, a.shuffle()]);
  const beside = concatenateDatasets([a, b], { axis: 1 });
  same<RowOf<typeof beside>, { x: number; y: string }>(true);
  interleaveDatasets([a, a], { probabilities: [0.5, 0.5], stoppingStrategy: "all_exhausted" })
    .at(0)
    .x.toFixed();
  // @ts-expect-error not a way to stop
  interleaveDatasets([a, a], { stoppingStrategy: "never" });
  const dict = await DatasetDict.loadFromDisk<{ x: number }, "train">("folder");
  dict.train.at(0).x.toFixed();
}
