// Streams of files: every format, the order of Python's, nothing read that is not wanted.
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { inspect } from "node:util";
import { Dataset, loadDataset } from "../../src/data/index.js";
import { writeCsv, writeJson, writeParquet } from "../../src/data/save/index.js";
import { folderOf, needs, root, shared } from "./files.js";

const list = async <R>(rows: AsyncIterable<R>): Promise<R[]> => {
  const out: R[] = [];
  for await (const row of rows) out.push(row);
  return out;
};
const lines = (from: number, to: number): string => Array.from({ length: to - from }, (_, k) => `{"i": ${from + k}}\n`).join("");

test("files are shards, in the order of Python's", async (t) => {
  // Made by test/golden/make/data_stream.py.
  const golden = JSON.parse(await readFile(join(root, "test/golden/data-stream.json"), "utf8")) as { name: string; values: number[] }[];
  const wanted = (name: string) => golden.find((one) => one.name === name)!.values;
  const folder = await folderOf(t, Object.fromEntries([0, 1, 2].map((k) => [`part${k}.jsonl`, lines(40 * k, 40 * k + 40)])));
  const stream = await loadDataset("json", { dataFiles: join(folder, "*.jsonl"), split: "train", streaming: true, features: { i: "int64" } });
  assert.equal(inspect(stream), "IterableDataset({\n    features: ['i'],\n    num_shards: 3\n})");
  const values = async (of: AsyncIterable<{ i: number }>) => (await list(of)).map(({ i }) => i);
  assert.deepEqual(await values(stream), wanted("files"));
  assert.deepEqual(await values(stream.shuffle({ seed: 42, bufferSize: 50 })), wanted("files shuffled"));
  const undeclared = await loadDataset("json", { dataFiles: join(folder, "*.jsonl"), split: "train", streaming: true });
  assert.deepEqual(
    (await list(undeclared.shuffle({ seed: 42, bufferSize: 50 }))).map(({ i }) => i),
    wanted("files shuffled"),
  );
});

test("every format gives the rows that it gives when it is read whole", async (t) => {
  const folder = await folderOf(t, {});
  const data = Dataset.fromRows(Array.from({ length: 2500 }, (_, i) => ({ i, s: i % 7 === 0 ? null : `row ${i}`, x: i / 4 })));
  const table = Dataset.tableOf(data);
  await writeParquet(table, join(folder, "x.parquet"), { batchSize: 300 });
  await writeJson(table, join(folder, "x.jsonl"));
  await writeCsv(table, join(folder, "x.csv"));
  await writeFile(join(folder, "x.txt"), "one\ntwo\nthree\n");
  const cacheDir = join(folder, "cache");
  for (const format of ["parquet", "json", "csv", "text"] as const) {
    const dataFiles = join(folder, `x.${{ parquet: "parquet", json: "jsonl", csv: "csv", text: "txt" }[format]}`);
    const whole = await loadDataset(format, { dataFiles, split: "train", cacheDir });
    const stream = await loadDataset(format, { dataFiles, split: "train", streaming: true });
    assert.equal(inspect(stream.features), inspect(whole.features), format);
    assert.deepEqual(await list(stream), [...whole], format);
    // Going on in the middle of a file.
    const rows = await list(stream);
    const half = Math.floor(rows.length / 2);
    await list(stream.take(half));
    const other = await loadDataset(format, { dataFiles, split: "train", streaming: true });
    for await (const _ of other) {
      const state = other.stateDict();
      if ((state.position as { row: number }).row < half) continue;
      stream.loadStateDict(state);
      break;
    }
    assert.deepEqual(await list(stream), rows.slice(half), format);
  }
  const arrow = Dataset.originOf(await loadDataset("parquet", { dataFiles: join(folder, "x.parquet"), split: "train", cacheDir })).cacheDirectory!;
  const mapped = await loadDataset("arrow", { dataFiles: join(arrow, "*.arrow"), split: "train", streaming: true });
  assert.deepEqual(await list(mapped.skip(2490)), [...data.slice(2490)]);
  assert.deepEqual([...(await loadDataset("arrow", { dataFiles: join(arrow, "*.arrow"), split: "train" }))], [...data]);
  const some = await loadDataset("arrow", { dataFiles: join(arrow, "*.arrow"), split: "train", columns: ["x"], features: { x: "float32" }, cacheDir });
  assert.deepEqual(some.slice(1, 2).toColumns(), { x: [0.25] });
});

