// Which files and rows loadDataset means: globs, folders, split strings, options; the cases are Python's own.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { loadDataset } from "../../src/data/index.js";
import { filesOfPattern, splitsOfPaths } from "../../src/data/load/patterns.js";
import { parseSplit, rowsOfPart } from "../../src/data/load/split-string.js";
import { folderOf, root } from "./files.js";

interface Golden {
  readonly folders: readonly { readonly files: readonly string[]; readonly splits: readonly (readonly [string, readonly string[]])[] | null }[];
  readonly splits: readonly {
    readonly lengths: Readonly<Record<string, number>>;
    readonly spec: string;
    readonly rows: readonly (readonly [string, number, number])[] | null;
  }[];
  readonly tree: readonly string[];
  readonly globs: readonly { readonly pattern: string; readonly files: readonly string[] | null }[];
}
// Made by test/golden/make/data_files.py.
const golden = JSON.parse(await readFile(join(root, "test/golden/data-files.json"), "utf8")) as Golden;
const sorted = (names: readonly string[]) => [...names].sort();

test("files of a folder are the splits that Python makes of them", () => {
  for (const { files, splits } of golden.folders) {
    const data = sorted(files.filter((name) => name.endsWith(".jsonl") && !/(^|\/)(\.|__)[^/]*\//.test(name)));
    assert.deepEqual(
      splitsOfPaths(data).map(([split, names]) => [split, sorted(names)]),
      splits ?? [],
      files.join(", "),
    );
  }
});

test("split strings mean the rows that they mean in Python", () => {
  for (const { lengths, spec, rows } of golden.splits) {
    const read = () =>
      parseSplit(spec).map((part) => {
        const length = lengths[part.split];
        if (length === undefined) throw Object.assign(new Error("no such split"), { code: "ERR_SPLIT_NOT_FOUND" });
        const { start, end } = rowsOfPart(part, length, spec);
        return [part.split, start, end];
      });
    if (rows) assert.deepEqual(read(), rows, `${spec} of ${JSON.stringify(lengths)}`);
    else assert.throws(read, { code: /^ERR_SPLIT/ }, `${spec} of ${JSON.stringify(lengths)}`);
  }
});

test("globs mean the files that they mean in Python", async (t) => {
  const folder = await folderOf(t, Object.fromEntries(golden.tree.map((name) => [name, "a\n1\n"])));
  for (const { pattern, files } of golden.globs) {
    const found = filesOfPattern(pattern, folder).then((paths) => sorted(paths.map((path) => relative(folder, path))));
    if (files) assert.deepEqual(await found, files, pattern);
    else await assert.rejects(found, { code: "ERR_FILE_NOT_FOUND" }, pattern);
  }
  // A name that looks like a pattern is a name when there is such a file.
  assert.equal((await filesOfPattern("we ird [1].csv", folder)).length, 1);
  const data = await loadDataset("csv", {
    dataFiles: { a: join(folder, "train-*.csv"), b: [join(folder, "a.csv"), join(folder, "x/**/*.csv")] },
    keepInMemory: true,
  });
  assert.deepEqual([data.a.length, data.b.length], [2, 3]);
  await assert.rejects(loadDataset("csv", { dataFiles: join(folder, "no*.csv") }), {
    code: "ERR_FILE_NOT_FOUND",
    message: /no file has such a name: in .*a\.csv/,
  });
});

const numbers = (from: number, to: number): string => Array.from({ length: to - from }, (_, i) => `{"n":${from + i}}\n`).join("");

test("a split string chooses rows, a list of them gives a data set each", async (t) => {
  const folder = await folderOf(t, { "train.jsonl": numbers(0, 100), "test.jsonl": numbers(100, 110) });
  const load = (split: string) => loadDataset(folder, { split, keepInMemory: true, features: { n: "int64" } });
  assert.deepEqual((await load("train[:3]")).column("n"), [0, 1, 2]);
  assert.deepEqual((await load("train[-2%:]+test[:1]")).column("n"), [98, 99, 100]);
  assert.equal((await load("train+test")).length, 110);
  const [first, rest] = await loadDataset(folder, { split: ["train[:10%]", "train[10%:]"], keepInMemory: true });
  assert.deepEqual([first!.length, rest!.length, rest!.at(0)], [10, 90, { n: 10 }]);
  await assert.rejects(load("train[:10"), { code: "ERR_SPLIT", message: /cannot read "train\[:10".*as in Python/ });
  await assert.rejects(load("dev"), { code: "ERR_SPLIT_NOT_FOUND", message: /splits are train, test/ });
  for (const split of [5, ["train", 5]]) await assert.rejects(loadDataset(folder, { split } as never), { code: "ERR_SPLIT", message: /split is 5/ });
  const record = await loadDataset("json", {
    dataFiles: { train: join(folder, "train.jsonl"), test: join(folder, "test.jsonl") },
    split: "test",
    keepInMemory: true,
  });
  assert.equal(record.length, 10);
  await assert.rejects(loadDataset("json", { dataFiles: join(folder, "test.jsonl"), split: "test" }), {
    code: "ERR_SPLIT_NOT_FOUND",
    message: /splits are train/,
  });
});

test("folders of every layout, files within them, files of saveToDisk", async (t) => {
  const folder = await folderOf(t, {
    "nested/train/a.jsonl": numbers(0, 2),
    "nested/test/a.jsonl": numbers(2, 3),
    "mixed/train.csv": "n\n1\n",
    "mixed/dev.csv": "n\n2\n",
    "mixed/notes.txt": "x",
    "saved/state.json": "{}",
    "saved/data-00000-of-00001.arrow": "",
    "one/lines.jsonl.gz": gzipSync(numbers(0, 5)),
  });
  const splits = async (name: string, options: object = {}) => {
    const data = await loadDataset(join(folder, name), { keepInMemory: true, ...options });
    return Object.fromEntries(data.splits.map((split) => [split, data.get(split).length]));
  };
  assert.deepEqual(await splits("nested"), { train: 2, test: 1 });
  assert.deepEqual(await splits("mixed"), { train: 1, validation: 1 });
  assert.deepEqual(await splits("one"), { train: 5 });
  assert.deepEqual(await splits("mixed", { dataFiles: "*.csv" }), { train: 2 });
  assert.deepEqual(await splits(".", { dataDir: "nested" }), { train: 2, test: 1 });
  const data = await loadDataset("json", { dataDir: join(folder, "nested"), keepInMemory: true } as never);
  assert.match(String(data), /num_rows: 2/);
  await assert.rejects(splits("saved"), { code: "ERR_DATASET_NOT_FOUND", message: /saveToDisk.*loadFromDisk/ });
});

test("options are those of the format; others are refused by name", async (t) => {
  const folder = await folderOf(t, { "x.jsonl": numbers(0, 1), "x.csv": "n\n1\n" });
  const load = (format: "json" | "csv", options: object) =>
    loadDataset(format, { dataFiles: join(folder, format === "csv" ? "x.csv" : "x.jsonl"), ...options } as never);
  await assert.rejects(load("json", { delimiter: ";" }), { code: "ERR_OPTIONS", message: /loadDataset\("json"\) has no option delimiter: it belongs to csv/ });
  await assert.rejects(load("csv", { skip_rows: 1 }), { code: "ERR_OPTIONS", message: /write skipRows/ });
  await assert.rejects(load("csv", { quotes: 1 }), { code: "ERR_OPTIONS", message: /has no option quotes: its options are dataFiles, / });
  await assert.rejects(load("csv", { downloadMode: "again" }), { code: "ERR_OPTIONS", message: /reuse_dataset_if_exists/ });
  await assert.rejects(load("csv", { numProc: 0 }), { code: "ERR_OPTIONS" });
  await assert.rejects(load("csv", { features: { n: "number" } }), { code: "ERR_FEATURES" });
  await assert.rejects(loadDataset("csv", {} as never), { code: "ERR_FILE_NOT_FOUND", message: /names no files: give dataFiles/ });
  for (const dataFiles of [[], {}, 5, { train: [] }]) await assert.rejects(loadDataset("csv", { dataFiles } as never), { code: "ERR_FILE_NOT_FOUND" });
  // The cache's files are named for the splits.
  for (const split of ["../../x", "", "a b", "train[:1]"])
    await assert.rejects(loadDataset("csv", { dataFiles: { [split]: join(folder, "x.csv") } }), { code: "ERR_SPLIT_NAME" });
});

test("CSV: names of columns, rows left out, quotes, nulls", async (t) => {
  const folder = await folderOf(t, { "x.csv": "made by\na;b;c\n1;'x;y';NA\n2;z;3\n" });
  const load = async (options: object) =>
    (
      await loadDataset("csv", {
        dataFiles: join(folder, "x.csv"),
        split: "train",
        keepInMemory: true,
        delimiter: ";",
        quoteChar: "'",
        skipRows: 1,
        ...options,
      })
    ).toColumns();
  assert.deepEqual(await load({}), { a: [1, 2], b: ["x;y", "z"], c: ["NA", "3"] });
  assert.deepEqual(await load({ naValues: "NA" }), { a: [1, 2], b: ["x;y", "z"], c: [null, 3] });
  assert.deepEqual(await load({ naValues: ["NA", "z"], useCols: ["b"] }), { b: ["x;y", null] });
  assert.deepEqual(await load({ skipRows: 2, header: null }), { "0": [1, 2], "1": ["x;y", "z"], "2": ["NA", "3"] });
  assert.deepEqual(await load({ columnNames: ["p", "q", "r"], header: 0 }), { p: [1, 2], q: ["x;y", "z"], r: ["NA", "3"] });
  assert.deepEqual(await load({ columnNames: ["p", "q", "r"] }), { p: ["a", "1", "2"], q: ["b", "x;y", "z"], r: ["c", "NA", "3"] });
  assert.deepEqual(await load({ skipRows: 0, header: 1 }), { a: [1, 2], b: ["x;y", "z"], c: ["NA", "3"] });
  await assert.rejects(load({ quoteChar: null }), { code: "ERR_DATA_FILE", message: /4 fields, the header has 3/ });
  await assert.rejects(load({ useCols: ["d"] }), { code: "ERR_COLUMN_NOT_FOUND", message: /columns are a, b, c/ });
  await assert.rejects(load({ columnNames: ["p"], header: 0 }), { code: "ERR_DATA_FILE", message: /3 columns, columnNames has 1/ });
  await assert.rejects(load({ delimiter: "'" }), { code: "ERR_CSV_DELIMITER" });
});

test("JSON: the rows of a field", async (t) => {
  const folder = await folderOf(t, {
    "list.json": '{"version":1,"data":[{"a":1},{"a":2}]}',
    "columns.json": '{"data":{"a":[1,2]}}',
    "bad.json": '{"data":[1]}',
    "cut.json": '{\n"data":[',
  });
  const load = (name: string, field: string) => loadDataset("json", { dataFiles: join(folder, name), split: "train", field, keepInMemory: true });
  for (const name of ["list.json", "columns.json"]) assert.deepEqual([...(await load(name, "data"))], [{ a: 1 }, { a: 2 }]);
  await assert.rejects(load("list.json", "rows"), { code: "ERR_DATA_FILE", message: /there is no field "rows": its fields are version, data/ });
  await assert.rejects(load("bad.json", "data"), { code: "ERR_DATA_FILE", message: /field data, element 0: expected an object, found 1/ });
  await assert.rejects(load("cut.json", "data"), { code: "ERR_DATA_FILE", line: 2 });
});

test("text: by line, paragraph and document", async (t) => {
  const folder = await folderOf(t, { "x.txt": "one\ntwo\r\n\n\n\nthree\n", "y.txt": "four" });
  const load = async (options: object) =>
    (await loadDataset("text", { dataFiles: [join(folder, "x.txt"), join(folder, "y.txt")], split: "train", keepInMemory: true, ...options })).column("text");
  // load_dataset("text", ...) of datasets 5.2
  assert.deepEqual(await load({}), ["one", "two", "", "", "", "three", "four"]);
  assert.deepEqual(await load({ keepLinebreaks: true }), ["one\n", "two\n", "\n", "\n", "\n", "three\n", "four"]);
  assert.deepEqual(await load({ sampleBy: "paragraph" }), ["one\ntwo", "three\n", "four"]);
  assert.deepEqual(await load({ sampleBy: "document" }), ["one\ntwo\n\n\n\nthree\n", "four"]);
  await assert.rejects(load({ sampleBy: "word" }), { code: "ERR_OPTIONS" });
});

test("files are read by several threads in the same order, and a bad one is named", async (t) => {
  const names = Array.from({ length: 5 }, (_, k) => `part${k}`);
  const folder = await folderOf(t, {
    ...Object.fromEntries(names.map((name, k) => [`${name}.jsonl`, numbers(k * 1000, k * 1000 + 1000 - 100 * k)])),
    ...Object.fromEntries(names.map((name, k) => [`${name}.csv`, `n\n${k}\n${k === 3 ? "x" : 1}\n`])),
  });
  const features = { n: "int64" } as const;
  for (const keepInMemory of [true, false]) {
    const load = (numProc: number) =>
      loadDataset("json", { dataFiles: join(folder, "*.jsonl"), split: "train", features, numProc, keepInMemory, cacheDir: join(folder, `cache${numProc}`) });
    assert.deepEqual((await load(2)).column("n"), (await load(1)).column("n"));
  }
  const bad = loadDataset("csv", { dataFiles: join(folder, "*.csv"), split: "train", features, numProc: 3, keepInMemory: true });
  await assert.rejects(bad, { code: "ERR_DATA_FILE", line: 3, byte: 4, message: /part3\.csv:3 \(byte 4\): row 1, column n: 'x' is no int64/ });
  const labels = join(root, "test/golden/data-parquet/labels.parquet");
  const read = (numProc: number) => loadDataset("parquet", { dataFiles: [labels, labels], split: "train", numProc, keepInMemory: true });
  const [one, two] = [await read(1), await read(2)];
  assert.deepEqual([...two], [...one]);
  assert.equal(String(two.features), String(one.features));
});
