// map and filter with each of their options, in this thread and on others.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { inspect } from "node:util";
import { fc } from "../support/properties.js";
import { ClassLabel, Dataset, datasetDict } from "../../src/data/index.js";
import { folderOf } from "./files.js";

const numbers = (n: number) => Dataset.fromColumns({ n: Array.from({ length: n }, (_, i) => i), s: Array.from({ length: n }, (_, i) => `#${i}`) });
const ten = numbers(10);

/** Functions as a user's module exports them. */
const lib = `
export const twice = (row) => ({ twice: row.n * 2 });
export const told = (row, index, rank, options) => ({ index, rank, add: row.n + options.add });
export const ofRank = (row, rank) => ({ rank });
export const columns = (n, s, indices) => ({ joined: n.map((x, i) => s[i] + x + indices[i]) });
export const even = (row) => row.n % 2 === 0;
export const evens = (columns) => columns.n.map((n) => n % 2 === 0);
export const failing = async (row) => { if (row.n === 7) throw new RangeError("no seven"); return {}; };
export const pairs = (c) => ({ m: c.n.flatMap((n) => [n, n]) });
`;

test("functions are given what was asked for: index, rank, columns, further arguments", async () => {
  const seen: unknown[][] = [];
  const note = (...args: unknown[]) => void seen.push(args);
  await ten.take(1).map(note as never);
  await ten.take(1).map(note as never, { withIndices: true });
  await ten.take(1).map(note as never, { withRank: true });
  await ten.take(1).map(note as never, { withRank: true, withIndices: true, fnKwargs: { a: 1 } });
  await ten.take(1).map(note as never, { inputColumns: ["s", "n"] });
  await ten.take(2).map(note as never, { inputColumns: ["n"], batched: true });
  await ten.take(1).map(note as never, { inputColumns: "s" } as never);
  const row = { n: 0, s: "#0" };
  assert.deepEqual(seen, [
    [row, 0, 0],
    [row, 0],
    [row, 0],
    [row, 0, 0, { a: 1 }],
    ["#0", 0, 0, 0],
    [[0, 1], [0, 1], 0],
    ["#0", 0, 0],
  ]);
  const typed = await ten.map((s, n, index) => ({ all: `${s.length}${n.toFixed()}${index}` }), { inputColumns: ["s", "n"] });
  assert.equal(typed.at(3).all, "233");
});

test("a function that returns nothing is called for what else it does, and changes nothing", async () => {
  let sum = 0;
  const add = (row: { n: number }) => {
    sum += row.n;
  };
  const same = await ten.map(add);
  assert.equal(sum, 45);
  assert.deepEqual([...same], [...ten]);
  assert.equal(same.fingerprint, ten.fingerprint);
  assert.deepEqual((await ten.map(async () => null, { batched: true, removeColumns: ["n"] })).columnNames, ["n", "s"]);
  await assert.rejects(
    ten.map((c) => (c.n[0] === 0 ? { a: c.n } : undefined) as never, { batched: true, batchSize: 5 }),
    {
      code: "ERR_MAP_RESULT",
      message: /returned nothing for rows 5 to 9, columns for those before/,
    },
  );
});

test("removed columns are seen by the function and absent from the result", async () => {
  const mapped = await ten.map((row) => ({ t: row.s + row.n }), { removeColumns: ["n", "s"] });
  assert.deepEqual(mapped.columnNames, ["t"]);
  // @ts-expect-error the type checker knows that it is gone
  mapped.at(0).n;
  assert.deepEqual((await ten.map(() => ({ n: 1 }), { removeColumns: "n" })).columnNames, ["s", "n"]);
  await assert.rejects(
    ten.map(() => ({}), { removeColumns: ["m" as "n"] }),
    { code: "ERR_COLUMN_NOT_FOUND" },
  );
});

test("batches may make more or fewer rows when no column is left over", async () => {
  const mapped = await ten.map((c) => ({ m: c.n.flatMap((n) => (n % 3 === 0 ? [] : [n, -n])) }), { batched: true, batchSize: 4, removeColumns: ["n", "s"] });
  assert.deepEqual(mapped.column("m"), [1, -1, 2, -2, 4, -4, 5, -5, 7, -7, 8, -8]);
  await assert.rejects(
    ten.map((c) => ({ m: c.n.slice(1) }), { batched: true, batchSize: 4, removeColumns: ["n"] }),
    {
      code: "ERR_MAP_RESULT",
      message: /rows 0 to 3: column m has 3 rows, the batch 4: .*removeColumns.*s would stay/,
    },
  );
  await assert.rejects(
    ten.map((c) => ({ a: c.n, b: [1] }), { batched: true }),
    { code: "ERR_MAP_RESULT", message: /column b has 1 rows, column a 10/ },
  );
});

