// What a data set shows: tensors, chosen columns, transforms; batches by iteration; columns added, renamed and cast.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { inspect } from "node:util";
import { ClassLabel, DataCollatorWithPadding, DataLoader, Dataset, DatasetDict, datasetDict, loadFromDisk } from "../../src/data/index.js";
import { Tensor } from "../../src/tensor/index.js";
import { folderOf } from "./files.js";

const rows = [
  { text: "a", label: 0, ids: [1, 2], f: 0.5, b: true },
  { text: "b", label: 1, ids: [3, 4], f: 1.5, b: false },
  { text: "c", label: 1, ids: [5], f: 2, b: true },
];
const data = Dataset.fromRows(rows);
const told = async (value: unknown): Promise<unknown> => (value instanceof Tensor ? [value.dtype, [...value.shape], await value.toArray()] : value);

test("in the format tensor, numbers and lists of numbers are tensors of Python's dtypes, texts stay", async () => {
  const row = data.withFormat("tensor").at(1);
  assert.deepEqual(await Promise.all(Object.values(row).map(told)), ["b", ["int64", [], 1], ["int64", [2], [3, 4]], ["float32", [], 1.5], ["bool", [], 0]]);
  row.label satisfies Tensor<0>;
  row.ids satisfies Tensor<1>;
  const nested = Dataset.fromRows<{ m: (number | null)[][] | null }>([
    {
      m: [
        [1, 2],
        [3, 4],
      ],
    },
    { m: [[1], [2, 3]] },
    { m: null },
    { m: [[null]] },
    { m: [] },
  ]).withFormat("tensor");
  const seen = await Promise.all([...nested].map(async ({ m }) => (Array.isArray(m) ? Promise.all(m.map(told)) : told(m))));
  assert.deepEqual(seen, [
    [
      "int64",
      [2, 2],
      [
        [1, 2],
        [3, 4],
      ],
    ],
    [
      ["int64", [1], [1]],
      ["int64", [2], [2, 3]],
    ],
    null,
    [[null]],
    ["int64", [0], []],
  ]);
});

test("batches by iteration are columns; tensors of one shape are one", async () => {
  assert.deepEqual([...data.iter(2)], [data.slice(0, 2).toColumns(), data.slice(2).toColumns()]);
  assert.equal([...data.iter(2, { dropLastBatch: true })].length, 1);
  const [first, last] = [...data.withFormat("tensor", { columns: ["ids", "label"] }).iter(2)];
  first!.label satisfies Tensor<1>;
  assert.deepEqual(
    [await told(first!.label), await told(first!.ids)],
    [
      ["int64", [2], [0, 1]],
      [
        "int64",
        [2, 2],
        [
          [1, 2],
          [3, 4],
        ],
      ],
    ],
  );
  assert.deepEqual(await told(last!.ids), ["int64", [1, 1], [[5]]]);
  const [ragged] = [...data.withFormat("tensor").iter(3)];
  assert.ok(Array.isArray(ragged!.ids) && ragged!.ids[2] instanceof Tensor);
  assert.throws(() => [...data.iter(0)], { code: "ERR_COUNT" });
});

test("setFormat changes what this data set shows, in place; other views keep theirs", () => {
  const own = data.select([0, 1, 2]);
  const other = own.removeColumns("f");
  own.setFormat("tensor", { columns: ["label"] });
  assert.deepEqual(Object.keys(own.at(0)), ["label"]);
  assert.deepEqual(own.columnNames, ["text", "label", "ids", "f", "b"]);
  assert.equal(own.column("text")[1], "b");
  assert.equal(other.at(0).text, "a");
  own.setFormat("tensor", { columns: ["label"], outputAllColumns: true });
  assert.deepEqual(Object.keys(own.at(0)), ["text", "label", "ids", "f", "b"]);
  assert.deepEqual([own.at(0).text, (own.at(0).label as unknown) instanceof Tensor, own.at(0).f], ["a", true, 0.5]);
  own.setFormat(undefined, { columns: ["f"] });
  assert.deepEqual(own.toRows(), [{ f: 0.5 }, { f: 1.5 }, { f: 2 }]);
  own.resetFormat();
  assert.deepEqual(own.toRows(), rows);
  assert.throws(() => own.setFormat("torch" as "tensor"), { code: "ERR_FORMAT", message: /"tensor" .*and "plain"/ });
  assert.throws(() => own.setFormat("tensor", { columns: ["txt" as "text"] }), { code: "ERR_COLUMN_NOT_FOUND" });
});

