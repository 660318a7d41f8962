// loadDataset: JSON, CSV and text files, folders, and what is said about bad ones.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { inspect } from "node:util";
import { fc } from "../support/properties.js";
import { ClassLabel, loadDataset } from "../../src/data/index.js";
import { folderOf, needs, root, shared } from "./files.js";

test("JSON lines of several files become one split", async (t) => {
  const folder = await folderOf(t, { "a.jsonl": '{"s":"x","n":1}\n\n{"s":"y","n":2}\n', "b.jsonl": '\ufeff{"n":3.5,"s":"z","extra":[1]}' });
  const data = await loadDataset("json", { dataFiles: [join(folder, "a.jsonl"), join(folder, "b.jsonl")], split: "train" });
  assert.deepEqual(
    [...data],
    [
      { s: "x", n: 1, extra: null },
      { s: "y", n: 2, extra: null },
      { s: "z", n: 3.5, extra: [1] },
    ],
  );
});

test("an array of objects is read like JSON lines, however it is laid out", async (t) => {
  const folder = await folderOf(t, {});
  const { writeFile } = await import("node:fs/promises");
  const row = fc.record({ s: fc.string({ unit: "grapheme" }), o: fc.record({ 'q"]}[{,': fc.array(fc.integer()) }), l: fc.array(fc.string()) });
  await fc.assert(
    fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 10 }), fc.nat({ max: 3 }), async (rows, indent) => {
      const file = join(folder, "rows.json");
      await writeFile(file, `  ${JSON.stringify(rows, null, indent)}\n`);
      assert.deepEqual(JSON.parse(JSON.stringify([...(await loadDataset("json", { dataFiles: file })).train])), JSON.parse(JSON.stringify(rows)));
    }),
    { numRuns: 40 },
  );
});

test("files longer than a read are cut at the right bytes", async (t) => {
  const rows = Array.from({ length: 4000 }, (_, i) => ({ i, s: `ü${"x".repeat(i % 300)}` }));
  const folder = await folderOf(t, {
    "lines.jsonl": rows.map((row) => JSON.stringify(row)).join("\r\n"),
    "array.json": JSON.stringify(rows),
    "table.csv": `i,s\n${rows.map((row) => `${row.i},"${row.s}"`).join("\n")}`,
  });
  for (const [builder, file] of [
    ["json", "lines.jsonl"],
    ["json", "array.json"],
    ["csv", "table.csv"],
  ] as const) {
    assert.deepEqual([...(await loadDataset(builder, { dataFiles: join(folder, file) })).train], rows, file);
  }
});

test("a bad file is named with line, byte and cause", async (t) => {
  const folder = await folderOf(t, {
    "cut.jsonl": '{"a":1}\n{"a":2\n',
    "list.jsonl": '{"a":1}\n[1]\n',
    "mixed.jsonl": '{"a":1}\n{"a":"x"}\n',
    "open.json": '[{"a":1},{"a":',
    "more.json": '[{"a":1}] x',
    "empty.json": " \n",
    "short.csv": "a,b\n1,2\n3\n",
    "quote.csv": 'a,b\n1,"2\n3,4\n',
    "number.csv": "a,b\n1,2\n1,two\n",
    "twice.csv": "a,a\n1,2\n",
  });
  const fails = (file: string, message: RegExp, options: object = {}) =>
    assert.rejects(loadDataset(file.endsWith("csv") ? "csv" : "json", { dataFiles: join(folder, file), ...options }), { code: "ERR_DATA_FILE", message });
  await fails("cut.jsonl", /cut\.jsonl:2 \(byte \d+\): .*one object per line/);
  await fails("list.jsonl", /list\.jsonl:2 \(byte 8\): expected an object, found \[1\]/);
  await fails("mixed.jsonl", /mixed\.jsonl:2 \(byte 8\): row 1, column a: a string in a column of int64/);
  await fails("open.json", /open\.json:1 \(byte 14\): ends inside the array/);
  await fails("more.json", /more\.json:1 \(byte 10\): there is something behind/);
  await fails("empty.json", /empty\.json: is empty/);
  await fails("short.csv", /short\.csv:3 \(byte 8\): 1 fields, the header has 2/);
  await fails("quote.csv", /quote\.csv:2 \(byte 4\): a quote is opened and never closed/);
  await fails("twice.csv", /column "a" occurs twice/);
  await fails("number.csv", /number\.csv:3 \(byte 8\): row 1, column b: 'two' is no int64/, { features: { b: "int64" } });
  await fails("number.csv", /there is no column "c" \(features\): columns are a, b/, { features: { c: "int64" } });
  await fails("mixed.jsonl", /mixed\.jsonl:1 \(byte 0\): there is no column "z"/, { features: { z: "int64" } });
});

