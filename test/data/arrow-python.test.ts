// Our Arrow files in Python's datasets. Runs where ACCELERATE_TS_TEST_PYTHON names a Python with datasets.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { describe, it } from "node:test";
import { ArrowWriter, loadTable, openArrow, saveSplits, saveTable } from "../../src/data/arrow/index.js";
import { ClassLabel, type Features, printable } from "../../src/data/columns/features.js";
import { featuresOf, goldenFolder, rowsOf, tableOfRows, temporaryFolder } from "./arrow-support.js";

const python = process.env.ACCELERATE_TS_TEST_PYTHON;
const options = { skip: python ? false : "ACCELERATE_TS_TEST_PYTHON names no Python with datasets" };
const folder = temporaryFolder("arrow-python-");
const run = (code: string): unknown =>
  JSON.parse(
    execFileSync(python!, ["-c", `from datasets import *\nimport json; disable_progress_bars()\n${code}`], {
      stdio: ["ignore", "pipe", "ignore"],
    }).toString(),
  );
const path = (name: string): string => JSON.stringify(join(folder, name));

describe("Python", options, () => {
  it("opens our copy of its file as the same table, with the same types and metadata", async () => {
    const original = join(goldenFolder, "types.arrow");
    const table = await openArrow([original]);
    await using writer = await ArrowWriter.create(join(folder, "copy.arrow"), featuresOf(table), { fingerprint: "0123456789abcdef", batchRows: 4 });
    await writer.write(table);
    await writer.close();
    const code = `
a, b = Dataset.from_file(${JSON.stringify(original)}), Dataset.from_file(${path("copy.arrow")})
b.data.table.validate(full=True)
print(json.dumps([a.features == b.features, str(a.features) == str(b.features), a.data.table.schema.equals(b.data.table.schema), a.data.table.equals(b.data.table), b._fingerprint]))`;
    assert.deepEqual(run(code), [true, true, true, true, "0123456789abcdef"]);
  });
  it("opens rows that were made here, of tokenizer columns, structs and nulls", async () => {
    const features: Features = {
      text: "string",
      input_ids: { sequence: "int32" },
      mask: { sequence: "int8" },
      label: new ClassLabel(["a", "it's"]),
      pair: { sequence: "float32", length: 2 },
      answer: { text: { sequence: "string" }, at: "timestamp[us]" },
      raw: "binary",
      price: "decimal128(10, 2)",
      any: "json",
    };
    const rows = Array.from({ length: 2500 }, (_, i) => ({
      text: i % 10 === 3 ? null : `Zeile ${i} 😀`,
      input_ids: [101, i, 102],
      mask: [1, 1, 1],
      label: (i % 3) - 1,
      pair: i % 5 === 0 ? null : [i, 0.5],
      answer: { text: i % 2 ? ["x"] : [], at: new Date(1.7e12 + i) },
      raw: Uint8Array.of(0, 255),
      price: (i / 4).toFixed(2),
      any: i % 2 ? { k: [i] } : null,
    }));
    await using writer = await ArrowWriter.create(join(folder, "made.arrow"), features);
    await writer.write(tableOfRows(features, rows));
    await writer.close();
    const code = `
d = Dataset.from_file(${path("made.arrow")})
d.data.table.validate(full=True)
r = d[2499]; r["answer"]["at"] = r["answer"]["at"].timestamp(); r["raw"] = list(r["raw"]); r["price"] = str(r["price"])
print(json.dumps([str(d.features), d.num_rows, [len(b) for b in d.data.table.to_batches()], d[3]["text"], d[0]["pair"], d[0]["any"], r]))`;
    const last = rows[2499]!;
    assert.deepEqual(run(code), [
      String(printable(features)),
      2500,
      [1000, 1000, 500],
      null,
      null,
      null,
      { ...last, answer: { text: ["x"], at: (1.7e12 + 2499) / 1000 }, raw: [0, 255] },
    ]);
  });
  it("loads what we save, and we load what it saves again", async () => {
    const { table, state } = await loadTable(join(goldenFolder, "saved/train"));
    await saveTable(table, join(folder, "dict/train"), { ...state, split: "train", info: { license: "mit", version: "1.2.3" } }, { numShards: 2 });
    await saveSplits(["train"], join(folder, "dict"));
    const code = `
d = load_from_disk(${path("dict")})
t = d["train"]
t.save_to_disk(${path("again")})
print(json.dumps([str(d), t.format["type"], t.format["columns"], t.info.license, str(t.info.version), str(t.split), t.with_format(None)[:]]))`;
    const { text } = { text: rowsOf(table).map((row) => row.text) };
    assert.deepEqual(run(code), [
      "DatasetDict({\n    train: Dataset({\n        features: ['text', 'label'],\n        num_rows: 3\n    })\n})",
      "torch",
      ["label"],
      "mit",
      "1.2.3",
      "train",
      { text, label: [0, 1, 0] },
    ]);
    const again = await loadTable(join(folder, "again"));
    assert.deepEqual(rowsOf(again.table), rowsOf(table));
    assert.deepEqual(
      [again.state.split, again.state.info, again.state.format],
      ["train", { license: "mit", version: "1.2.3" }, { type: "tensor", columns: ["label"] }],
    );
  });
});
