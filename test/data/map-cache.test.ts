// The cache of map and filter: what is found again, what is computed anew, several processes at once, files that Python opens.
import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { Dataset } from "../../src/data/index.js";
import type { MapOptions } from "../../src/data/types.js";
import { folderOf } from "./files.js";

const lib = `
import { appendFileSync } from "node:fs";
export const noted = (row, index, rank, { add = 0, file } = {}) => {
  if (file) appendFileSync(file, ".");
  return { m: row.n + add, l: [row.n, row.n] };
};
export const small = (row) => row.n < 3;
`;
type Made = { m: number; l: number[] };
const base = Dataset.fromColumns({ n: [1, 2, 3, 4, 5, 6], s: ["a", "b", "c", "d", "e", "f"] });

/** A data set whose results are cached in a folder, and a module that counts its calls. */
async function place(t: Parameters<typeof folderOf>[0]) {
  const folder = await folderOf(t, { "lib.mjs": lib, calls: "" });
  const cacheDirectory = join(folder, "cache");
  const calls = async () => {
    const { length } = await readFile(join(folder, "calls"), "utf8");
    await writeFile(join(folder, "calls"), "");
    return length;
  };
  const filename = join(folder, "lib.mjs");
  const data = Dataset.ofTable<{ n: number; s: string }>(Dataset.tableOf(base), { fingerprint: "0123456789abcdef", cacheDirectory });
  const kwargs = { file: join(folder, "calls") };
  return { data, filename, cacheDirectory, calls, kwargs, files: async () => (existsSync(cacheDirectory) ? (await readdir(cacheDirectory)).sort() : []) };
}

test("the result of a module's function is found again for the same data, function and options, and for no others", async (t) => {
  const { data, filename, calls, kwargs, files } = await place(t);
  const map = async (options: MapOptions & { batched?: boolean } = {}, from = data) =>
    from.map<Made>({ filename, name: "noted" }, { fnKwargs: kwargs, ...options });
  const first = await map();
  assert.deepEqual([await calls(), await files()], [6, [`cache-${first.fingerprint}.arrow`]]);
  const again = await map({ numProc: 2, batchSize: 4, description: "again" });
  assert.deepEqual([await calls(), [...again], again.fingerprint], [0, [...first], first.fingerprint]);
  assert.deepEqual(again.columnNames, ["n", "s", "m", "l"]);
  const others = [
    await map({ fnKwargs: { ...kwargs, add: 1 } }),
    await map({ removeColumns: ["s"] }),
    await map({ features: { n: "int32", s: "string", m: "int64", l: { sequence: "int8" } } }),
    await map({}, data.shuffle({ seed: 1 })),
    await map({}, data.slice(0, 5)),
  ];
  assert.equal(await calls(), 29);
  assert.equal(new Set([first, ...others].map((d) => d.fingerprint)).size, 6);
  await map({}, data.shuffle({ seed: 1 }));
  assert.equal(await calls(), 0);
  await map({ loadFromCacheFile: false });
  assert.equal(await calls(), 6);
  await map({ keepInMemory: true, fnKwargs: { ...kwargs, add: 5 } });
  assert.deepEqual([await calls(), (await files()).length], [6, 6]);
  await writeFile(filename, `${lib}// changed`);
  await map();
  assert.equal(await calls(), 6);
});

test("a chain of transforms is found again from its first to its last", async (t) => {
  const { data, filename, calls, kwargs, files } = await place(t);
  const chain = async () => {
    const mapped = await data.map<Made>({ filename, name: "noted" }, { fnKwargs: kwargs });
    const few = await mapped.filter({ filename, name: "small" });
    return few.renameColumn("m", "k").map<Made>({ filename, name: "noted" }, { fnKwargs: kwargs, removeColumns: "s" });
  };
  const first = await chain();
  assert.deepEqual([await calls(), (await files()).length], [8, 3]);
  const second = await chain();
  assert.deepEqual([await calls(), [...second]], [0, [...first]]);
  assert.deepEqual(second.toRows(), [
    { n: 1, k: 1, l: [1, 1], m: 1 },
    { n: 2, k: 2, l: [2, 2], m: 2 },
  ]);
});

test("what could never be found again is not put into the cache", async (t) => {
  const { data, filename, files } = await place(t);
  const ref = { filename, name: "noted" };
  await (await data.map((row) => ({ k: row.n }))).map(ref);
  await data.shuffle().map(ref);
  await data.shuffle().trainTestSplit({ seed: 1 }).train.map(ref);
  assert.deepEqual(await files(), []);
  for (let k = 0; k < 2; k++) {
    await data.select([3, 1]).map(ref);
    await data.addColumn("k", [1, 2, 3, 4, 5, 6]).map(ref);
    assert.equal((await files()).length, 2);
  }
  await data.addColumn("k", [1, 2, 3, 4, 5, 7]).map(ref);
  assert.equal((await files()).length, 3);
});

test("filter keeps row numbers only", async (t) => {
  const { data, filename, cacheDirectory } = await place(t);
  const few = await data.filter({ filename, name: "small" });
  const bytes = (await stat(join(cacheDirectory, `cache-${few.fingerprint}.arrow`))).size;
  assert.ok(bytes < 1000, `${bytes} bytes`);
  assert.equal(Dataset.tableOf(few).view("s").data, Dataset.tableOf(data).view("s").data);
});