test("batch sizes: all rows at once, a last batch left out", async () => {
  const sizes: number[] = [];
  const note = (columns: { n: number[] }) => {
    sizes.push(columns.n.length);
    return { k: columns.n.map(() => columns.n.length) };
  };
  for (const batchSize of [-1, null]) await ten.map(note, { batched: true, batchSize });
  const dropped = await ten.map(note, { batched: true, batchSize: 4, dropLastBatch: true });
  assert.deepEqual(sizes, [10, 10, 4, 4]);
  assert.deepEqual(dropped.column("n"), [0, 1, 2, 3, 4, 5, 6, 7]);
  assert.equal((await ten.map(note, { batched: true, batchSize: 20, dropLastBatch: true })).length, 0);
  await assert.rejects(ten.map(note, { batched: true, batchSize: 2.5 }), { code: "ERR_MAP_OPTIONS" });
  await assert.rejects(ten.map({ filename: "x.js", name: "y" }, { numProc: 0 }), { code: /ERR_M/ });
});

test("declared features type the result; others are inferred, and a replaced column keeps its type", async () => {
  const y = new ClassLabel(["even", "odd"]);
  const mapped = await ten.map((row) => ({ y: row.n % 2 ? "odd" : "even", f: row.n }), { features: { n: "int16", s: "string", y, f: "float32" } });
  assert.equal(inspect(mapped.features), "{'n': Value('int16'), 's': Value('string'), 'y': ClassLabel(names=['even', 'odd']), 'f': Value('float32')}");
  assert.deepEqual(mapped.at(3), { n: 3, s: "#3", y: 1, f: 3 });
  const again = await mapped.map((row) => ({ y: 1 - (row.y as never as number), n: row.n * 2, f: "text" }));
  assert.equal(inspect(again.features), "{'n': Value('int16'), 's': Value('string'), 'y': ClassLabel(names=['even', 'odd']), 'f': Value('string')}");
  await assert.rejects(
    ten.map(() => ({ y: "maybe" }), { features: { n: "int64", s: "string", y } }),
    { code: "ERR_MAP_RESULT", message: /row 0, column y.*maybe/ },
  );
  await assert.rejects(
    ten.map(() => ({ y: 1 }), { features: { y: "int64" } }),
    { code: "ERR_FEATURES", message: /lack column n/ },
  );
  await assert.rejects(
    ten.map(() => ({ y: 1 }), { features: { n: "int64", s: "string", y: "int64", z: "int8" } }),
    { code: "ERR_FEATURES", message: /have a column z/ },
  );
  const tokens = await ten.map(() => ({ input_ids: [1, 2], attention_mask: [1, 1], other: [1] }), { removeColumns: ["n", "s"] });
  assert.equal(inspect(tokens.features), "{'input_ids': List(Value('int32')), 'attention_mask': List(Value('int8')), 'other': List(Value('int64'))}");
});

test("of an async function many calls run at once, but no more than a thousand, and results keep their order", async () => {
  let [running, most] = [0, 0];
  const slow = async (row: { n: number }) => {
    most = Math.max(most, ++running);
    await wait(row.n % 3);
    running--;
    return { twice: row.n * 2 };
  };
  const mapped = await numbers(2500).map(slow, { batchSize: -1 });
  assert.deepEqual([most, mapped.column("twice").every((x, i) => x === 2 * i)], [1000, true]);
  most = 0;
  const batches = await numbers(40).map(
    async (c) => {
      most = Math.max(most, ++running);
      await wait(1);
      running--;
      return { m: c.n };
    },
    { batched: true, batchSize: 2 },
  );
  assert.deepEqual([most, batches.column("m").join()], [20, numbers(40).column("n").join()]);
});

