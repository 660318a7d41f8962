// Reading Arrow files that Python made: every type, both formats, and what is refused.
import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, it } from "node:test";
import { openArrow } from "../../src/data/arrow/index.js";
import { BatchParts, batchMessage, endOfStream, schemaMessage, writeSchema } from "../../src/data/arrow/message-writer.js";
import { PlacedFile, readMessage } from "../../src/data/arrow/messages.js";
import { printable } from "../../src/data/columns/features.js";
import { featuresFromJson, featuresToJson } from "../../src/data/columns/hf-features.js";
import { featuresOf, golden, goldenFolder, rowsOf, temporaryFolder } from "./arrow-support.js";

const file = (name: string): string => join(goldenFolder, name);
const folder = temporaryFolder("arrow-read-");

describe("openArrow reads what Python wrote", () => {
  it("of every type, in the stream format and in the file format", async () => {
    for (const name of ["types.arrow", "types-file.arrow"]) {
      const table = await openArrow([file(name)]);
      assert.equal(String(printable(featuresOf(table))), golden().features);
      assert.deepEqual(rowsOf(table), golden().rows);
    }
  });
  it("with features that go back to the same JSON", async () => {
    const { features } = golden().metadata.info;
    assert.deepEqual(featuresToJson(featuresOf(await openArrow([file("types.arrow")]))), features);
    assert.deepEqual(featuresToJson(featuresFromJson(features)), features);
  });
  it("with dictionaries that are replaced, and gone on with, between record batches", async () => {
    const table = await openArrow([file("dictionary.arrow")]);
    assert.deepEqual(featuresOf(table), { color: "string", n: "int64" });
    assert.deepEqual(
      rowsOf(table).map(({ color }) => color),
      golden().colors,
    );
    const read = table.reader("color");
    assert.deepEqual([read(6), read(1), read(4)], ["black", null, "blue"]);
  });
  it("from slices, whose bits and offsets begin in the middle", async () => {
    assert.deepEqual(rowsOf(await openArrow([file("slice.arrow")])), golden().slice);
  });
  it("as maps, which are lists of keys and values", async () => {
    const [first, second] = rowsOf(await openArrow([file("map.arrow")]));
    assert.deepEqual(first, {
      m: [
        { key: "a", value: 1 },
        { key: "b", value: 2 },
      ],
    });
    assert.deepEqual(second, { m: null });
  });
  it("from several files as one table, whose rows any order of reading gives", async () => {
    const names = ["data-00000-of-00002.arrow", "data-00001-of-00002.arrow"].map((name) => file(`saved/train/${name}`));
    const table = await openArrow([...names, ...names]);
    assert.equal(table.length, 6);
    const read = table.reader("text");
    assert.deepEqual(
      [5, 0, 3, 2, 4, 1].map((i) => read(i)),
      ["three", "one", "one", "three", "two", "two"],
    );
    assert.deepEqual(rowsOf(table.select(Uint32Array.of(4, 2))), [
      { text: "two", label: 1 },
      { text: "three", label: 0 },
    ]);
  });
});

/** The same stream as Arrow wrote it before 2019: no marker before a message, so that bodies lie 4 bytes beside where numbers are aligned. */
function withoutMarkers(path: string): Buffer {
  const bytes = readFileSync(path);
  const parts: Buffer[] = [];
  using source = new PlacedFile(path);
  for (let message = readMessage(source, 0); message; message = readMessage(source, message.end)) parts.push(bytes.subarray(message.at + 4, message.end));
  return Buffer.concat([...parts, Buffer.alloc(4)]);
}

describe("openArrow", () => {
  it("reads the stream format of old, whose numbers are not aligned", async () => {
    const old = join(folder, "old.arrow");
    writeFileSync(old, withoutMarkers(file("types.arrow")));
    assert.deepEqual(rowsOf(await openArrow([old])), golden().rows);
  });
  it("keeps a file that was removed or replaced after it was opened", async () => {
    const copy = join(folder, "gone.arrow");
    copyFileSync(file("slice.arrow"), copy);
    const table = await openArrow([copy]);
    rmSync(copy);
    writeFileSync(copy, "something else");
    assert.deepEqual(rowsOf(table), golden().slice);
  });
  it("gives bytes that are the reader's own", async () => {
    const table = await openArrow([file("types.arrow")]);
    for (const name of ["binary", "fixed"]) {
      const bytes = table.reader(name)(2) as Uint8Array;
      bytes.fill(7); // in the file's own pages this would end the process
      assert.notDeepEqual(table.reader(name)(2), bytes);
    }
  });
  it("refuses, with the name of the column, types that it does not read", async () => {
    await assert.rejects(openArrow([file("union.arrow")]), { code: "ERR_ARROW_TYPE", message: /column "either".*union/ });
    await assert.rejects(openArrow([file("lz4.arrow")]), { code: "ERR_DATA_FILE", message: /lz4\.arrow.*compressed \(LZ4\).*compression=None/ });
  });
  it("refuses files of different columns, naming both", async () => {
    await assert.rejects(openArrow([file("slice.arrow"), file("map.arrow")]), { code: "ERR_ARROW_SCHEMA", message: /map\.arrow.*slice\.arrow/ });
  });
  it("refuses more rows than can be chosen from", async () => {
    const path = join(folder, "nothing.arrow");
    const rows = (count: number) => batchMessage(count, Object.assign(new BatchParts(), { nodes: [count, count] }));
    const write = (...batches: Buffer[]) => writeFileSync(path, Buffer.concat([schemaMessage(writeSchema({ nothing: "null" }), []), ...batches, endOfStream]));
    write(rows(2 ** 31), rows(2 ** 31 - 1));
    assert.equal((await openArrow([path])).length, 2 ** 32 - 1);
    write(rows(2 ** 31), rows(2 ** 31));
    await assert.rejects(openArrow([path]), { code: "ERR_DATA_FILE", message: /4294967296 rows, and a table has at most 4294967295/ });
  });
  it("refuses what is no Arrow file, naming it", async () => {
    const text = join(folder, "text.arrow");
    writeFileSync(text, "idx,text\n1,hello\n".repeat(10));
    await assert.rejects(openArrow([text]), { code: "ERR_DATA_FILE", file: text, byte: 0, message: /no message/ });
    writeFileSync(text, "");
    await assert.rejects(openArrow([text]), { code: "ERR_DATA_FILE", message: /empty/ });
    const nested = join(folder, "folder.arrow");
    mkdirSync(nested);
    await assert.rejects(openArrow([nested]), { code: "ERR_DATA_FILE", message: /is a folder/ });
    const pipe = join(folder, "pipe.arrow");
    if (spawnSync("mkfifo", [pipe]).status === 0) await assert.rejects(openArrow([pipe]), { code: "ERR_DATA_FILE", message: /is no file/ });
    await assert.rejects(openArrow([join(folder, "missing.arrow")]), { code: "ERR_FILE_NOT_FOUND" });
    await assert.rejects(openArrow([]), { code: "ERR_ARROW_SCHEMA" });
  });
});