test("only what is wanted is read", async (t) => {
  const folder = await folderOf(t, { "a.jsonl": `${lines(0, 20_000)}broken\n`, "b.jsonl": "broken" });
  const stream = await loadDataset("json", {
    dataFiles: [join(folder, "a.jsonl"), join(folder, "b.jsonl")],
    split: "train",
    streaming: true,
    features: { i: "int64" },
  });
  assert.deepEqual(await list(stream.skip(9).take(2)), [{ i: 9 }, { i: 10 }]);
  await assert.rejects(list(stream), { code: "ERR_DATA_FILE", message: /a\.jsonl:20001 / });
});

test("columns that come late, or become others, are told of with their place", async (t) => {
  const rows = lines(0, 10_000);
  const folder = await folderOf(t, {
    "late.jsonl": `${rows}{"i":1,"new":2}\n`,
    "other.jsonl": `${rows}{"i":"x"}\n`,
    "null.jsonl": `${rows}{}\n`,
    "x.csv": `i\n${"1\n".repeat(10_000)}x\n`,
  });
  const stream = (format: "json" | "csv", name: string) => loadDataset(format, { dataFiles: join(folder, name), split: "train", streaming: true });
  await assert.rejects(stream("json", "late.jsonl").then(list), {
    code: "ERR_DATA_FILE",
    message: /late\.jsonl:10001 .*column "new" is not among those of the first rows: declare the columns with features/,
  });
  await assert.rejects(stream("json", "other.jsonl").then(list), {
    code: "ERR_DATA_FILE",
    message: /other\.jsonl:10001 .*row 10000, column i: 'x' is no int64/,
  });
  await assert.rejects(stream("csv", "x.csv").then(list), { code: "ERR_DATA_FILE", message: /x\.csv:10002 .*column i: 'x' is no int64/ });
  assert.deepEqual((await list(await stream("json", "null.jsonl"))).at(-1), { i: null });
});

test("a record of splits is a dict of streams", async (t) => {
  const folder = await folderOf(t, { "train.jsonl": lines(0, 3), "test.jsonl": lines(3, 5) });
  const streams = await loadDataset(folder, { streaming: true });
  assert.deepEqual(streams.splits, ["train", "test"]);
  assert.equal(
    inspect(streams),
    "IterableDatasetDict({\n    train: IterableDataset({\n        features: ['i'],\n        num_shards: 1\n    })\n    test: IterableDataset({\n        features: ['i'],\n        num_shards: 1\n    })\n})",
  );
  const doubled = streams.map((row) => ({ j: Number(row.i) * 2 })).removeColumns("i");
  assert.deepEqual(await list(doubled.test!), [{ j: 6 }, { j: 8 }]);
  assert.throws(() => streams.get("dev"), { code: "ERR_SPLIT_NOT_FOUND" });
  await assert.rejects(loadDataset(folder, { streaming: true, split: "train[:10%]" }), { code: "ERR_SPLIT", message: /take and skip/ });
  await assert.rejects(loadDataset(folder, { streaming: true, split: "dev" }), { code: "ERR_SPLIT_NOT_FOUND" });
});

test("MRPC as a stream", needs("data/mrpc/train-00000-of-00001.parquet"), async () => {
  const streams = await loadDataset(join(shared, "data/mrpc"), { streaming: true });
  const [first] = await list(streams.validation!.take(1));
  assert.deepEqual([first!.label, first!.idx], [1, 9]);
  assert.equal((await list(streams.train!)).length, 3668);
});
