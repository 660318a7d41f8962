// Parquet: files of Python's with every type and codec, bad files, and what we write ourselves.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { copyFile, readFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { inspect, promisify } from "node:util";
import { fc } from "../support/properties.js";
import { ClassLabel, Dataset, type Features, loadDataset } from "../../src/data/index.js";
import { writeParquet } from "../../src/data/save/index.js";
import { folderOf, needs, root, shared } from "./files.js";

const golden = join(root, "test/golden/data-parquet");

/** As the golden's JSON has it; Python's None is null. */
function plain(value: unknown): unknown {
  if (value instanceof Date) return { ms: value.getTime() };
  if (value instanceof Uint8Array) return { hex: Buffer.from(value).toString("hex") };
  if (Array.isArray(value)) return value.map(plain);
  return typeof value === "object" && value !== null ? Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, plain(inner)])) : value;
}

test("files of every type, codec and encoding hold what Python reads", async (t) => {
  // Made by test/golden/make/data_parquet.py.
  const cacheDir = await folderOf(t, {});
  const files = JSON.parse(await readFile(join(golden, "rows.json"), "utf8")) as Record<string, { features: string; rows: unknown[] }>;
  for (const [name, { features, rows }] of Object.entries(files)) {
    for (const keepInMemory of [true, false]) {
      const data = await loadDataset("parquet", { dataFiles: join(golden, name), split: "train", keepInMemory, cacheDir });
      assert.equal(inspect(data.features), features, name);
      assert.deepEqual([...data].map(plain), rows, `${name}, ${keepInMemory ? "in memory" : "mapped"}`);
    }
  }
});

test("some columns, no rows, and types that cannot be read", async () => {
  const scalars = join(golden, "scalars.parquet");
  const some = await loadDataset("parquet", { dataFiles: scalars, split: "train", columns: ["text", "i64"], keepInMemory: true });
  assert.deepEqual(some.columnNames, ["i64", "text"]);
  const empty = await loadDataset("parquet", { dataFiles: join(golden, "empty.parquet"), split: "train", keepInMemory: true });
  assert.deepEqual([empty.length, inspect(empty.features)], [0, "{'n': Value('int64'), 's': Value('string')}"]);
  const map = join(golden, "map.parquet");
  await assert.rejects(loadDataset("parquet", { dataFiles: map, keepInMemory: true }), {
    code: "ERR_DATA_FILE",
    message: /map\.parquet: column m: maps cannot be read.*columns/,
  });
  assert.deepEqual([...(await loadDataset("parquet", { dataFiles: map, split: "train", columns: ["n"], keepInMemory: true }))], [{ n: 1 }]);
  await assert.rejects(loadDataset("parquet", { dataFiles: scalars, columns: ["nothing"] }), { code: "ERR_COLUMN_NOT_FOUND", message: /columns are i8/ });
});

test("declared features pick, type and check the columns", async () => {
  const file = join(golden, "labels.parquet");
  const read = (features: Features) => loadDataset("parquet", { dataFiles: file, split: "train", features, keepInMemory: true });
  assert.deepEqual([...(await read({ label: "int64" }))], [{ label: 0 }, { label: 1 }, { label: -1 }]);
  await assert.rejects(read({ text: "int64" }), { code: "ERR_DATA_FILE", message: /labels\.parquet: row group 0, column text: row 0: 'a' is no int64/ });
  await assert.rejects(read({ other: "int64" }), { code: "ERR_DATA_FILE", message: /there is no column "other" \(features\): columns are text, label, tags/ });
});

