// DataLoader: order, sizes, prefetching, leaving early, positions, streams.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { fc } from "../support/properties.js";
import { DataLoader, Dataset, Pcg64, skipFirstBatches } from "../../src/data/index.js";
import { setSeed } from "../../src/tensor/index.js";
import { folderOf } from "./files.js";

const numbers = (n: number) => Array.from({ length: n }, (_, i) => i);
const collateFn = (rows: number[]) => rows;
async function all<B>(loader: AsyncIterable<B>): Promise<B[]> {
  const out: B[] = [];
  for await (const batch of loader) out.push(batch);
  return out;
}

test("every row comes once, in batches of the size, for any sizes", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.nat({ max: 40 }),
      fc.integer({ min: 1, max: 9 }),
      fc.boolean(),
      fc.boolean(),
      fc.nat({ max: 3 }),
      async (n, batchSize, dropLast, shuffle, ahead) => {
        const loader = new DataLoader(numbers(n), { batchSize, dropLast, shuffle, seed: 5, prefetch: ahead, collateFn });
        const batches = await all(loader);
        assert.equal(batches.length, loader.length);
        const kept = dropLast ? n - (n % batchSize) : n;
        assert.equal(batches.flat().length, kept);
        assert.equal(new Set(batches.flat()).size, kept);
        if (!shuffle) assert.deepEqual(batches.flat(), numbers(kept));
        assert.ok(batches.slice(0, -1).every((batch) => batch.length === batchSize));
      },
    ),
    { numRuns: 50 },
  );
});

test("the order of epoch e depends on the seed and e alone", async () => {
  const make = () => new DataLoader(numbers(30), { batchSize: 4, shuffle: true, seed: 9, collateFn });
  const loader = make();
  const epochs = [await all(loader), await all(loader), await all(loader)];
  for (const [epoch, batches] of epochs.entries()) assert.deepEqual(batches.flat(), [...new Pcg64([9, epoch]).permutation(30)]);
  const later = make();
  later.setEpoch(2);
  assert.deepEqual(await all(later), epochs[2]);
});

test("without a seed the order follows setSeed", async () => {
  const order = async (seed: number) => {
    setSeed(seed);
    return (await all(new DataLoader(numbers(50), { shuffle: true, collateFn }))).flat();
  };
  assert.deepEqual(await order(3), await order(3));
  assert.notDeepEqual(await order(3), await order(4));
});

test("the position is that of batches given out, and a loader goes on from it", async () => {
  const make = () => new DataLoader(numbers(20), { batchSize: 3, shuffle: true, seed: 1, collateFn });
  const whole = make();
  const [first, second] = [await all(whole), await all(whole)];
  const loader = make();
  await all(loader);
  let seen = 0;
  for await (const batch of loader) {
    assert.deepEqual(batch, second[seen]);
    if (++seen === 2) break;
  }
  assert.deepEqual(loader.state(), { epoch: 1, batch: 2, consumed: 6, step: 9 });
  const resumed = make();
  resumed.loadState(loader.state());
  const rest: number[][] = [];
  for await (const batch of resumed) {
    rest.push(batch);
    const given = 2 + rest.length;
    assert.deepEqual(resumed.state(), { epoch: 1, batch: given, consumed: Math.min(20, 3 * given), step: 7 + given });
  }
  assert.deepEqual(rest, second.slice(2));
  assert.deepEqual(resumed.state(), { epoch: 2, batch: 0, consumed: 0, step: 14 });
  assert.equal(first.length, 7);
});

test("batches are made while the body works, one at a time and no further than asked", async () => {
  let [made, running, most] = [0, 0, 0];
  const slow = async (rows: number[]) => {
    most = Math.max(most, ++running);
    await wait(2);
    running--;
    made++;
    return rows;
  };
  let taken = 0;
  for await (const _ of new DataLoader(numbers(12), { collateFn: slow, prefetch: 2 })) {
    taken++;
    const enough = Math.min(12, taken + 2);
    for (let turns = 0; made < enough && turns < 500; turns++) await wait(2);
    await wait(5);
    assert.equal(made, enough, `after batch ${taken}`);
  }
  assert.equal(most, 1);
});

test("a failing batch is thrown when its turn comes, and never when the loop was left before", async () => {
  const fails = (rows: number[]) => {
    if (rows[0] === 2) throw new RangeError("row 2");
    return rows;
  };
  const loader = new DataLoader(numbers(6), { collateFn: fails });
  const seen: number[][] = [];
  await assert.rejects(
    async () => {
      for await (const batch of loader) {
        seen.push(batch);
        await wait(10);
      }
    },
    { name: "RangeError" },
  );
  assert.deepEqual(seen, [[0], [1]]);
  for await (const _ of loader) {
    await wait(10);
    break;
  }
  await wait(20);
});

