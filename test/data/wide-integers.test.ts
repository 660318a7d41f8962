// Integers of 64 bits beyond 2^53: bigints, exact from every kind of file to every other.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fc } from "../support/properties.js";
import { Dataset, loadDataset } from "../../src/data/index.js";
import { concatColumns } from "../../src/data/columns/concat.js";
import { writerFor } from "../../src/data/columns/column-writer.js";
import { parseJson, stringifyJson } from "../../src/data/columns/exact-json.js";
import { type Feature, featureText } from "../../src/data/columns/features.js";
import { plainFeature, valueReader } from "../../src/data/columns/column-data.js";
import { folderOf } from "./files.js";

const most = 2n ** 63n - 1n;
const rows = [
  { id: 1234567890123456789n, seen: [1, 2n ** 60n], of: { user: -(2n ** 63n) } },
  { id: 5, seen: [], of: { user: null } },
  { id: null, seen: [null, most], of: { user: 7 } },
];

test("from JSON through every format and back, in memory, from the cache and as a stream", async (t) => {
  const text = '{"id":1234567890123456789,"seen":[1,1152921504606846976],"of":{"user":-9223372036854775808}}\n{"id":5,"seen":[],"of":{"user":null}}\n';
  const folder = await folderOf(t, { "a.jsonl": `${text}{"id":null,"seen":[null,9223372036854775807],"of":{"user":7}}\n` });
  const cacheDir = join(folder, "cache");
  let dataFiles = join(folder, "a.jsonl");
  for (const builder of ["json", "parquet", "json"] as const) {
    for (const keepInMemory of [true, false]) {
      const dataset = await loadDataset(builder, { dataFiles, split: "train", cacheDir, keepInMemory });
      assert.deepEqual([...dataset], rows);
      assert.deepEqual(
        Object.values(dataset.features).map((feature) => featureText(feature)),
        ["Value('int64')", "List(Value('int64'))", "{'user': Value('int64')}"],
      );
      assert.deepEqual([...(await dataset.map((row) => ({ id: row.id ?? null })))], rows);
    }
    const streamed: unknown[] = [];
    for await (const row of await loadDataset(builder, { dataFiles, split: "train", streaming: true })) streamed.push(row);
    assert.deepEqual(streamed, rows);
    const dataset = await loadDataset(builder, { dataFiles, split: "train", cacheDir });
    dataFiles = join(folder, builder === "json" ? "b.parquet" : "c.jsonl");
    await (builder === "json" ? dataset.toParquet(dataFiles) : dataset.toJson(dataFiles));
    await dataset.toCsv(join(folder, "d.csv"));
  }
  assert.match(
    await readFile(join(folder, "d.csv"), "utf8"),
    /^id,seen,of\n1234567890123456789,"\[1,1152921504606846976\]","\{""user"":-9223372036854775808\}"\n/,
  );
  const csv = { dataFiles: join(folder, "e.csv"), split: "train", keepInMemory: true, features: { id: "int64" } } as const;
  await Dataset.fromDict({ id: [-9007199254740993n, 3] }).toCsv(csv.dataFiles);
  assert.deepEqual([...(await loadDataset("csv", csv))], [{ id: -9007199254740993n }, { id: 3 }]);
});

test("uint64 goes up to 2^64, and what no type holds is refused", async (t) => {
  const folder = await folderOf(t, {});
  const dataset = Dataset.fromDict({ u: [2n ** 64n - 1n, 0] }, { features: { u: "uint64" } });
  const dataFiles = join(folder, "u.parquet");
  await dataset.toParquet(dataFiles);
  assert.deepEqual([...(await loadDataset("parquet", { dataFiles, split: "train", keepInMemory: true }))], [{ u: 2n ** 64n - 1n }, { u: 0 }]);
  for (const [feature, value] of [
    ["int64", 2n ** 63n],
    ["uint64", 2n ** 64n],
    ["uint64", -1n],
    ["int32", 2n ** 40n],
  ] as const)
    assert.throws(() => writerFor(feature).push(value), { code: "ERR_COLUMN_VALUE" });
});

test("columns of them are joined with those of numbers", () => {
  const column = (feature: Feature, values: readonly unknown[]) => {
    const writer = writerFor(feature);
    for (const value of values) writer.push(value);
    return writer.finish();
  };
  const read = (...columns: Parameters<typeof concatColumns>[0]) => {
    const data = concatColumns(columns);
    const value = valueReader(data);
    return [plainFeature(data), Array.from({ length: data.length }, (_, i) => value(i))];
  };
  const wide = column("int64", [2n ** 60n, null]);
  assert.deepEqual(read(column("int32", [1, null]), wide, column("int64", [null])), ["int64", [1, null, 2n ** 60n, null, null]]);
  assert.deepEqual(read(wide, column("float64", [0.5])), ["float64", [2 ** 60, null, 0.5]]);
  assert.throws(() => read(column("int64", [-1]), column("uint64", [2n ** 63n])), { code: "ERR_COLUMN_VALUE" });
});

test("JSON keeps the digits of what is an integer, and nothing else is touched", () => {
  const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 3 },
      fc.jsonValue({ maxDepth: 0 }),
      fc.bigInt(2n ** 53n + 1n, most),
      fc.array(tie("tree")),
      fc.dictionary(fc.string(), tie("tree")),
    ),
  }));
  fc.assert(
    fc.property(tree, (value) => {
      const text = stringifyJson(value)!;
      assert.equal(stringifyJson(parseJson(text)), text);
      const rounded = (inner: unknown): unknown => JSON.parse(JSON.stringify(inner, (_, v) => (typeof v === "bigint" ? Number(v) : v)));
      assert.deepEqual(rounded(parseJson(text)), JSON.parse(text));
    }),
  );
  const untouched = '["12345678901234567890","\\"1234567890123456789",1234567890123456789.5,1e30,123456789012345678901]';
  assert.deepEqual(parseJson(untouched), JSON.parse(untouched));
  assert.throws(() => parseJson('{"a": 1234567890123456789, }'), SyntaxError);
});
