// The cache of data sets: written once, found again, made anew when it must be; several processes at once.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdir, readFile, stat, truncate, utimes, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { promisify } from "node:util";
import { Dataset, loadDataset } from "../../src/data/index.js";
import { Generating } from "../../src/data/load/generating.js";
import { folderOf, root } from "./files.js";

const run = promisify(execFile);
const lines = (from: number, to: number): string => Array.from({ length: to - from }, (_, i) => `{"n":${from + i}}\n`).join("");
const arrowFiles = async (folder: string): Promise<string[]> => (await readdir(folder, { recursive: true })).filter((name) => name.endsWith(".arrow"));
const load = (folder: string, options: object = {}) =>
  loadDataset("json", { dataFiles: join(folder, "x.jsonl"), split: "train", cacheDir: join(folder, "cache"), features: { n: "int64" }, ...options });
/** What is warned of while the test runs. */
function warnings(t: TestContext): string[] {
  const texts: string[] = [];
  t.mock.method(console, "warn", (text: string) => void texts.push(text));
  return texts;
}

test("files are read once; later they are found by their sizes, times and options", async (t) => {
  const folder = await folderOf(t, { "x.jsonl": lines(0, 5) });
  const file = join(folder, "x.jsonl");
  const [then, later] = [new Date(1_700_000_000_000), new Date(1_700_000_005_000)];
  await utimes(file, then, then);
  const first = await load(folder);
  const [path] = await arrowFiles(join(folder, "cache"));
  assert.match(path!, /^json\/default-[0-9a-f]{16}\/0\.0\.0\/[0-9a-f]{16}\/json-train\.arrow$/);
  const origin = Dataset.originOf(first);
  assert.equal(origin.cacheDirectory, dirname(join(folder, "cache", path!)));
  // The same size and time, other rows: nobody looks.
  await writeFile(file, lines(5, 10));
  await utimes(file, then, then);
  const second = await load(folder);
  assert.deepEqual(second.column("n"), [0, 1, 2, 3, 4]);
  assert.equal(Dataset.originOf(second).fingerprint, origin.fingerprint);
  assert.deepEqual((await load(folder, { downloadMode: "force_redownload" })).column("n"), [5, 6, 7, 8, 9]);
  assert.equal((await arrowFiles(join(folder, "cache"))).length, 1);
  // Another time, other options: other files.
  await utimes(file, later, later);
  assert.deepEqual((await load(folder)).column("n"), [5, 6, 7, 8, 9]);
  assert.deepEqual((await load(folder, { features: { n: "float64" } })).column("n"), [5, 6, 7, 8, 9]);
  assert.equal((await arrowFiles(join(folder, "cache"))).length, 3);
  const info = JSON.parse(await readFile(join(dirname(join(folder, "cache", path!)), "dataset_info.json"), "utf8")) as Record<string, unknown>;
  assert.deepEqual([info.builder_name, info.features], ["json", { n: { dtype: "int64", _type: "Value" } }]);
  assert.deepEqual((info.splits as { train: { num_examples: number } }).train.num_examples, 5);
});

test("in memory nothing is written", async (t) => {
  const folder = await folderOf(t, { "x.jsonl": lines(0, 5) });
  const data = await load(folder, { keepInMemory: true });
  assert.deepEqual(await readdir(folder), ["x.jsonl"]);
  assert.deepEqual([data.length, Dataset.originOf(data).cacheDirectory], [5, undefined]);
  // The same rows have the same fingerprint in every process.
  assert.equal(Dataset.originOf(await load(folder, { keepInMemory: true })).fingerprint, Dataset.originOf(data).fingerprint);
});

test("a damaged file in the cache is told of and made anew", async (t) => {
  const folder = await folderOf(t, { "x.jsonl": lines(0, 3000) });
  await load(folder);
  const file = join(folder, "cache", (await arrowFiles(join(folder, "cache")))[0]!);
  const { size } = await stat(file);
  const told = warnings(t);
  for (const damage of [() => truncate(file, size - 9), () => truncate(file, 100), () => writeFile(file, Buffer.alloc(size, 7))]) {
    await damage();
    assert.equal((await load(folder)).length, 3000);
    assert.match(told.pop()!, /the cached file is damaged and made anew: .*json-train\.arrow/);
    assert.equal(told.length, 0);
    assert.equal((await stat(file)).size, size);
  }
});