test("declared features pick, type and check the columns", async (t) => {
  const folder = await folderOf(t, { "x.csv": "id;y;p\n007;pos;0.5\n008;neg;\n", "x.jsonl": '{"id":"1","y":1,"skip":{}}\n{"id":"2","y":-1}\n' });
  const features = { id: "string", y: new ClassLabel(["neg", "pos"]), p: "float32" } as const;
  const csv = await loadDataset("csv", { dataFiles: { train: join(folder, "x.csv") }, delimiter: ";", features });
  assert.deepEqual(
    [...csv.train],
    [
      { id: "007", y: 1, p: 0.5 },
      { id: "008", y: 0, p: Number.NaN },
    ],
  );
  const json = await loadDataset("json", { dataFiles: { test: join(folder, "x.jsonl") }, split: "test", features: { y: features.y } });
  assert.deepEqual([...json], [{ y: 1 }, { y: -1 }]);
  await assert.rejects(loadDataset("json", { dataFiles: join(folder, "x.jsonl"), features: { id: "int64" } }), {
    code: "ERR_DATA_FILE",
    message: /column id: '1' is no int64/,
  });
});

test("undeclared CSV columns take the narrowest type that every field fits", async (t) => {
  const folder = await folderOf(t, { "x.tsv": "i\tf\tb\tz\tbig\te\n1\t1e3\tTrue\t01\t12345678901234567890\t\n-2\t\tfalse\t2\t1\t\n" });
  const { train } = await loadDataset("csv", { dataFiles: join(folder, "x.tsv") });
  assert.equal(
    inspect(train.features),
    "{'i': Value('int64'), 'f': Value('float64'), 'b': Value('bool'), 'z': Value('string'), 'big': Value('string'), 'e': Value('string')}",
  );
  assert.deepEqual(
    [...train],
    [
      { i: 1, f: 1000, b: true, z: "01", big: "12345678901234567890", e: "" },
      { i: -2, f: null, b: false, z: "2", big: "1", e: "" },
    ],
  );
});

test("fields are cut as Python's csv module cuts them", async (t) => {
  // Made by test/golden/make/csv_rows.py.
  const golden = JSON.parse(await readFile(join(root, "test/golden/data-csv-rows.json"), "utf8")) as { text: string; rows: string[][] }[];
  for (const { text, rows } of golden) {
    const folder = await folderOf(t, { "x.csv": text });
    const [header, ...body] = rows;
    const features = Object.fromEntries(header!.map((name) => [name, "string" as const]));
    const { train } = await loadDataset("csv", { dataFiles: join(folder, "x.csv"), features });
    assert.deepEqual(
      [...train].map((row) => Object.values(row)),
      body,
      JSON.stringify(text),
    );
  }
});

test("text files have one row per line", async (t) => {
  const folder = await folderOf(t, { "x.txt": "one\ntwo\r\n\nfour" });
  assert.deepEqual((await loadDataset("text", { dataFiles: join(folder, "x.txt") })).train.column("text"), ["one", "two", "", "four"]);
});

