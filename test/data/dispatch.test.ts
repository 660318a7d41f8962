// Rank 0 reads for all: what travels, what each rank gets, how ends and failures are heard of.
import assert from "node:assert/strict";
import { test } from "node:test";
import { unshardedBatches } from "../../src/data/loader/foreign.js";
import { DataLoader } from "../../src/data/index.js";
import type { RankLoader } from "../../src/data/loader/rank-loader.js";
import { pack, unpack } from "../../src/data/loader/travel.js";
import { Tensor, tensor } from "../../src/tensor/index.js";
import { dealersOf, epoch, gathered, given, noting, numbers, ranked, sharded, stream } from "./ranks.js";

test("only rank 0 reads, and each rank is sent its own rows alone", async () => {
  const read: number[][] = [[], []];
  const sizes: number[] = [];
  const dealers = dealersOf(2).map((dealer) => ({
    scatter: async (messages: Promise<readonly Uint8Array[]> | undefined) => {
      const bytes = await dealer.scatter(messages);
      sizes.push(bytes.length);
      return bytes;
    },
  }));
  const loaders = numbers(2).map((rank) => {
    const loader = ranked(noting(8, read[rank]!), { batchSize: 2 });
    loader.shard({ numProcesses: 2, processIndex: rank, dealer: dealers[rank] });
    return loader;
  });
  assert.deepEqual(gathered(await epoch(loaders)), numbers(8));
  assert.deepEqual([read[0]!.sort((a, b) => a - b), read[1]], [numbers(8), []]);
  assert.equal(sizes.length, 4, "one message per rank and batch: the last one says that it is the last");
});

test("one row for four ranks: nobody's batch is empty", async () => {
  for (const splitBatches of [false, true]) {
    const ranks = await epoch(sharded(() => ranked(stream(1), { batchSize: splitBatches ? 8 : 2 }), 4, { dispatch: true, splitBatches }));
    assert.deepEqual(
      ranks.map(([only]) => [only!.batch, only!.realRows, only!.last]),
      [1, 0, 0, 0].map((real) => [[0], real, true]),
    );
  }
  // Uneven: the others have no batch, and do not wait for one.
  const uneven = await epoch(sharded(() => ranked(stream(1), { batchSize: 2 }), 4, { dispatch: true, evenBatches: false }));
  assert.deepEqual(
    uneven.map((batches) => batches.length),
    [1, 0, 0, 0],
  );
  assert.deepEqual(await epoch(sharded(() => ranked(stream(0), { batchSize: 2 }), 3, { dispatch: true })), [[], [], []]);
});

test("rows of any length and kind travel, tensors too", async () => {
  const rows = numbers(7).map((i) => ({
    ids: numbers(i + 1),
    text: "x".repeat(i),
    when: new Date(i),
    big: 2n ** 70n,
    inner: { x: tensor([[i, 0.5]]), list: [null, undefined, Number.NaN] },
  }));
  const loaders = sharded(() => new DataLoader(rows, { batchSize: 2, collateFn: (batch: typeof rows) => batch }) as unknown as RankLoader<typeof rows>, 2, {
    dispatch: true,
  });
  const ranks = await epoch(loaders);
  const seen = numbers(2).flatMap((k) => ranks.flatMap((batches) => batches[k]!.batch.slice(0, batches[k]!.realRows)));
  assert.equal(seen.length, 7);
  for (const [i, row] of seen.entries()) {
    const { inner, ...rest } = row;
    const { inner: _, ...expected } = rows[i]!;
    assert.deepEqual(rest, expected);
    assert.ok(inner.x instanceof Tensor);
    assert.deepEqual(await inner.x.toArray(), [[i, 0.5]]);
    assert.deepEqual(inner.list, [null, undefined, Number.NaN]);
  }
});

test("batches of a foreign loader travel as they are", async () => {
  const batches = numbers(5).map((i) => ({ x: tensor(numbers(i + 1), { dtype: "int64" }), y: [i] }));
  const ranks = await epoch(sharded((rank) => unshardedBatches(rank === 0 ? batches : []), 2, { dispatch: true }));
  const seen = await Promise.all(
    ranks.map((list) => Promise.all(list.map(async ({ batch, realRows, rows }) => [await batch.x.toArray(), batch.x.dtype, rows, realRows]))),
  );
  assert.deepEqual(seen, [
    [0, 2, 4].map((i) => [numbers(i + 1), "int64", i + 1, i + 1]),
    [...[1, 3].map((i) => [numbers(i + 1), "int64", i + 1, i + 1]), [[0], "int64", 1, 0]],
  ]);
});