test("a cache that cannot be written is told of once, and the rows stay in memory", async (t) => {
  const folder = await folderOf(t, { "train.jsonl": lines(0, 3), "test.jsonl": lines(3, 5), cache: "a file" });
  const told = warnings(t);
  const data = await loadDataset(folder, { cacheDir: join(folder, "cache") });
  assert.deepEqual(
    [data.train!.column("n"), data.test!.column("n")],
    [
      [0, 1, 2],
      [3, 4],
    ],
  );
  assert.equal(told.length, 1);
  assert.match(told[0]!, /cannot be written, the rows stay in memory \(.*ENOTDIR/);
  assert.equal(Dataset.originOf(data.test!).cacheDirectory, undefined);
});

test("a failure or an abort leaves no file behind", async (t) => {
  const folder = await folderOf(t, { "x.jsonl": `${lines(0, 25_000)}broken\n` });
  await assert.rejects(load(folder), { code: "ERR_DATA_FILE", message: /x\.jsonl:25001 / });
  const files = async () =>
    (await readdir(join(folder, "cache"), { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile()).map(({ name }) => name);
  assert.deepEqual(await files(), []);
  const controller = new AbortController();
  controller.abort(new Error("enough"));
  await assert.rejects(load(folder, { signal: controller.signal }), /enough/);
  assert.deepEqual(await files(), []);
});

test("several processes at once have the same rows, and one of them reads the files", { timeout: 300_000 }, async (t) => {
  const folder = await folderOf(t, { "x.jsonl": lines(0, 20_000) });
  const program = `
    const { loadDataset } = await import(${JSON.stringify(new URL("../../src/data/index.js", import.meta.url).href)});
    const data = await loadDataset("json", { dataFiles: ${JSON.stringify(join(folder, "x.jsonl"))}, split: "train", cacheDir: ${JSON.stringify(join(folder, "cache"))} });
    console.log(data.length, data.at(-1).n);`;
  const runs = await Promise.all(Array.from({ length: 4 }, () => run(process.execPath, ["--input-type=module", "-e", program])));
  assert.deepEqual(
    runs.map(({ stdout }) => stdout.trim()),
    Array(4).fill("20000 19999"),
  );
  assert.equal(runs.filter(({ stderr }) => /Generating train split: 20000 examples \[00:\d\d<00:00, [\d.]+ examples\/s\]/.test(stderr)).length, 1);
  assert.equal((await arrowFiles(join(folder, "cache"))).length, 1);
});

test("the line of a split that is being made", () => {
  const shown = (isTTY: boolean, rows: readonly number[], whole = true) => {
    const written: string[] = [];
    let now = 0;
    const line = new Generating("train", { isTTY, columns: 80, color: false, write: (text) => void written.push(text), now: () => now });
    for (const count of rows) {
      now += 500;
      line.add(count);
    }
    if (whole) line.finish();
    line[Symbol.dispose]();
    return written;
  };
  assert.deepEqual(shown(false, [1000, 2000]), ["Generating train split: 3000 examples [00:01<00:00, 3000.00 examples/s]\n"]);
  assert.deepEqual(shown(false, [2000], false), []);
  assert.deepEqual(shown(false, [5]), []);
  assert.deepEqual(shown(true, [1000]), [
    "\rGenerating train split: 1000 examples [00:00<?, 2000.00 examples/s]\x1b[K",
    "\rGenerating train split: 1000 examples [00:00<00:00, 2000.00 examples/s]\x1b[K\n",
  ]);
});

test("data files at an address are fetched once", async (t) => {
  const folder = await folderOf(t, {});
  let requests = 0;
  const server = createServer((request, response) => {
    requests++;
    if (request.url?.startsWith("/data/")) response.end(lines(0, 3));
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  const url = (path: string) => `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`;
  const read = (path: string, options: object = {}) => loadDataset("json", { dataFiles: url(path), split: "train", cacheDir: folder, ...options });
  assert.deepEqual((await read("/data/x.jsonl?v=1")).column("n"), [0, 1, 2]);
  const once = requests;
  assert.equal((await read("/data/x.jsonl?v=1")).length, 3);
  assert.equal(requests, once);
  await read("/data/x.jsonl?v=2");
  assert.ok(requests > once);
  await assert.rejects(read("/missing.jsonl"), { message: /missing\.jsonl/ });
});

const python = process.env.ACCELERATE_TS_TEST_PYTHON;
test("Python opens the files of the cache", { skip: python ? false : "ACCELERATE_TS_TEST_PYTHON names no Python with datasets" }, async (t) => {
  const folder = await folderOf(t, {});
  await loadDataset("parquet", { dataFiles: join(root, "test/golden/data-parquet/labels.parquet"), cacheDir: folder });
  const file = join(folder, (await arrowFiles(folder))[0]!);
  const { stdout } = await run(python!, ["-c", "import sys, datasets\nd = datasets.Dataset.from_file(sys.argv[1])\nprint(d.features, d[0])", file]);
  assert.equal(
    stdout.trim(),
    "{'text': Value('string'), 'label': ClassLabel(names=['neg', 'pos']), 'tags': List(ClassLabel(names=['x', 'y']))} {'text': 'a', 'label': 0, 'tags': [0]}",
  );
});
