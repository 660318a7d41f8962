// Data sets as files of other programs: CSV, JSON, text; what is read again is what was written.
import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { lstat, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { gunzipSync } from "node:zlib";
import { fc } from "../support/properties.js";
import { Dataset, loadDataset } from "../../src/data/index.js";
import { folderOf } from "./files.js";

const mixed = Dataset.fromRows([
  { text: 'a "quoted", one', n: 1, x: 1, flag: true, list: [1, 2] },
  { text: "two\nlines", n: null, x: 1e-7, flag: false, list: [] },
  { text: "", n: 3, x: 0.1, flag: null, list: null },
]);

test("CSV is what pandas writes", async (t) => {
  const folder = await folderOf(t, {});
  const file = join(folder, "x.csv");
  const { n, x, text, flag } = mixed.features;
  const plain = mixed.removeColumns("list");
  const bytes = await plain.toCsv(file);
  const content = await readFile(file, "utf8");
  assert.equal(content, 'text,n,x,flag\n"a ""quoted"", one",1,1.0,True\n"two\nlines",,1e-07,False\n,3,0.1,\n');
  assert.equal(bytes, Buffer.byteLength(content));
  const again = await loadDataset("csv", { dataFiles: file, split: "train", features: { text: text!, n: n!, x: x!, flag: flag! }, keepInMemory: true }).catch(
    (error: Error) => error,
  );
  assert.match(String(again), /column n holds nothing/);
  assert.deepEqual([...(await loadDataset("csv", { dataFiles: file, split: "train", keepInMemory: true }))], [...plain]);
  await mixed.toCsv(file, { sep: "\t", header: false, columns: ["n", "list"], naRep: "NA" });
  assert.equal(await readFile(file, "utf8"), "1\t[1,2]\nNA\t[]\n3\tNA\n");
  await Dataset.fromRows([{ a: "" }, { a: "x" }]).toCsv(file);
  assert.equal(await readFile(file, "utf8"), 'a\n""\nx\n');
  await assert.rejects(mixed.toCsv(file, { sep: ";;" }), { code: "ERR_CSV_DELIMITER" });
  await assert.rejects(mixed.toCsv(file, { index: false } as never), { code: "ERR_OPTIONS", message: /toCsv has no option index/ });
  await assert.rejects(mixed.toCsv(file, { columns: ["x", "y"] }), { code: "ERR_COLUMN_NOT_FOUND" });
});

test("JSON as lines or as a list; texts by the line", async (t) => {
  const folder = await folderOf(t, {});
  const file = join(folder, "x.jsonl");
  await mixed.toJson(file);
  assert.equal((await readFile(file, "utf8")).split("\n")[1], '{"text":"two\\nlines","n":null,"x":1e-7,"flag":false,"list":[]}');
  assert.deepEqual([...(await loadDataset("json", { dataFiles: file, split: "train", keepInMemory: true }))], [...mixed]);
  await mixed.toJson(join(folder, "x.json"), { lines: false });
  assert.deepEqual([...(await loadDataset("json", { dataFiles: join(folder, "x.json"), split: "train", keepInMemory: true }))], [...mixed]);
  await Dataset.fromRows([{ a: "é😀" }]).toJson(join(folder, "a.jsonl.gz"), { forceAscii: true });
  assert.equal(gunzipSync(await readFile(join(folder, "a.jsonl.gz"))).toString(), '{"a":"\\u00e9\\ud83d\\ude00"}\n');
  assert.deepEqual([...(await loadDataset("json", { dataFiles: join(folder, "a.jsonl.gz"), split: "train", keepInMemory: true }))], [{ a: "é😀" }]);
  const lines = Dataset.fromRows([{ text: "one" }, { text: "" }]);
  await lines.toText(join(folder, "x.txt"));
  assert.equal(await readFile(join(folder, "x.txt"), "utf8"), "one\n\n");
  await assert.rejects(mixed.toText(join(folder, "x.txt")), { code: "ERR_TEXT_LINE", message: /row 1, column text: a text of several lines/ });
  await assert.rejects(mixed.toText(join(folder, "x.txt"), { column: "n" }), { code: "ERR_TEXT_LINE" });
  // What failed has left the file as it was, and nothing beside it.
  assert.equal(await readFile(join(folder, "x.txt"), "utf8"), "one\n\n");
  assert.deepEqual((await readdir(folder)).sort(), ["a.jsonl.gz", "x.json", "x.jsonl", "x.txt"]);
  await writeFile(join(folder, "file"), "");
  await assert.rejects(mixed.toJson(join(folder, "file/x.jsonl")), { code: "ERR_DATA_WRITE", message: /cannot be written \(/ });
});

test("any text survives CSV, JSON and Parquet", async (t) => {
  const folder = await folderOf(t, {});
  const row = fc.record({ s: fc.string({ unit: "binary" }), n: fc.maxSafeInteger(), x: fc.double({ noNaN: true, noDefaultInfinity: true }) });
  const features = { s: "string", n: "int64", x: "float64" } as const;
  await fc.assert(
    fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 6 }), async (rows) => {
      const data = Dataset.fromRows(rows, { features });
      await data.toCsv(join(folder, "x.csv"));
      await data.toJson(join(folder, "x.jsonl"));
      await data.toParquet(join(folder, "x.parquet"));
      for (const [format, name] of [
        ["csv", "x.csv"],
        ["json", "x.jsonl"],
        ["parquet", "x.parquet"],
      ] as const) {
        const again = await loadDataset(format, { dataFiles: join(folder, name), split: "train", features, keepInMemory: true });
        // JSON has no -0.
        assert.deepEqual(JSON.stringify([...again]), JSON.stringify([...data]), format);
      }
    }),
    { numRuns: 60 },
  );
});

