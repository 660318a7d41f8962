// Results on their way into memory or files: types decided by what waits, files for what is large.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { Dataset } from "../../src/data/index.js";
import type { ColumnData } from "../../src/data/columns/column-data.js";
import { InferringWriter } from "../../src/data/columns/column-infer.js";
import { range } from "../../src/data/dataset/rows.js";
import { ResultSink, type SinkOptions } from "../../src/data/dataset/sink.js";
import { folderOf } from "./files.js";

const source = Dataset.tableOf(Dataset.fromColumns({ n: Array.from({ length: 6 }, (_, i) => i), s: ["a", "b", "c", "d", "e", "f"] }));
function column(values: readonly unknown[]): ColumnData {
  const writer = new InferringWriter();
  for (const value of values) writer.push(value);
  return writer.finish();
}
const small = { waiting: 20, memory: 20 };
const sinkOf = (options: Partial<SinkOptions> = {}) =>
  new ResultSink(source, { verb: "map", removed: [], keepInMemory: false, fingerprint: "f", limits: small, ...options });
async function pushed(sink: ResultSink, parts: readonly (readonly unknown[])[]) {
  for (const [i, values] of parts.entries()) await sink.push({ m: column(values) }, 2 * i, 2 * i + 2);
  const table = await sink.finish();
  return { table: table!, rows: [...Dataset.ofTable<{ n: number; s: string; m: unknown }>(table!)] };
}
const expected = (m: readonly unknown[]) => m.map((value, n) => ({ n, s: "abcdef"[n], m: value }));

test("large results of data in memory go to a file that goes with the process, unless they are to stay in memory", async () => {
  await using sink = sinkOf();
  const { table, rows } = await pushed(sink, [
    [1, 2],
    [3, 4],
    [5, 6],
  ]);
  assert.deepEqual(rows, expected([1, 2, 3, 4, 5, 6]));
  assert.notEqual(table.view("m").data.kind, "number");
  await using kept = sinkOf({ keepInMemory: true });
  const inMemory = await pushed(kept, [
    [1, 2],
    [3, 4],
    [5, 6],
  ]);
  assert.equal(inMemory.table.view("m").data.kind, "number");
  assert.equal(inMemory.table.view("s").data, source.view("s").data);
});

test("temporary files are gone when the process is", () => {
  const module = new URL("../../src/data/dataset/temporary.js", import.meta.url).href;
  const script = `import { writeFileSync } from "node:fs"; import { temporaryFile } from ${JSON.stringify(module)};
    const file = temporaryFile(".arrow"); writeFileSync(file, "x"); console.log(file);`;
  const { stdout } = spawnSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" });
  assert.match(stdout, /\.arrow\n$/);
  assert.equal(existsSync(dirname(stdout.trim())), false);
});

test("types are decided by the rows that come before the file is begun", async (t) => {
  const folder = await folderOf(t, {});
  const fileOf = (name: string) => ({ file: join(folder, name) });
  await using nulls = sinkOf({ ...fileOf("a.arrow"), limits: { waiting: 60, memory: 60 } });
  assert.deepEqual(
    (
      await pushed(nulls, [
        [null, null],
        [1, 2],
        [2.5, null],
      ])
    ).rows,
    expected([null, null, 1, 2, 2.5, null]),
  );
  // Behind that a value has to fit.
  await using ints = sinkOf(fileOf("b.arrow"));
  await assert.rejects(
    pushed(ints, [
      [1, 2],
      [3, 4],
      [5.5, 6],
    ]),
    { code: "ERR_MAP_RESULT", message: /row 4, column m as Value\('int64'\): 5\.5.*give features/ },
  );
  await using floats = sinkOf(fileOf("c.arrow"));
  assert.deepEqual(
    (
      await pushed(floats, [
        [0.5, 2],
        [3, 4],
        [null, 6],
      ])
    ).rows,
    expected([0.5, 2, 3, 4, null, 6]),
  );
  await ints[Symbol.asyncDispose]();
  assert.deepEqual(readdirSync(folder).sort(), ["a.arrow", "c.arrow"]);
});

test("a file of few rows, of chosen rows, and of none", async (t) => {
  const folder = await folderOf(t, {});
  await using few = new ResultSink(source.select(range(2, 4)), {
    verb: "map",
    removed: ["s"],
    keepInMemory: false,
    fingerprint: "f",
    file: join(folder, "few.arrow"),
  });
  await few.push({ m: column([7, 8]) }, 0, 2);
  const table = await few.finish();
  assert.deepEqual(
    [...Dataset.ofTable(table!)],
    [
      { n: 2, m: 7 },
      { n: 3, m: 8 },
    ],
  );
  await using nothing = sinkOf({ file: join(folder, "nothing.arrow") });
  await nothing.push(undefined, 0, 6);
  assert.equal(await nothing.finish(), undefined);
  assert.equal(existsSync(join(folder, "nothing.arrow")), false);
});