test("what comes of a formatted data set is formatted: columns that were hidden stay so, new ones are shown", async () => {
  const shown = data.withFormat("tensor", { columns: ["label", "f"] });
  const hidden = shown as unknown as typeof data;
  assert.deepEqual(Object.keys(shown.shuffle({ seed: 1 }).at(0)), ["label", "f"]);
  assert.deepEqual(Object.keys(hidden.renameColumns({ label: "labels", text: "words" }).at(0)), ["labels", "f"]);
  assert.deepEqual(Object.keys(hidden.removeColumns(["f", "b"]).at(0)), ["label"]);
  const mapped = await data.withFormat("plain", { columns: ["label"] }).map((row) => ({ seen: Object.keys(row).join() }));
  assert.deepEqual(
    [...mapped],
    [
      { label: 0, seen: "label" },
      { label: 1, seen: "label" },
      { label: 1, seen: "label" },
    ],
  );
  assert.deepEqual(mapped.resetFormat() ?? mapped.at(0), { ...rows[0], seen: "label" });
});

test("a transform makes rows whenever they are read", () => {
  let calls = 0;
  const shown = data.withTransform(({ text, label }) => {
    calls++;
    return { up: text.map((t) => t.toUpperCase()), label };
  });
  assert.deepEqual(shown.at(1), { up: "B", label: 1 });
  shown.at(1).up.trim();
  assert.deepEqual([...shown.iter(2)][1], { up: ["C"], label: [1] });
  assert.equal(calls, 4);
  assert.deepEqual(shown.column("label"), [0, 1, 1]);
  assert.deepEqual(shown.column("up"), ["A", "B", "C"]);
  assert.deepEqual(shown.toColumns(), { up: ["A", "B", "C"], label: [0, 1, 1] });
  assert.throws(() => shown.column("text" as "up"), { code: "ERR_COLUMN_NOT_FOUND", message: /its columns are up, label/ });
  const own = data.slice();
  own.setTransform(() => ({ x: [1, 2] }));
  assert.throws(() => own.at(0), { code: "ERR_FORMAT", message: /2 values as column x of 1 rows/ });
  own.setTransform((async () => ({})) as never);
  assert.throws(() => own.at(0), { code: "ERR_FORMAT", message: /returned a promise/ });
  own.setTransform(({ label }) => ({ label: label.map((l) => l + 10) }), { columns: ["label"], outputAllColumns: true });
  assert.deepEqual(own.at(0), { label: 10, text: "a", ids: [1, 2], f: 0.5, b: true });
});

test("the course's set_format: a loader over rows of tensors gives the batches that plain rows give", async () => {
  const tokenizer = { padTokenId: 0, paddingSide: "right", padTokenTypeId: 0 };
  const encoded = Dataset.fromColumns({ input_ids: [[1, 2, 3], [4]], attention_mask: [[1, 1, 1], [1]], label: [1, 0] });
  const batch = async (dataset: typeof encoded) => {
    for await (const first of new DataLoader(dataset, { batchSize: 2, collateFn: new DataCollatorWithPadding(tokenizer as never) }))
      return Promise.all(Object.entries(first).map(async ([name, value]) => [name, await told(value)]));
    return [];
  };
  const plain = await batch(encoded);
  const formatted = encoded.slice();
  formatted.setFormat("tensor");
  assert.deepEqual(await batch(formatted), plain);
});