const python = process.env.ACCELERATE_TS_TEST_PYTHON;
test("Python's datasets reads what is written", { skip: python ? false : "ACCELERATE_TS_TEST_PYTHON names no Python with datasets" }, async (t) => {
  const folder = await folderOf(t, {});
  const data = mixed.removeColumns("list").select([0, 1]);
  await data.toCsv(join(folder, "x.csv"));
  await data.toJson(join(folder, "x.jsonl"));
  const program = `
import sys, json, datasets
datasets.disable_progress_bars()
for kind, name in [("csv", "x.csv"), ("json", "x.jsonl")]:
    d = datasets.load_dataset(kind, data_files=sys.argv[1] + "/" + name, split="train", cache_dir=sys.argv[1] + "/cache")
    print(json.dumps(d[:]))`;
  const { stdout } = await promisify(execFile)(python!, ["-c", program, folder]);
  const wanted = { text: ['a "quoted", one', "two\nlines"], n: [1, null], x: [1, 1e-7], flag: [true, false] };
  for (const line of stdout.trim().split("\n")) assert.deepEqual(JSON.parse(line), wanted);
});

test("links are written through; devices and pipes are written, not replaced", async (t) => {
  const folder = await folderOf(t, { "real/a.csv": "old" });
  const dataset = Dataset.fromRows([{ a: 1 }]);
  await symlink(join(folder, "real/a.csv"), join(folder, "link.csv"));
  await dataset.toCsv(join(folder, "link.csv"));
  assert.equal(await readFile(join(folder, "real/a.csv"), "utf8"), "a\n1\n");
  assert.ok((await lstat(join(folder, "link.csv"))).isSymbolicLink());
  const pipe = join(folder, "pipe.csv");
  execFileSync("mkfifo", [pipe]);
  const [text] = await Promise.all([readFile(pipe, "utf8"), dataset.toCsv(pipe)]);
  assert.equal(text, "a\n1\n");
  assert.ok((await lstat(pipe)).isFIFO());
  await assert.rejects(dataset.toCsv(join(folder, "real")), { code: "ERR_DATA_WRITE" });
  assert.deepEqual((await readdir(join(folder, "real"))).sort(), ["a.csv"]);
});
