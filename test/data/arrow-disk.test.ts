// Saved data sets: Python's folders here, and ours.
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { loadTable, savedKind, saveSplits, saveTable } from "../../src/data/arrow/index.js";
import { ClassLabel, type Features, printable } from "../../src/data/columns/features.js";
import { featuresOf, golden, goldenFolder, rowsOf, tableOfRows, temporaryFolder } from "./arrow-support.js";

const folder = temporaryFolder("arrow-disk-");
const features: Features = { text: "string", label: new ClassLabel(["neg", "pos"]) };
const rows = Array.from({ length: 10 }, (_, i) => ({ text: `row ${i}`, label: i % 2 }));
const table = tableOfRows(features, rows);
const json = (...path: string[]): Record<string, unknown> => JSON.parse(readFileSync(join(folder, ...path), "utf8")) as Record<string, unknown>;

describe("A data set that Python saved", () => {
  it("is a DatasetDict with its splits", async () => {
    assert.deepEqual(await savedKind(join(goldenFolder, "saved")), { kind: "dict", splits: ["train", "test"] });
    assert.deepEqual(await savedKind(join(goldenFolder, "saved/train")), { kind: "dataset" });
  });
  it("opens with rows, features, fingerprint, format and information", async () => {
    const { table: read, state } = await loadTable(join(goldenFolder, "saved/train"));
    assert.deepEqual(read.reader("text")(2), golden().saved.text[2]);
    assert.equal(read.length, 3);
    assert.equal(String(printable(featuresOf(read))), "{'text': Value('string'), 'label': ClassLabel(names=['neg', 'pos'])}");
    assert.deepEqual(state, { fingerprint: golden().saved.fingerprint, format: { type: "tensor", columns: ["label"] }, info: { license: "mit" } });
  });
});

describe("saveTable", () => {
  it("writes what loadTable opens, and Python's fields beside the rows", async () => {
    const place = join(folder, "one");
    const state = { fingerprint: "0123456789abcdef", split: "train", info: { builderName: "csv", version: "1.0.0" }, format: { type: "plain" } } as const;
    await saveTable(table, place, state);
    assert.deepEqual(readdirSync(place).sort(), ["data-00000-of-00001.arrow", "dataset_info.json", "state.json"]);
    assert.deepEqual(json("one", "state.json"), {
      _data_files: [{ filename: "data-00000-of-00001.arrow" }],
      _fingerprint: "0123456789abcdef",
      _format_columns: null,
      _format_kwargs: {},
      _format_type: null,
      _output_all_columns: false,
      _split: "train",
    });
    assert.deepEqual(Object.keys(json("one", "dataset_info.json")), ["builder_name", "citation", "description", "features", "homepage", "license", "version"]);
    const loaded = await loadTable(place);
    assert.deepEqual(rowsOf(loaded.table), rows);
    assert.deepEqual(loaded.state, state);
    assert.ok(featuresOf(loaded.table).label instanceof ClassLabel);
  });
  it("spreads the rows over files by their size or number, in order", async () => {
    const order = Uint32Array.from(rows, (_, i) => 9 - i);
    await saveTable(table.select(order), join(folder, "three"), { fingerprint: "0" }, { numShards: 3 });
    assert.deepEqual(
      readdirSync(join(folder, "three")).filter((name) => name.endsWith(".arrow")),
      [0, 1, 2].map((i) => `data-0000${i}-of-00003.arrow`),
    );
    assert.deepEqual(rowsOf((await loadTable(join(folder, "three"))).table), [...rows].reverse());
    await saveTable(table, join(folder, "small"), { fingerprint: "0" }, { maxShardSize: "100B".replace("B", "") });
    assert.ok(readdirSync(join(folder, "small")).length > 3);
    assert.deepEqual(rowsOf((await loadTable(join(folder, "small"))).table), rows);
  });
  it("saves a data set without rows", async () => {
    await saveTable(tableOfRows(features, []), join(folder, "empty"), { fingerprint: "0" });
    const loaded = await loadTable(join(folder, "empty"));
    assert.equal(loaded.table.length, 0);
    assert.deepEqual([...loaded.table.columns.keys()], ["text", "label"]);
  });
  it("refuses to write over the files that the rows come from", async () => {
    await saveTable(table, join(folder, "own"), { fingerprint: "0" });
    const own = (await loadTable(join(folder, "own"))).table;
    await assert.rejects(saveTable(own, join(folder, "own"), { fingerprint: "0" }), { code: "ERR_DATASET_OVERWRITE" });
    await saveTable(own, join(folder, "other"), { fingerprint: "0" });
    assert.deepEqual(rowsOf((await loadTable(join(folder, "other"))).table), rows);
  });
  it("replaces what was saved there before, and leaves no half of it", async () => {
    const place = join(folder, "again");
    mkdirSync(place);
    await saveSplits(["train"], place);
    await saveTable(table, place, { fingerprint: "0" });
    assert.deepEqual(await savedKind(place), { kind: "dataset" });
    await saveSplits(["train"], place);
    assert.deepEqual(await savedKind(place), { kind: "dict", splits: ["train"] });
    await saveTable(table, place, { fingerprint: "0" }, { numShards: 2 });
    // The second file cannot take its name.
    rmSync(join(place, "data-00001-of-00002.arrow"));
    mkdirSync(join(place, "data-00001-of-00002.arrow"));
    await assert.rejects(saveTable(table, place, { fingerprint: "1" }, { numShards: 2 }), { code: "ERR_DATA_WRITE" });
    await assert.rejects(loadTable(place), { code: "ERR_DATASET_NOT_FOUND" });
    assert.deepEqual(
      readdirSync(place).filter((name) => name.endsWith(".incomplete")),
      [],
    );
  });
  it("refuses sizes that are none", async () => {
    for (const options of [{ maxShardSize: "big" }, { maxShardSize: 0 }, { numShards: 1.5 }, { numShards: 2, maxShardSize: 10 }])
      await assert.rejects(saveTable(table, join(folder, "never"), { fingerprint: "0" }, options), { code: "ERR_SHARD_SIZE" });
  });
});

describe("loadTable", () => {
  it("says what a folder holds instead of a data set", async () => {
    await assert.rejects(loadTable(folder), { code: "ERR_DATASET_NOT_FOUND", message: /holds no saved data set/ });
    await assert.rejects(loadTable(join(goldenFolder, "saved")), { code: "ERR_DATASET_NOT_FOUND", message: /DatasetDict/ });
    await saveSplits(["train", "test"], join(folder, "dict"));
    assert.equal(readFileSync(join(folder, "dict", "dataset_dict.json"), "utf8"), '{"splits": ["train", "test"]}');
    await assert.rejects(saveSplits(["../x"], folder), { code: "ERR_SPLIT_NAME" });
  });
  it("refuses a state that is damaged or names files elsewhere", async () => {
    const place = join(folder, "odd");
    await saveTable(table, place, { fingerprint: "0" });
    const state = json("odd", "state.json");
    for (const [text, message] of [
      ["{", /state\.json: cannot be read/],
      ["[]", /holds no JSON object/],
      [JSON.stringify({ ...state, _data_files: [{ filename: "../x.arrow" }] }), /is no name of a file in this folder/],
      [JSON.stringify({ ...state, _data_files: 3 }), /there is no list "_data_files"/],
      [JSON.stringify({ ...state, _fingerprint: null }), /there is no "_fingerprint"/],
    ] as const) {
      writeFileSync(join(place, "state.json"), text);
      await assert.rejects(loadTable(place), { code: "ERR_DATA_FILE", message });
    }
  });
});