test("columns are chosen, renamed and added", () => {
  assert.deepEqual(data.selectColumns(["f", "text"]).at(0), { f: 0.5, text: "a" });
  assert.deepEqual(data.selectColumns("b").columnNames, ["b"]);
  const swapped = data.renameColumns({ text: "f", f: "text" });
  assert.deepEqual(swapped.at(0), { f: "a", label: 0, ids: [1, 2], text: 0.5, b: true });
  swapped.at(0).f.trim();
  assert.throws(() => data.renameColumns({ text: "label" }), { code: "ERR_COLUMN_EXISTS" });
  assert.throws(() => data.renameColumns({ txt: "t" } as never), { code: "ERR_COLUMN_NOT_FOUND" });
  const more = data.addColumn("i", [7, 8, 9]).addColumn("y", ["no", "yes", "no"], new ClassLabel(["no", "yes"]));
  assert.deepEqual([more.at(1).i, more.at(1).y], [8, 1]);
  assert.equal(
    inspect(more.features),
    "{'text': Value('string'), 'label': Value('int64'), 'ids': List(Value('int64')), 'f': Value('float64'), 'b': Value('bool'), 'i': Value('int64'), 'y': ClassLabel(names=['no', 'yes'])}",
  );
  assert.throws(() => data.addColumn("i", [1]), { code: "ERR_COLUMN_LENGTH" });
  assert.throws(() => data.addColumn("f", [1, 2, 3]), { code: "ERR_COLUMN_EXISTS" });
  assert.throws(() => data.addColumn("y", [1, 2, 300], "int8"), { code: "ERR_COLUMN_VALUE", message: /row 2, column y/ });
  assert.deepEqual(data.select([2, 0]).addColumn("i", [1, 2]).at(1), { ...rows[0], i: 2 });
  assert.deepEqual([data.shape, data.numRows, data.numColumns], [[3, 5], 3, 5]);
  assert.deepEqual(data.unique("label"), [0, 1]);
  assert.deepEqual(Dataset.fromRows<{ x: string | null }>([{ x: "1" }, { x: null }, { x: "1" }, { x: "o{}" }, { x: "{}" }]).unique("x"), [
    "1",
    null,
    "o{}",
    "{}",
  ]);
});

test("casts name row and column of what does not fit", async () => {
  assert.equal(inspect((await data.castColumn("label", new ClassLabel(["n", "y"]))).features.label), "ClassLabel(names=['n', 'y'])");
  await assert.rejects(data.castColumn("label", new ClassLabel(["n"])), { code: "ERR_CAST", message: /row 1, column label: 1 is no class/ });
  await assert.rejects(data.castColumn("f", "int32"), { code: "ERR_CAST", message: /row 0, column f as Value\('int32'\): 0\.5/ });
  await assert.rejects(data.castColumn("text", "float32"), { code: "ERR_CAST", message: /row 0, column text/ });
  await assert.rejects(data.cast({ text: "string" }), { code: "ERR_FEATURES", message: /no label, ids, f, b/ });
  await assert.rejects(data.castColumn("txt" as "text", "string"), { code: "ERR_COLUMN_NOT_FOUND" });
  const all = await data.cast({ text: "large_string", label: "string", ids: { sequence: "float32" }, f: "float32", b: "int8" });
  assert.deepEqual(all.at(1), { text: "b", label: "1", ids: [3, 4], f: 1.5, b: 0 });
  await assert.rejects(data.classEncodeColumn("ids"), { code: "ERR_CAST" });
});

test("flattened rows lie one after the other and read the same", async () => {
  const chosen = data.select([2, 0, 2]);
  const flat = await chosen.flattenIndices();
  assert.deepEqual([...flat], [...chosen]);
  assert.equal(Dataset.tableOf(flat).view("text").indices, undefined);
});

test("a generator's rows, at once or awaited", async () => {
  async function* slowly() {
    for (let n = 0; n < 3; n++) yield { n, even: n % 2 === 0 };
  }
  assert.deepEqual((await Dataset.fromGenerator(slowly)).toColumns(), { n: [0, 1, 2], even: [true, false, true] });
  assert.deepEqual((await Dataset.fromGenerator(() => [{ n: 1 }], { features: { n: "float32" } })).features.n, "float32");
  const many = await Dataset.fromGenerator<{ n: number; s?: string }>(function* () {
    for (let n = 0; n < 25_000; n++) yield n < 20_000 ? { n, s: `#${n}` } : { n: n + 0.5 };
  });
  assert.deepEqual([many.length, many.at(19_999), many.at(-1)], [25_000, { n: 19_999, s: "#19999" }, { n: 24_999.5, s: null }]);
  assert.deepEqual((await Dataset.fromGenerator(() => [])).shape, [0, 0]);
  const late = () =>
    Dataset.fromGenerator(() => Array.from({ length: 12_000 }, (_, n) => ({ n: n === 11_000 ? "x" : n }) as { n: number }), { features: { n: "int64" } });
  await assert.rejects(late(), { code: "ERR_COLUMN_VALUE", message: /row 11000, column n/ });
  assert.deepEqual([Dataset.fromList([{ a: 1 }]).at(0), Dataset.fromDict({ a: [1] }).at(0)], [{ a: 1 }, { a: 1 }]);
});