test("leaving the loop early closes a stream and leaves nothing that keeps the process", async (t) => {
  const index = new URL("../../src/data/index.js", import.meta.url).href;
  const folder = await folderOf(t, {
    "main.mjs": `import { DataLoader } from ${JSON.stringify(index)};
      async function* rows() { try { for (let i = 0; ; i++) { await new Promise((r) => setTimeout(r, 1)); yield i; } } finally { console.log("closed"); } }
      for await (const b of new DataLoader(rows(), { batchSize: 2, collateFn: (r) => r })) { if (b[0] >= 4) break; }
      const bad = new DataLoader([1, 2, 3], { collateFn: async (r) => { if (r[0] > 1) throw new Error("late"); return r; } });
      for await (const b of bad) { await new Promise((r) => setTimeout(r, 20)); break; }
      console.log("end");`,
  });
  const { stdout, status, stderr } = spawnSync(process.execPath, [join(folder, "main.mjs")], { encoding: "utf8", timeout: 120_000 });
  assert.deepEqual({ status, stderr, lines: stdout.trim().split("\n").sort() }, { status: 0, stderr: "", lines: ["closed", "end"] });
});

test("a stream is cut into batches; it has no length and cannot be shuffled", async () => {
  async function* rows() {
    for (let i = 0; i < 5; i++) yield i;
  }
  assert.deepEqual(await all(new DataLoader(rows(), { batchSize: 2, collateFn })), [[0, 1], [2, 3], [4]]);
  assert.deepEqual(await all(new DataLoader(rows(), { batchSize: 2, dropLast: true, collateFn })), [
    [0, 1],
    [2, 3],
  ]);
  assert.throws(() => new DataLoader(rows(), { collateFn }).length, { code: "ERR_NO_LENGTH" });
  assert.throws(() => new DataLoader(rows(), { shuffle: true, collateFn }), { code: "ERR_SHUFFLE_STREAM" });
});

test("an epoch that a used up generator leaves empty is an error, for ready batches too", async () => {
  async function* rows() {
    for (let i = 0; i < 3; i++) yield i;
  }
  for (const loader of [new DataLoader(rows()), skipFirstBatches(rows(), 0)] as DataLoader[]) {
    assert.equal((await all(loader)).length, 3);
    await assert.rejects(all(loader), { code: "ERR_LOADER_DATASET", message: /the data can be iterated only once/ });
  }
});

test("bad options are refused when the loader is made", () => {
  for (const batchSize of [0, -1, 1.5]) assert.throws(() => new DataLoader([1], { batchSize }), { code: "ERR_LOADER_OPTIONS" });
  const options: readonly [object, string, RegExp][] = [
    [{ numWorkers: -1 }, "ERR_LOADER_OPTIONS", /numWorkers is -1/],
    [{ numWorkers: 2, collateFn: (rows: number[]) => rows }, "ERR_CLOSURE_TRAVEL", /collateFn is a closure.*\{ filename, name \}/],
    [{ numWorkers: 2, prefetch: 2 }, "ERR_LOADER_OPTIONS", /prefetchFactor says/],
    [{ prefetchFactor: 2 }, "ERR_LOADER_OPTIONS", /prefetchFactor without numWorkers/],
    [{ numWorkers: 1, workerInitFn: () => {} }, "ERR_LOADER_OPTIONS", /workerInitFn is/],
    [{ collateFn: "pad" }, "ERR_LOADER_OPTIONS", /collateFn is 'pad'/],
    [{ groupByLength: true }, "ERR_LOADER_OPTIONS", /groupByLength without shuffle/],
    [{ num_workers: 2 }, "ERR_OPTIONS", /write numWorkers/],
  ];
  for (const [given, code, message] of options) assert.throws(() => new DataLoader([1], given), { code, message });
  assert.throws(() => new DataLoader(5 as never), { code: "ERR_LOADER_DATASET" });
});

test("a dataset whose at gives nothing is named", async () => {
  const holes = { length: 2, at: (i: number) => (i === 0 ? 1 : undefined) };
  await assert.rejects(all(new DataLoader(holes, { collateFn })), { code: "ERR_LOADER_DATASET", message: /at\(1\) gave undefined/ });
});

test("a column of fractions stays float32 in a batch of whole numbers", async () => {
  const data = Dataset.fromRows([
    { x: 1, y: 1 },
    { x: 2, y: 0 },
    { x: 2.5, y: 1 },
  ]);
  const dtypes = (await all(new DataLoader(data))).map((batch) => [batch.x.dtype, batch.y.dtype]);
  assert.deepEqual(dtypes, [
    ["float32", "int64"],
    ["float32", "int64"],
    ["float32", "int64"],
  ]);
});

test("a dataset whose length is no number of rows is named", async () => {
  for (const length of [Number.NaN, -1, 2.5, "3", () => 3, 2 ** 33]) {
    const loader = new DataLoader({ length, at: (i: number) => i } as never, { collateFn });
    await assert.rejects(all(loader), { code: "ERR_LOADER_DATASET", message: /length is/ }, String(length));
    assert.throws(() => loader.length, { code: "ERR_LOADER_DATASET" });
  }
});

test("a dataset whose at is async is named instead of making empty batches", async () => {
  for (const at of [async (i: number) => ({ x: i }), async () => Promise.reject(new Error("not seen"))])
    await assert.rejects(all(new DataLoader({ length: 2, at } as never, { batchSize: 2 })), { code: "ERR_LOADER_DATASET", message: /promise/ });
});
