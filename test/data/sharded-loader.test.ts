// Loaders that give out one rank's share: lengths, what of a batch is real, positions, streams, and foreign loaders.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { fc } from "../support/properties.js";
import { DataLoader, type DataLoaderOptions, Pcg64 } from "../../src/data/index.js";
import { rowsOfBatch, shardedBatches } from "../../src/data/loader/foreign.js";
import { type BatchInUse, RankLoader } from "../../src/data/loader/rank-loader.js";
import { tensor } from "../../src/tensor/index.js";

const numbers = (n: number) => Array.from({ length: n }, (_, i) => i);
const collateFn = (rows: number[]) => rows;
type Source = number[] | AsyncIterable<number>;
/** Our loaders are rank loaders, which their public type does not tell. */
function ranked(source: Source, options: DataLoaderOptions = {}): RankLoader<number[]> {
  const loader: unknown = new DataLoader(source, { collateFn, ...options });
  assert.ok(loader instanceof RankLoader);
  return loader;
}
async function* stream(n: number): AsyncGenerator<number> {
  for (let i = 0; i < n; i++) yield i;
}
async function all<B>(loader: AsyncIterable<B>): Promise<B[]> {
  const out: B[] = [];
  for await (const batch of loader) out.push(batch);
  return out;
}
/** The rows that count, and what the loader said of each batch. */
async function used(loader: RankLoader<number[]>): Promise<{ real: number[]; uses: BatchInUse[] }> {
  const [real, uses]: [number[], BatchInUse[]] = [[], []];
  for await (const batch of loader) {
    const use = loader.current!;
    assert.equal(use.rows, batch.length);
    uses.push({ rows: use.rows, realRows: use.realRows, last: use.last, weight: use.weight });
    real.push(...batch.slice(0, use.realRows));
    await wait(0); // prefetching goes on, the batch in use stays the same
    assert.equal(loader.current, use);
  }
  return { real, uses };
}

test("the batch in use says how many of its rows count, and whether it is the last", async () => {
  const of = (source: Source, processIndex: number) => {
    const loader = ranked(source, { batchSize: 3 });
    loader.shard({ numProcesses: 2, processIndex });
    return used(loader);
  };
  for (const source of [() => numbers(20), () => stream(20)]) {
    const full = { rows: 3, realRows: 3, last: false, weight: undefined };
    const [first, second] = [await of(source(), 0), await of(source(), 1)];
    assert.deepEqual(first, { real: [0, 1, 2, 6, 7, 8, 12, 13, 14, 18, 19], uses: [full, full, full, { ...full, realRows: 2, last: true }] });
    assert.deepEqual(second.uses, [full, full, full, { ...full, realRows: 0, last: true }]);
  }
});

test("the rows that count are the dataset, once, on any number of ranks, shuffled or streamed", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.nat({ max: 30 }),
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 4 }),
      fc.constantFrom("order", "shuffle", "stream"),
      fc.boolean(),
      async (n, batchSize, numProcesses, kind, evenBatches) => {
        const seen: number[] = [];
        for (let processIndex = 0; processIndex < numProcesses; processIndex++) {
          const loader = ranked(kind === "stream" ? stream(n) : numbers(n), { batchSize, shuffle: kind === "shuffle", ...(kind === "shuffle" && { seed: 3 }) });
          loader.shard({ numProcesses, processIndex, evenBatches });
          const length = kind === "stream" ? undefined : loader.length;
          const { real, uses } = await used(loader);
          if (length !== undefined) assert.equal(uses.length, length);
          assert.ok(uses.every((use, k) => use.last === (k === uses.length - 1)));
          seen.push(...real);
        }
        assert.deepEqual(
          seen.sort((a, b) => a - b),
          numbers(n),
        );
      },
    ),
    { numRuns: 60 },
  );
});