test("dtypes and shapes of tensors, shared parts and odd keys arrive as they were", async () => {
  const x = tensor([[1, 2, 3]], { dtype: "float16" });
  const back = unpack(await pack({ a: x, list: [x, tensor(5, { dtype: "bool" })], "": new Float64Array([1, 2]), map: new Map([[1, "a"]]) })) as Record<
    string,
    unknown
  > & { a: Tensor; list: Tensor[] };
  assert.deepEqual([back.a.dtype, back.a.shape, await back.a.toArray()], ["float16", [1, 3], [[1, 2, 3]]]);
  assert.deepEqual([back.list[1]!.dtype, back.list[1]!.shape], ["bool", []]);
  assert.deepEqual(back[""], new Float64Array([1, 2]));
  assert.deepEqual(back.map, new Map([[1, "a"]]));
});

test("what cannot travel is named by its place, on every rank", async () => {
  class Own {}
  const ring: { self?: unknown } = {};
  ring.self = ring;
  for (const [row, message] of [
    [{ f: { g: () => 1 } }, /function cannot travel to another worker \(parts\[0\]\.items\[0\]\.row\.f\.g\)/],
    [ring, /a structure that holds itself cannot travel to another worker \(parts\[0\]\.items\[0\]\.row\.self\)/],
    [{ list: [1, new Own()] }, /a Own cannot travel to another worker \(parts\[0\]\.items\[0\]\.row\.list\[1\]\)/],
  ] as const) {
    const loaders = sharded(() => new DataLoader([row, row], { collateFn: (rows: unknown[]) => rows }) as unknown as RankLoader<unknown[]>, 2, {
      dispatch: true,
    });
    const results = await Promise.allSettled(loaders.map((loader) => given(loader)));
    assert.ok(results.every(({ status }) => status === "rejected"));
    const [first, second] = results.map((result) => (result as PromiseRejectedResult).reason as Error & { code: string });
    assert.equal(first!.code, "ERR_DISPATCH_VALUE");
    assert.match(first!.message, message);
    assert.equal(second!.code, "ERR_DISPATCH");
    assert.match(second!.message, message);
  }
});

test("a failure of rank 0's reading is heard by all at its turn, with its reason", async () => {
  async function* rows() {
    yield* numbers(9);
    throw Object.assign(new RangeError("row 9 is broken"), { code: "E_ROW" });
  }
  const loaders = sharded((rank) => ranked(rank === 0 ? rows() : stream(0), { batchSize: 2 }), 2, { dispatch: true });
  const seen: number[] = [0, 0];
  const results = await Promise.allSettled(
    loaders.map(async (loader, rank) => {
      for await (const _ of loader) seen[rank]!++;
    }),
  );
  assert.deepEqual(seen, [2, 2]);
  const [first, second] = results.map((result) => (result as PromiseRejectedResult).reason as Error & { code: string });
  assert.equal(first!.name, "RangeError");
  assert.equal(second!.code, "ERR_DISPATCH");
  assert.match(second!.message, /rank 0 could not read the next batch: RangeError E_ROW: row 9 is broken/);
});

test("rank 0 reads ahead while the loop works, and stops when it is left", async () => {
  const read: number[] = [];
  let closed = false;
  async function* rows() {
    try {
      for (let i = 0; ; i++) {
        read.push(i);
        yield i;
      }
    } finally {
      closed = true;
    }
  }
  const loaders = sharded((rank) => ranked(rank === 0 ? rows() : stream(0), { batchSize: 1, prefetch: 2 }), 2, { dispatch: true });
  const both = await epoch(loaders, 3);
  assert.deepEqual(gathered(both), numbers(6));
  for (let turns = 0; !closed && turns < 100_000; turns++) await new Promise((resolve) => setImmediate(resolve));
  assert.ok(closed);
  assert.ok(read.length > 6 && read.length < 20, `${read.length} rows read`);
});