test("an error names the row, whether the function is async, of batches, or on a thread", async (t) => {
  const filename = join(await folderOf(t, { "lib.mjs": lib }), "lib.mjs");
  const fail = (n: number) => {
    if (n === 7) throw new RangeError("no seven");
    return {};
  };
  const row = { code: "ERR_MAP_FAILED", message: "map: row 7: RangeError: no seven" };
  await assert.rejects(
    ten.map((r) => fail(r.n)),
    row,
  );
  await assert.rejects(
    ten.map(async (r) => fail(r.n)),
    row,
  );
  await assert.rejects(ten.map({ filename, name: "failing" }, { numProc: 2, batchSize: 3 }), row);
  await assert.rejects(
    ten.filter((r) => Boolean(fail(r.n))),
    { message: "filter: row 7: RangeError: no seven" },
  );
  await assert.rejects(
    ten.map((c) => fail(c.n[1]!), { batched: true, batchSize: 3 }),
    { message: /map: rows 6 to 8: RangeError: no seven/ },
  );
  await assert.rejects(ten.map({ filename: "nowhere.mjs", name: "f" }), { code: "ERR_MODULE_EXPORT", message: /there is no module .*nowhere\.mjs/ });
  await assert.rejects(ten.map({ filename, name: "twice" }, { numProc: 2, fnKwargs: { f: () => 1 } }), {
    code: "ERR_MAP_OPTIONS",
    message: /fnKwargs cannot travel/,
  });
});

test("filter chooses rows by functions of rows, batches and columns, here and on threads", async (t) => {
  const filename = join(await folderOf(t, { "lib.mjs": lib }), "lib.mjs");
  const even = [0, 2, 4, 6, 8];
  assert.deepEqual((await ten.filter((row) => row.n % 2 === 0)).column("n"), even);
  assert.deepEqual((await ten.filter((c) => c.n.map((n) => n % 2 === 0), { batched: true, batchSize: 3 })).column("n"), even);
  assert.deepEqual((await ten.filter((s, index) => s.length > 1 && index % 2 === 0, { inputColumns: ["s"] })).column("n"), even);
  assert.deepEqual((await ten.filter({ filename, name: "even" }, { numProc: 2, batchSize: 3 })).column("n"), even);
  assert.deepEqual((await ten.filter({ filename, name: "evens" }, { batched: true, numProc: 2 })).column("n"), even);
  assert.deepEqual((await ten.shuffle({ seed: 42 }).filter((row) => row.n % 2 === 0)).column("n"), [6, 0, 2, 4, 8]);
  assert.deepEqual((await ten.filter(() => false)).columnNames, ["n", "s"]);
  assert.equal((await ten.slice(0, 0).filter(() => true)).length, 0);
  await assert.rejects(ten.filter((() => [true]) as never, { batched: true }), { code: "ERR_MAP_RESULT", message: /returned 1 values for rows 0 to 9/ });
  await assert.rejects(ten.filter((() => true) as never, { numProc: 2 } as never), { code: "ERR_CLOSURE_TRAVEL", message: /^filter:/ });
});

test("any number of threads and any batch size make the same rows in the same order", async (t) => {
  const filename = join(await folderOf(t, { "lib.mjs": lib }), "lib.mjs");
  const dict = datasetDict([
    ["train", numbers(37).shuffle({ seed: 1 })],
    ["test", numbers(5)],
  ]);
  const expected = await dict.map<{ joined: string }>({ filename, name: "columns" }, { batched: true, inputColumns: ["n", "s"] });
  const pairs = await dict.map<{ m: number }>({ filename, name: "pairs" }, { batched: true, removeColumns: ["n", "s"] });
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 40 }), async (numProc, batchSize) => {
      const options = { numProc, batchSize, batched: true };
      const mapped = await dict.map<{ joined: string }>({ filename, name: "columns" }, { ...options, inputColumns: ["n", "s"] });
      assert.deepEqual([[...mapped.train], [...mapped.test]], [[...expected.train], [...expected.test]]);
    }),
    { numRuns: 3 },
  );
  const doubled = await dict.map<{ m: number }>({ filename, name: "pairs" }, { numProc: 2, batchSize: 3, batched: true, removeColumns: ["n", "s"] });
  assert.deepEqual(doubled.train.column("m"), pairs.train.column("m"));
  const told = await ten.map<{ index: number; rank: number; add: number }>({ filename, name: "told" }, { numProc: 2, batchSize: 1, fnKwargs: { add: 10 } });
  assert.deepEqual(
    told.column("add"),
    told.column("n").map((n) => n + 10),
  );
  assert.ok(told.column("rank").every((rank) => rank === 0 || rank === 1));
  assert.deepEqual((await ten.map<{ rank: number }>({ filename, name: "ofRank" }, { withRank: true })).column("rank"), new Array(10).fill(0));
});

test("of several that fail, or run beside one that fails, the first by order is told", async () => {
  const failing = async (row: { n: number }) => {
    await wait(row.n === 1500 ? 0 : 5);
    if (row.n >= 1500) throw new RangeError(String(row.n));
    return { n: row.n };
  };
  await assert.rejects(numbers(3000).map(failing), { code: "ERR_MAP_FAILED", message: "map: row 1500: RangeError: 1500" });
});