test("all ranks cut one order of the epoch, that of the seed they have in common", async () => {
  const ranks = [0, 1].map((processIndex) => {
    const loader = ranked(numbers(16), { batchSize: 2, shuffle: true, seed: 100 + processIndex });
    loader.seed = 9; // prepare takes rank 0's
    assert.equal(loader.seed, 9);
    loader.shard({ numProcesses: 2, processIndex });
    return loader;
  });
  for (const epoch of [0, 1]) {
    const [first, second] = [await all(ranks[0]!), await all(ranks[1]!)];
    const whole = first.flatMap((batch, k) => [...batch, ...second[k]!]);
    assert.deepEqual(whole, [...new Pcg64([9, epoch]).permutation(16)]);
  }
  assert.equal(ranked(numbers(3)).seed, undefined);
  assert.throws(
    () => {
      ranked(numbers(3)).seed = 4;
    },
    { code: "ERR_LOADER_OPTIONS", message: /does not shuffle/ },
  );
});

test("positions count this rank's batches, and going on reads no row that was skipped", async () => {
  const read: number[] = [];
  const dataset = {
    length: 40,
    at(i: number) {
      read.push(i);
      return i;
    },
  };
  const make = () => {
    const loader: unknown = new DataLoader(dataset, { batchSize: 3, shuffle: true, seed: 1, collateFn, prefetch: 0 });
    assert.ok(loader instanceof RankLoader);
    loader.shard({ numProcesses: 2, processIndex: 1 });
    return loader as RankLoader<number[]>;
  };
  const whole = await all(make());
  const resumed = make();
  resumed.loadState({ epoch: 0, batch: 5, consumed: 30, step: 5 });
  read.length = 0;
  const rest: number[][] = [];
  for await (const batch of resumed) {
    rest.push(batch);
    const given = 5 + rest.length;
    assert.deepEqual(resumed.state(), { epoch: 0, batch: given, consumed: Math.min(40, 6 * given), step: given });
  }
  assert.deepEqual(rest, whole.slice(5));
  assert.equal(read.length, 3 * rest.length);
  assert.deepEqual(resumed.state(), { epoch: 1, batch: 0, consumed: 0, step: 7 });
});

test("sharding once more is free, with other options it replaces, during an iteration it is refused", async () => {
  const loader = ranked(numbers(12), { batchSize: 2 });
  const mine = { numProcesses: 2, processIndex: 0 };
  loader.shard(mine);
  assert.equal(loader.length, 3);
  for await (const _ of loader) {
    loader.shard(mine);
    assert.throws(() => loader.shard({ ...mine, processIndex: 1 }), { code: "ERR_LOADER_BUSY" });
    break;
  }
  loader.shard({ numProcesses: 3, processIndex: 2 });
  assert.deepEqual(await all(loader), [
    [4, 5],
    [10, 11],
  ]);
  assert.throws(() => ranked(numbers(4), { batchSize: 3 }).shard({ ...mine, splitBatches: true }), { code: "ERR_LOADER_SHARD" });
});

test("iterations are told of: begun before the first batch, ended however they end, nested ones too", async () => {
  const loader = ranked(numbers(4), { batchSize: 2 });
  const events: string[] = [];
  const off = loader.onIterate((event) => events.push(event));
  assert.equal(loader.current, undefined);
  await all(loader);
  for await (const _ of loader) break;
  await assert.rejects(async () => {
    for await (const _ of loader) throw new RangeError("body");
  }, RangeError);
  assert.deepEqual(events, ["begin", "end", "begin", "end", "begin", "end"]);
  assert.equal(loader.current, undefined);
  for await (const batch of loader) {
    const outer: BatchInUse | undefined = loader.current;
    for await (const _ of loader) assert.notEqual(loader.current, outer);
    assert.equal(loader.current, outer, "the outer batch is in use again");
    assert.equal(batch.length, 2);
  }
  events.length = 0;
  off();
  await all(loader);
  assert.deepEqual(events, []);
});