test("closures are found again only when it is asked for, by their text, with a warning each time", async (t) => {
  const { data, files, cacheDirectory } = await place(t);
  let calls = 0;
  const map = (options: Omit<MapOptions, "numProc"> = {}) =>
    data.map((row) => {
      calls++;
      return { m: row.n };
    }, options);
  await map();
  await map();
  assert.deepEqual([calls, await files()], [12, []]);
  const warnings: Error[] = [];
  const note = (warning: Error) => void warnings.push(warning);
  process.on("warning", note);
  t.after(() => process.off("warning", note));
  await map({ loadFromCacheFile: true });
  await map({ loadFromCacheFile: true });
  assert.deepEqual([calls, (await files()).length], [18, 1]);
  await new Promise(setImmediate);
  assert.equal(warnings.filter(({ message }) => message.includes("variables that it captures are not seen")).length, 2);
  await map({ newFingerprint: "mine" });
  await map({ newFingerprint: "mine" });
  assert.deepEqual([calls, existsSync(join(cacheDirectory, "cache-mine.arrow"))], [24, true]);
  const cacheFileName = join(cacheDirectory, "deep", "named.arrow");
  await map({ cacheFileName });
  assert.deepEqual([...(await map({ cacheFileName }))], [...(await map({ newFingerprint: "mine" }))]);
  assert.equal(calls, 30);
  await assert.rejects(map({ newFingerprint: "not/a name" }), { code: "ERR_MAP_OPTIONS" });
});

test("a cache file that cannot be read is told of and made again", async (t) => {
  const { data, filename, cacheDirectory, calls, kwargs } = await place(t);
  const map = () => data.map<Made>({ filename, name: "noted" }, { fnKwargs: kwargs });
  const first = await map();
  const rows = [...first];
  const file = join(cacheDirectory, `cache-${first.fingerprint}.arrow`);
  await rm(file); // it is mapped into memory
  await writeFile(file, "ARROW1 but not really");
  const warned = new Promise<Error>((resolve) => process.once("warning", resolve));
  assert.deepEqual([...(await map())], rows);
  assert.match((await warned).message, /cache-.*\.arrow cannot be read/);
  assert.equal(await calls(), 12);
});

test("a cache that cannot be written is told of, and the result stays in memory", async (t) => {
  const { data, filename, cacheDirectory } = await place(t);
  await writeFile(cacheDirectory, "a file where the folder should be");
  const warned = new Promise<Error>((resolve) => process.once("warning", resolve));
  const mapped = await data.map<Made>({ filename, name: "noted" });
  assert.match((await warned).message, /no cache can be written/);
  assert.deepEqual(mapped.column("m"), [1, 2, 3, 4, 5, 6]);
});

test("a map that fails leaves no file behind", async (t) => {
  const { data, filename, files } = await place(t);
  await writeFile(filename, "export const noted = (row) => { if (row.n === 5) throw new Error('five'); return { m: 1 }; };");
  await assert.rejects(data.map({ filename, name: "noted" }, { batchSize: 2 }), { message: /row 4: Error: five/ });
  assert.deepEqual(await files(), []);
});

test("two processes at once make one whole result", async (t) => {
  const { filename, cacheDirectory, files } = await place(t);
  const index = new URL("../../src/data/index.js", import.meta.url).href;
  const script = `import { Dataset } from ${JSON.stringify(index)};
    const base = Dataset.fromColumns({ n: Array.from({ length: 5000 }, (_, i) => i) });
    const data = Dataset.ofTable(Dataset.tableOf(base), { fingerprint: "0123456789abcdef", cacheDirectory: ${JSON.stringify(cacheDirectory)} });
    const mapped = await data.map({ filename: ${JSON.stringify(filename)}, name: "noted" });
    console.log(mapped.length, mapped.at(-1).m);`;
  const run = promisify(execFile);
  const both = await Promise.all([1, 2].map(() => run(process.execPath, ["--input-type=module", "-e", script])));
  assert.deepEqual(
    both.map(({ stdout }) => stdout),
    ["5000 4999\n", "5000 4999\n"],
  );
  assert.equal((await files()).length, 1);
});

const python = process.env.ACCELERATE_TS_TEST_PYTHON;
test("Python's datasets opens the cache file", { skip: python ? false : "ACCELERATE_TS_TEST_PYTHON names no Python with datasets" }, async (t) => {
  const { data, filename, cacheDirectory } = await place(t);
  const mapped = await data.map<Made>({ filename, name: "noted" });
  const file = join(cacheDirectory, `cache-${mapped.fingerprint}.arrow`);
  const script = `import sys, json; from datasets import Dataset; d = Dataset.from_file(sys.argv[1]); print(json.dumps([d.to_list(), str(d.features), d._fingerprint]))`;
  const { stdout } = spawnSync(python!, ["-c", script, file], { encoding: "utf8" });
  assert.deepEqual(JSON.parse(stdout), [[...mapped], String(mapped.features), mapped.fingerprint]);
});
