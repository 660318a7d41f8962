// JSONL and CSV: what is written, runs that go on, columns that come later.
import assert from "node:assert/strict";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { test } from "node:test";
import { fc } from "../support/properties.js";
import { CsvTracker, JsonlTracker } from "../../src/tracking/index.js";
import { parseCsv, row, widen } from "../../src/tracking/csv-text.js";
import { context, temporary } from "./support.js";

test("jsonl has a line per step and the configuration beside it", async () => {
  await using directory = await temporary();
  const tracker = new JsonlTracker(context(directory.path));
  await tracker.start();
  await tracker.storeInitConfiguration({ learningRate: 1e-3, limit: Number.POSITIVE_INFINITY, big: 2n ** 60n });
  await Promise.all([
    tracker.log({ train: { loss: 0.5 }, note: 'a "b"\n' }, { step: 1, wallTime: 1.5 }),
    tracker.log({ loss: Number.NaN, ok: false }, { step: 2, wallTime: 2.5 }),
  ]);
  await tracker.finish();
  const lines = (await readFile(tracker.path, "utf8")).split("\n");
  assert.deepEqual(
    lines.slice(0, 2).map((line) => JSON.parse(line) as unknown),
    [
      { _step: 1, _timestamp: 1.5, "train/loss": 0.5, note: 'a "b"\n' },
      { _step: 2, _timestamp: 2.5, loss: "NaN", ok: false },
    ],
  );
  assert.deepEqual(lines.slice(2), [""]);
  assert.deepEqual(JSON.parse(await readFile(`${dirname(tracker.path)}/config.json`, "utf8")), {
    learningRate: 1e-3,
    limit: "Infinity",
    big: String(2n ** 60n),
  });
});

test("a run that goes on appends, and closes a line that was cut off", async () => {
  await using directory = await temporary();
  const tracker = new JsonlTracker(context(directory.path));
  await mkdir(dirname(tracker.path), { recursive: true });
  await writeFile(tracker.path, '{"_step":1}\n{"_st');
  await tracker.start();
  await tracker.log({ loss: 1 }, { step: 2, wallTime: 0 });
  await tracker.finish();
  assert.equal(await readFile(tracker.path, "utf8"), '{"_step":1}\n{"_st\n{"_step":2,"_timestamp":0,"loss":1}\n');
});

test("csv gets a column for a name that comes later, also when calls are not awaited", async () => {
  await using directory = await temporary();
  const tracker = new CsvTracker(context(directory.path));
  await tracker.start();
  await Promise.all([
    tracker.log({ loss: 0.5, note: 'say "a, b"\nand c' }, { step: 1, wallTime: 1 }),
    tracker.log({ accuracy: 0.9, loss: 0.25 }, { step: 2, wallTime: 2 }),
    tracker.log({ loss: 0.125 }, { step: 3, wallTime: 3 }),
  ]);
  await tracker.finish();
  const text = await readFile(tracker.path, "utf8");
  assert.equal(text, '_step,_timestamp,loss,note,accuracy\n1,1,0.5,"say ""a, b""\nand c",\n2,2,0.25,,0.9\n3,3,0.125,,\n');
  assert.deepEqual(await readdir(dirname(tracker.path)), ["metrics.csv"], "no drafts are left");

  const next = new CsvTracker(context(directory.path));
  await next.start();
  await next.log({ accuracy: 1 }, { step: 4, wallTime: 4 });
  await next.finish();
  assert.equal(await readFile(tracker.path, "utf8"), `${text}4,4,,,1\n`);
});

test("any cells come back from a table, and stay when it gets columns", () => {
  const cells = fc.array(fc.oneof(fc.string(), fc.constantFrom('"', ",", "\n", "\r\n", " ", "")), { minLength: 2, maxLength: 4 });
  fc.assert(
    fc.property(fc.array(cells, { minLength: 1, maxLength: 5 }), (table) => {
      assert.deepEqual(parseCsv(table.map(row).join("")), table);
      const columns = ["a", "b", "c", "d", "e"];
      const wide = parseCsv(widen(row(["a", "b"]) + table.map(row).join(""), columns));
      assert.deepEqual(wide, [columns, ...table.map((line) => [...line, ...Array<string>(5 - line.length).fill("")])]);
    }),
    { numRuns: 60 },
  );
});