test("a stream that fails is thrown when the turn of its batch comes", async () => {
  async function* rows() {
    yield* numbers(5);
    throw new RangeError("row 5");
  }
  const loader = ranked(rows(), { batchSize: 2, prefetch: 0 });
  loader.shard({ numProcesses: 2, processIndex: 0 });
  const seen: number[][] = [];
  await assert.rejects(
    async () => {
      for await (const batch of loader) seen.push(batch);
    },
    { message: "row 5" },
  );
  assert.deepEqual(seen, [[0, 1]]);
});

test("foreign batches are dealt in turn; what fills a last round counts for nothing", async () => {
  const source = () => stream(5);
  const of = async (processIndex: number, evenBatches = true) => {
    const loader = shardedBatches({ [Symbol.asyncIterator]: source }, { numProcesses: 2, processIndex, evenBatches });
    const out: (readonly [number, number])[] = [];
    for await (const batch of loader) out.push([batch, loader.current!.realRows]);
    return out;
  };
  assert.deepEqual(await of(0), [
    [0, 1],
    [2, 1],
    [4, 1],
  ]);
  assert.deepEqual(await of(1), [
    [1, 1],
    [3, 1],
    [0, 0],
  ]);
  assert.deepEqual(await of(1, false), [
    [1, 1],
    [3, 1],
  ]);
});

test("a foreign loader's length, batch size and epochs are used where it has them", async () => {
  const epochs: number[] = [];
  const foreign = { length: 5, batchSize: 4, setEpoch: (epoch: number) => epochs.push(epoch), [Symbol.iterator]: () => numbers(5)[Symbol.iterator]() };
  const loader = shardedBatches(foreign, { numProcesses: 2, processIndex: 1 });
  assert.deepEqual([loader.length, loader.batchSize], [3, 4]);
  loader.setEpoch(7);
  assert.deepEqual(epochs, [7]);
  loader.loadState({ epoch: 1, batch: 2, consumed: 4, step: 5 });
  assert.deepEqual(await all(loader), [0]);
  assert.deepEqual(loader.state(), { epoch: 2, batch: 0, consumed: 0, step: 6 });
  const bare = shardedBatches(stream(3), { numProcesses: 1, processIndex: 0 });
  assert.throws(() => bare.length, { code: "ERR_NO_LENGTH" });
  assert.ok(Number.isNaN(bare.batchSize));
  assert.throws(() => shardedBatches(stream(3), { numProcesses: 2, processIndex: 0, splitBatches: true }), { code: "ERR_LOADER_SHARD" });
});

test("the rows of a foreign batch are found in its tensors, else in its lists", () => {
  const x = tensor([
    [1, 2, 3],
    [4, 5, 6],
  ]);
  const cases: readonly (readonly [unknown, number])[] = [
    [x, 2],
    [{ names: ["a", "b", "c"], inner: { x } }, 2],
    [[x, tensor([1, 0])], 2],
    [{ x: Float32Array.of(1, 2, 3) }, 3],
    [{ x: [1, 2, 3, 4] }, 4],
    [
      [
        [1, 2, 3],
        [4, 5, 6],
      ],
      2,
    ],
    [{}, 1],
    [5, 1],
    [tensor(3), 1],
  ];
  for (const [batch, rows] of cases) assert.equal(rowsOfBatch(batch), rows);
  const ring: { self?: unknown } = {};
  ring.self = ring;
  assert.equal(rowsOfBatch(ring), 1);
});

test("leaving the loop early closes what the batches come from", async () => {
  let closed = 0;
  async function* endless() {
    try {
      for (let i = 0; ; i++) yield i;
    } finally {
      closed++;
    }
  }
  const ours = ranked(endless(), { batchSize: 2 });
  ours.shard({ numProcesses: 2, processIndex: 1 });
  const foreign = shardedBatches(endless(), { numProcesses: 2, processIndex: 1 });
  for (const loader of [ours, foreign])
    for await (const batch of loader) {
      assert.deepEqual([batch].flat(), loader === ours ? [2, 3] : [1]);
      break;
    }
  for (let turns = 0; closed < 2 && turns < 10_000; turns++) await wait(1);
  assert.equal(closed, 2);
});
