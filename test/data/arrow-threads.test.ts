// Arrow columns in threads: they travel as descriptions, the file's pages are mapped once per process.
import assert from "node:assert/strict";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { pathToFileURL } from "node:url";
import { ArrowWriter, openArrow } from "../../src/data/arrow/index.js";
import type { Features } from "../../src/data/columns/features.js";
import { tableOf } from "../../src/data/columns/table.js";
import { Dataset } from "../../src/data/index.js";
import { golden, goldenFolder, rowsOf, tableOfRows, temporaryFolder } from "./arrow-support.js";
import { folderOf } from "./files.js";

const folder = temporaryFolder("arrow-threads-");
const features: Features = { text: "string", ids: { sequence: "int32" }, when: "timestamp[ms]" };
const rows = Array.from({ length: 50 }, (_, i) => ({ text: `text ${i}`, ids: [i, i + 1], when: new Date(i) }));

async function fileOf(name: string): Promise<string> {
  const file = join(folder, name);
  await using writer = await ArrowWriter.create(file, features, { batchRows: 7 });
  await writer.write(tableOfRows(features, rows));
  await writer.close();
  return file;
}
/** How often a file is mapped by this process. */
const mappings = (file: string): number =>
  readFileSync("/proc/self/maps", "utf8")
    .split("\n")
    .filter((line) => line.includes(file)).length;

describe("A table of Arrow files", () => {
  it("survives structured clone and reads the same", async () => {
    const table = await openArrow([join(goldenFolder, "types.arrow"), join(goldenFolder, "types.arrow")]);
    const copy = tableOf(structuredClone(table.data()));
    assert.deepEqual(rowsOf(copy), [...golden().rows, ...golden().rows]);
    const dictionary = await openArrow([join(goldenFolder, "dictionary.arrow")]);
    assert.deepEqual(rowsOf(tableOf(structuredClone(dictionary.data()))), rowsOf(dictionary));
  });
  it("is read by the threads of map, also when its file is gone by then", { skip: process.platform === "linux" ? false : "needs /proc" }, async (t) => {
    const lib =
      "export const twice = (c: { ids: number[][]; text: string[] }) => ({ sum: c.ids.map((ids) => ids.reduce((a, b) => a + b)), up: c.text.map((t) => t.toUpperCase()) });";
    const path = await folderOf(t as TestContext, { "lib.ts": lib });
    const file = await fileOf("mapped.arrow");
    const dataset = Dataset.ofTable<{ ids: number[]; text: string }>(await openArrow([file]));
    assert.equal(mappings(file), 1);
    rmSync(file);
    const mapped = await dataset.map<{ sum: number; up: string }>(
      { filename: pathToFileURL(join(path, "lib.ts")), name: "twice" },
      { batched: true, numProc: 2, batchSize: 10 },
    );
    assert.equal(mappings(file), 1);
    assert.deepEqual(
      mapped.column("sum"),
      rows.map((_, i) => 2 * i + 1),
    );
    assert.deepEqual(mapped.at(-1), { ...rows[49], sum: 99, up: "TEXT 49" });
  });
  it("says so when the file became another one before it was mapped again", async () => {
    const file = await fileOf("changed.arrow");
    const { columns } = (await openArrow([file])).data();
    const { data } = columns[0]!;
    assert.ok(data.kind === "arrow");
    // As a thread of another process would see it: no mapping, and a file that is not the one of the description.
    const index = { ...data.column.index, file: { ...data.column.index.file, modified: "1" } };
    const stale = tableOf({ length: 1, columns: [{ name: "text", data: { ...data, column: { ...data.column, index } } }] });
    assert.throws(() => stale.reader("text")(0), { code: "ERR_DATA_FILE", message: /changed\.arrow: was changed or replaced/ });
  });
});