test("a folder of files named for their splits is a data set", async (t) => {
  const line = (n: number) => `{"n":${n}}\n`;
  const folder = await folderOf(t, { "test.jsonl": line(3), "validation.jsonl": line(2), "train.jsonl": line(1), "README.md": "x", "train.csv": "n\n9\n" });
  const data = await loadDataset(folder);
  assert.deepEqual(data.splits, ["train", "validation", "test"]);
  assert.deepEqual(data.train!.at(0), { n: 1 });
  await assert.rejects(loadDataset(join(folder, "nothing")), { code: "ERR_DATASET_NOT_FOUND", message: /there is no folder/ });
  await assert.rejects(loadDataset("glue", "mrpc"), { code: "ERR_DATASET_NOT_FOUND", message: /loadDataset\("glue", "mrpc"\)/ });
  await assert.rejects(loadDataset("json", { dataFiles: join(folder, "tran.jsonl") }), {
    code: "ERR_FILE_NOT_FOUND",
    message: /no such file: in this folder: test\.jsonl, train\.jsonl/,
  });
  await assert.rejects(loadDataset("parquets", { dataFiles: "x" }), { code: "ERR_BUILDER", message: /builders are csv, json, text, parquet, arrow/ });
  const empty = await folderOf(t, { "notes.md": "" });
  await assert.rejects(loadDataset(empty), { code: "ERR_DATASET_NOT_FOUND", message: /holds no data files/ });
});

test("MRPC prints as in the course", needs("data/mrpc/train.jsonl"), async () => {
  const raw = await loadDataset(join(shared, "data/mrpc"));
  assert.match(
    inspect(raw),
    /^DatasetDict\(\{\n {4}train: Dataset\(\{\n {8}features: \['sentence1', 'sentence2', 'label', 'idx'\],\n {8}num_rows: 3668\n {4}\}\)\n {4}validation:/,
  );
  assert.deepEqual(
    raw.splits.map((split) => raw.get(split).length),
    [3668, 408, 1725],
  );
  assert.equal(raw.train!.at(0).label, 1);
  assert.match(String(raw.train!.at(15).sentence1), /^Rudder was most recently/);
});

test("NSMC has the rows that Python's datasets reads", needs("data/nsmc/ratings_train.txt"), async () => {
  const file = (name: string) => join(shared, "data/nsmc", name);
  const features = { id: "string", document: "string", label: "int64" } as const;
  const raw = await loadDataset("csv", { dataFiles: { train: file("ratings_train.txt"), test: file("ratings_test.txt") }, delimiter: "\t", features });
  const digest = (texts: readonly string[]) => createHash("sha1").update(texts.join("\n")).digest("hex");
  // load_dataset("csv", delimiter="\t") of datasets 5.2
  assert.deepEqual([raw.train.length, digest(raw.train.column("document"))], [19672, "e94a397bbd00e119d54148e5122b6e74c897f2f5"]);
  assert.deepEqual([raw.test.length, digest(raw.test.column("document"))], [5000, "59f75f9d1a7a680f86640fb53e953e5c23bc8978"]);
});

test("text that is not UTF-8 is an error at its byte, in every format", async (t) => {
  const wide = `${"é€😀".repeat(60_000)}\n`;
  const bytes = (...parts: readonly (string | number)[]) =>
    Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(part) : Buffer.of(part))));
  const folder = await folderOf(t, {
    "latin.csv": bytes("name\ncaf", 0xe9, "\n"),
    "latin.jsonl": bytes('{"a":"', 0xe9, '"}\n'),
    "cut.txt": bytes("ok\n", 0xf0, 0x9f),
    "far.txt": bytes(wide, wide, 0xff, "\n"),
    "wide.txt": wide + wide,
    "utf16.csv": Buffer.from("\ufeffa,b\n1,2\n", "utf16le"),
  });
  const load = (name: string, builder: "csv" | "json" | "text") => loadDataset(builder, { dataFiles: join(folder, name), split: "train" });
  await assert.rejects(load("latin.csv", "csv"), { code: "ERR_DATA_FILE", line: 2, byte: 8, message: /not UTF-8/ });
  await assert.rejects(load("latin.jsonl", "json"), { code: "ERR_DATA_FILE", line: 1, byte: 6 });
  await assert.rejects(load("cut.txt", "text"), { code: "ERR_DATA_FILE", line: 2, byte: 3 });
  await assert.rejects(load("far.txt", "text"), { code: "ERR_DATA_FILE", line: 3, byte: 2 * Buffer.byteLength(wide) });
  await assert.rejects(load("utf16.csv", "csv"), { code: "ERR_DATA_FILE", line: 1, byte: 0 });
  assert.deepEqual((await load("wide.txt", "text")).column("text"), [wide.trimEnd(), wide.trimEnd()]);
});