test("a file that is damaged or cut off is named", async (t) => {
  const folder = await folderOf(t, { "text.parquet": "no Parquet at all, but long enough", "short.parquet": "PAR1" });
  const load = (name: string) => loadDataset("parquet", { dataFiles: join(folder, name), keepInMemory: true });
  for (const name of ["text.parquet", "short.parquet"])
    await assert.rejects(load(name), { code: "ERR_DATA_FILE", message: new RegExp(`${name}: is no whole Parquet file`) });
  await copyFile(join(golden, "codec-snappy.parquet"), join(folder, "cut.parquet"));
  await truncate(join(folder, "cut.parquet"), 1000);
  await assert.rejects(load("cut.parquet"), { code: "ERR_DATA_FILE", message: /cut\.parquet/ });
  // Bytes of the pages are turned over: an error that names the row group, or other values, but never a crash.
  const bytes = await readFile(join(golden, "codec-gzip.parquet"));
  const footer = bytes.length - 8 - bytes.readUInt32LE(bytes.length - 8);
  const changes = (from: number) => fc.array(fc.tuple(fc.integer({ min: from, max: bytes.length - 1 }), fc.nat({ max: 255 })), { minLength: 1, maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(fc.oneof(changes(0), changes(footer)), async (changes) => {
      const broken = Buffer.from(bytes);
      for (const [at, value] of changes) broken[at] = value;
      await writeFile(join(folder, "broken.parquet"), broken);
      try {
        await load("broken.parquet");
      } catch (error) {
        assert.match(String((error as { code?: unknown }).code), /^ERR_(DATA_FILE|FEATURES)$/, inspect(error));
      }
    }),
    { numRuns: 100, examples: [[[[1669, 20]]]] },
  );
});

test("MRPC is the same in Parquet and JSON lines, and prints as in the course", needs("data/mrpc/train-00000-of-00001.parquet"), async (t) => {
  const cacheDir = await folderOf(t, {});
  const folder = join(shared, "data/mrpc");
  const raw = await loadDataset(folder, { cacheDir });
  assert.deepEqual(
    raw.splits.map((split) => raw.get(split).length),
    [3668, 408, 1725],
  );
  for (const split of raw.splits) {
    const lines = await loadDataset("json", { dataFiles: join(folder, `${split}.jsonl`), split: "train", cacheDir });
    assert.deepEqual([...raw.get(split)], [...lines], split);
  }
  assert.equal(
    inspect(raw.train!.features),
    "{'sentence1': Value('string'), 'sentence2': Value('string'), 'label': ClassLabel(names=['not_equivalent', 'equivalent']), 'idx': Value('int32')}",
  );
  const text = inspect(raw);
  assert.equal(text.split("\n").length, 14);
  assert.match(text, /^DatasetDict\(\{\n {4}train: Dataset\(\{\n {8}features: \['sentence1', 'sentence2', 'label', 'idx'\],\n {8}num_rows: 3668\n {4}\}\)\n/);
  assert.deepEqual([raw.train!.at(0).label, raw.train!.at(0).idx], [1, 0]);
  assert.match(String(raw.train!.at(0).sentence1), /^Amrozi accused his brother , whom he called " the witness " , of/);
  assert.match(String(raw.train!.at(15).sentence1), /^Rudder was most recently/);
  assert.match(String(raw.validation!.at(87).sentence1), /^However , EPA officials would not/);
  const label = raw.train!.features.label as ClassLabel;
  assert.deepEqual([label.int2str(1), label.str2int("not_equivalent")], ["equivalent", 0]);
});

const everything: Features = {
  text: "string",
  label: new ClassLabel(["no", "yes"]),
  i8: "int8",
  u32: "uint32",
  i64: "int64",
  u64: "uint64",
  f16: "float16",
  f32: "float32",
  f64: "float64",
  flag: "bool",
  any: "json",
  bytes: "binary",
  fixed: "fixed_size_binary[2]",
  day: "date32",
  at: "timestamp[us]",
  zoned: "timestamp[ms, tz=UTC]",
  seconds: "timestamp[s]",
  finer: "timestamp[ns]",
  midnight: "date64",
  lasting: "duration[ms]",
  minute: "time32[s]",
  large: "large_string",
  nothing: "null",
  two: { sequence: "int32", length: 2 },
  clock: "time64[us]",
  money: "decimal128(10, 2)",
  ids: { sequence: "int32" },
  words: { sequence: { sequence: "string" } },
  pair: { a: "int64", b: "string" },
};
const rows = [
  {
    text: "é€😀",
    label: 1,
    i8: -128,
    u32: 2 ** 32 - 1,
    i64: -(2 ** 53) + 1,
    u64: 2 ** 53 - 1,
    f16: 1.5,
    f32: 0.5,
    f64: 0.1,
    flag: true,
    any: { a: [1, "x", null] },
    bytes: Uint8Array.of(0, 255),
    fixed: Uint8Array.of(1, 2),
    day: new Date("2024-02-29T00:00:00Z"),
    at: new Date("2024-02-29T12:30:15.250Z"),
    zoned: new Date("1969-12-31T23:59:59.001Z"),
    seconds: new Date("2024-02-29T12:30:15Z"),
    finer: new Date("2024-02-29T12:30:15.250Z"),
    midnight: new Date("2024-02-29T00:00:00Z"),
    lasting: 5,
    minute: "13:05:00",
    large: "l",
    nothing: null,
    two: [1, 2],
    clock: "13:05:00.000250",
    money: "-12.30",
    ids: [1, -2],
    words: [["a", ""], []],
    pair: { a: 1, b: "x" },
  },
  Object.fromEntries(Object.keys(everything).map((name) => [name, null])),
  {
    ...Object.fromEntries(Object.keys(everything).map((name) => [name, null])),
    text: "",
    label: -1,
    ids: [],
    words: [[null], null],
    pair: { a: null, b: null },
  },
];

test("what is written is read again: types, nulls, row groups", async (t) => {
  const folder = await folderOf(t, {});
  const data = Dataset.fromRows(rows, { features: everything });
  const file = join(folder, "x.parquet");
  const bytes = await writeParquet(Dataset.tableOf(data), file, { batchSize: 2 });
  assert.equal((await readFile(file)).length, bytes);
  const again = await loadDataset("parquet", { dataFiles: file, split: "train", keepInMemory: true });
  assert.equal(inspect(again.features), inspect(data.features));
  assert.deepEqual([...again], [...data]);
  const chosen = data.select([2, 0]);
  await writeParquet(Dataset.tableOf(chosen), file, { compression: "none" });
  assert.deepEqual([...(await loadDataset("parquet", { dataFiles: file, split: "train", keepInMemory: true }))], [...chosen]);
  await assert.rejects(writeParquet(Dataset.tableOf(data), file, { compression: "zip" as never }), { code: "ERR_OPTIONS" });
  await assert.rejects(writeParquet(Dataset.tableOf(data), file, { batch_size: 2 } as never), { code: "ERR_OPTIONS", message: /write batchSize/ });
});

const python = process.env.ACCELERATE_TS_TEST_PYTHON;
const options = { skip: python ? false : "ACCELERATE_TS_TEST_PYTHON names no Python with datasets" };

test("Python's datasets reads what is written, with the same features", options, async (t) => {
  const folder = await folderOf(t, {});
  const data = Dataset.fromRows(rows, { features: everything });
  await writeParquet(Dataset.tableOf(data), join(folder, "x.parquet"));
  const program = `
import sys, json, datasets
datasets.disable_progress_bars()
d = datasets.load_dataset("parquet", data_files=sys.argv[1] + "/x.parquet", split="train", cache_dir=sys.argv[1] + "/cache")
print(json.dumps([str(d.features), [{k: str(v) for k, v in row.items()} for row in d]]))`;
  const { stdout } = await promisify(execFile)(python!, ["-c", program, folder]);
  const [features, read] = JSON.parse(stdout) as [string, Record<string, string>[]];
  // Parquet has no such units; Python takes those of the file.
  const finer = inspect(data.features).replace("timestamp[s]", "timestamp[ms]").replace("time32[s]", "time32[ms]").replace("date64", "date32");
  assert.equal(features, finer);
  assert.deepEqual(read[1], Object.fromEntries(Object.keys(everything).map((name) => [name, "None"])));
  assert.deepEqual(read[0], {
    text: "é€😀",
    label: "1",
    i8: "-128",
    u32: "4294967295",
    i64: "-9007199254740991",
    u64: "9007199254740991",
    f16: "1.5",
    f32: "0.5",
    f64: "0.1",
    flag: "True",
    any: "{'a': [1, 'x', None]}",
    bytes: "b'\\x00\\xff'",
    fixed: "b'\\x01\\x02'",
    day: "2024-02-29",
    at: "2024-02-29 12:30:15.250000",
    zoned: "1969-12-31 23:59:59.001000+00:00",
    seconds: "2024-02-29 12:30:15",
    finer: "2024-02-29 12:30:15.250000",
    midnight: "2024-02-29",
    lasting: "0:00:00.005000",
    minute: "13:05:00",
    large: "l",
    nothing: "None",
    two: "[1, 2]",
    clock: "13:05:00.000250",
    money: "-12.30",
    ids: "[1, -2]",
    words: "[['a', ''], []]",
    pair: "{'a': 1, 'b': 'x'}",
  });
});