test("a DatasetDict does to each split what a Dataset does", async () => {
  const dict = datasetDict([
    ["train", data],
    ["test", data.slice(1)],
  ]);
  assert.deepEqual([dict.numRows, dict.shape.test, dict.numColumns.train], [{ train: 3, test: 2 }, [2, 5], 5]);
  assert.deepEqual(dict.columnNames.test, data.columnNames);
  assert.deepEqual(dict.unique("label"), { train: [0, 1], test: [1] });
  assert.deepEqual(dict.selectColumns("f").sort("f", { reverse: true }).train.column("f"), [2, 1.5, 0.5]);
  assert.deepEqual(dict.shuffle({ seed: 42 }).train.column("text"), data.shuffle({ seed: 42 }).column("text"));
  assert.deepEqual(dict.shuffle({ seeds: { train: 1, test: 2 } }).test.column("text"), data.slice(1).shuffle({ seed: 2 }).column("text"));
  assert.equal((await dict.filter((row) => row.label === 0)).test.length, 0);
  assert.equal((await dict.castColumn("f", "float32")).train.features.f, "float32");
  assert.deepEqual(((await dict.classEncodeColumn("text")).test.features.text as ClassLabel).names, ["b", "c"]);
  assert.deepEqual(dict.renameColumns({ f: "g" }).test.at(0).g, 1.5);
  const own = dict.removeColumns("b");
  own.setFormat("tensor", { columns: ["label"] });
  assert.deepEqual(Object.keys(own.test.at(0)), ["label"]);
  own.resetFormat();
  own.setTransform(({ text }) => ({ text }));
  assert.deepEqual(own.train.at(0), { text: "a" });
  assert.deepEqual(dict.withFormat("plain", { columns: ["f"] }).test.at(0), { f: 1.5 });
  assert.deepEqual((await dict.flattenIndices()).test.toRows(), rows.slice(1));
});

test("rows go through files of other formats and come back", async (t) => {
  const folder = await folderOf(t, {});
  const [csv, json, parquet, text] = ["csv", "jsonl", "parquet", "txt"].map((name) => join(folder, `data.${name}`)) as [string, string, string, string];
  const plain = data.removeColumns("ids");
  await plain.toCsv(csv);
  await data.toJson(json);
  await data.toParquet(parquet);
  await data.toText(text, { column: "text" });
  const options = { cacheDir: join(folder, "cache") };
  assert.deepEqual((await Dataset.fromCsv(csv, options)).column("f"), [0.5, 1.5, 2]);
  assert.deepEqual((await Dataset.fromJson(json, options)).toRows(), rows);
  const mapped = await Dataset.fromParquet<(typeof rows)[0]>(parquet, options);
  assert.deepEqual(mapped.toRows(), rows);
  assert.deepEqual((await Dataset.fromText(text, options)).column("text"), ["a", "b", "c"]);
  assert.equal(String(mapped.features), String(data.features));
});

test("saved data sets are opened again with their types, format, split and fingerprint", async (t) => {
  const folder = await folderOf(t, {});
  const dict = datasetDict([
    ["train", (await data.castColumn("label", new ClassLabel(["n", "y"]))).shuffle({ seed: 1 })],
    ["test", data.slice(0, 1) as never],
  ]);
  dict.train.setFormat("tensor", { columns: ["label"] });
  await dict.saveToDisk(folder);
  const both = await DatasetDict.loadFromDisk<(typeof rows)[0], "train" | "test">(folder);
  assert.equal(`${both}`, `${dict}`);
  assert.deepEqual(
    [both.train.format, both.train.fingerprint, String(both.train.features)],
    [dict.train.format, dict.train.fingerprint, String(dict.train.features)],
  );
  both.resetFormat();
  dict.resetFormat();
  assert.deepEqual(both.train.toRows(), dict.train.toRows());
  assert.equal((await Dataset.loadFromDisk(join(folder, "test"))).length, 1);
  assert.equal(`${await loadFromDisk(folder)}`, `${dict}`);
  await assert.rejects(Dataset.loadFromDisk(folder), { code: "ERR_DATASET_NOT_FOUND" });
  await assert.rejects(DatasetDict.loadFromDisk(join(folder, "test")), { code: "ERR_DATASET_NOT_FOUND" });
  await assert.rejects(data.withTransform((c) => c).saveToDisk(join(folder, "x")), { code: "ERR_FORMAT" });
});