test("text lines end where Python's do; a mark is dropped, an empty file has the column, declared features are checked", async (t) => {
  const folder = await folderOf(t, { "x.txt": "\ufeffone\u2028still one\rtwo\r\n\r\nfour\n", "empty.txt": "" });
  const load = (name: string) => loadDataset("text", { dataFiles: join(folder, name), split: "train" });
  assert.deepEqual((await load("x.txt")).column("text"), ["one\u2028still one", "two", "", "four"]);
  assert.deepEqual((await load("empty.txt")).toColumns(), { text: [] });
  await assert.rejects(loadDataset("text", { dataFiles: join(folder, "x.txt"), split: "train", features: { label: "int64" } }), { code: "ERR_DATA_FILE" });
});

test("integers beyond what a number holds stay text in CSV", async (t) => {
  const folder = await folderOf(t, { "x.csv": "id,n\n9007199254740993,1\n2,2.5\n" });
  assert.deepEqual((await loadDataset("csv", { dataFiles: join(folder, "x.csv"), split: "train" })).toColumns(), {
    id: ["9007199254740993", "2"],
    n: [1, 2.5],
  });
});

test("a quoted empty field is a row of its own, an empty line is none", async (t) => {
  const folder = await folderOf(t, { "x.csv": 'a\r\nx\r\n\r\n""\r\ny' });
  assert.deepEqual((await loadDataset("csv", { dataFiles: join(folder, "x.csv"), split: "train" })).column("a"), ["x", "", "y"]);
});

test("a later CSV file with another set of columns is named", async (t) => {
  const folder = await folderOf(t, { "1.csv": "a,b\n1,2\n", "2.csv": "a,b,c\n1,2,3\n", "3.csv": "b,a\n4,3\n" });
  const load = (...names: string[]) => loadDataset("csv", { dataFiles: names.map((name) => join(folder, name)), split: "train" });
  await assert.rejects(load("1.csv", "2.csv"), { code: "ERR_DATA_FILE", message: /2\.csv:1 .*columns are a, b, c, in the files before a, b/ });
  assert.deepEqual((await load("1.csv", "3.csv")).toColumns(), { a: [1, 3], b: [2, 4] });
});

test("an array of objects has one comma between two", async (t) => {
  const folder = await folderOf(t, { "a.json": '[{"a":1},,{"a":2}]', "b.json": '[{"a":1},]', "c.json": "[,]", "d.json": "[ ]" });
  const load = (name: string) => loadDataset("json", { dataFiles: join(folder, name), split: "train" });
  for (const name of ["a.json", "b.json", "c.json"]) await assert.rejects(load(name), { code: "ERR_DATA_FILE", message: /comma/ }, name);
  assert.equal((await load("d.json")).length, 0);
});

test("a split that there is not is named with those there are, before anything is read", async (t) => {
  const folder = await folderOf(t, { "train.jsonl": "broken" });
  await assert.rejects(loadDataset(folder, { split: "tset" }), { code: "ERR_SPLIT_NOT_FOUND", message: /splits are train/ });
});

test("lines and fields of many megabytes are read in linear time", { timeout: 120_000 }, async (t) => {
  const long = "x".repeat(40e6);
  const folder = await folderOf(t, { "x.jsonl": `{"a":"${long}"}\n`, "x.csv": `a\n"${long}"\n` });
  assert.equal((await loadDataset("json", { dataFiles: join(folder, "x.jsonl"), split: "train" })).at(0).a, long);
  assert.equal((await loadDataset("csv", { dataFiles: join(folder, "x.csv"), split: "train" })).at(0).a, long);
});
