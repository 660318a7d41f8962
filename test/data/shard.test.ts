// Dealing rows to ranks: Accelerate's own tables, thousands of cases that Accelerate was asked for, and what must hold for any sizes.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { deal } from "../../src/data/deal.js";
import { rankBatchCount, rankBatches, rankBatchSize, shardOf } from "../../src/data/shard.js";
import { packageRoot } from "../../src/package-root.js";

interface Rules {
  readonly dropLast?: boolean;
  readonly even?: boolean;
  readonly split?: boolean;
}
const numbers = (n: number) => Array.from({ length: n }, (_, i) => i);
const shards = (processes: number, { even = true, split = false }: Rules = {}) =>
  numbers(processes).map((processIndex) => shardOf({ numProcesses: processes, processIndex, evenBatches: even, splitBatches: split }));

/** Every rank's batches of rows 0 .. n-1; the lengths that are told before are checked on the way. */
const dealt = (n: number, batchSize: number, processes: number, rules: Rules = {}): number[][][] =>
  shards(processes, rules).map((shard) => {
    const size = rankBatchSize(batchSize, shard);
    const batches = [...rankBatches(Uint32Array.from(numbers(n)), size, rules.dropLast ?? false, shard)];
    assert.equal(batches.length, rankBatchCount(n, size, rules.dropLast ?? false, shard), "the length told before");
    return batches.map(({ rows }) => [...rows]);
  });
const streamed = (items: Iterable<number>, batchSize: number, processes: number, rules: Rules = {}): Promise<number[][][]> =>
  Promise.all(
    shards(processes, rules).map(async (shard) => {
      const out: number[][] = [];
      for await (const { items: batch } of deal(items, rankBatchSize(batchSize, shard), rules.dropLast ?? false, shard)) out.push(batch);
      return out;
    }),
  );
/** Ready batches of any sizes are items of their own. */
const varied = (batches: readonly number[][], processes: number, rules: Rules = {}): Promise<number[][][]> =>
  Promise.all(
    shards(processes, rules).map(async (shard) => {
      const out: number[][] = [];
      for await (const { items } of deal(batches, 1, rules.dropLast ?? false, shard)) out.push(items[0]!);
      return out;
    }),
  );

test("T1: whole batches of 3 for 2 ranks", () => {
  const head = [
    [
      [0, 1, 2],
      [6, 7, 8],
      [12, 13, 14],
    ],
    [
      [3, 4, 5],
      [9, 10, 11],
      [15, 16, 17],
    ],
  ] as const;
  const with4 = (a: number[] | undefined, b: number[] | undefined) => [
    [...head[0], ...(a ? [a] : [])],
    [...head[1], ...(b ? [b] : [])],
  ];
  for (const rules of [{}, { dropLast: true }, { even: false }]) assert.deepEqual(dealt(24, 3, 2, rules), with4([18, 19, 20], [21, 22, 23]));
  assert.deepEqual(dealt(21, 3, 2), with4([18, 19, 20], [0, 1, 2]));
  assert.deepEqual(dealt(21, 3, 2, { even: false }), with4([18, 19, 20], undefined));
  assert.deepEqual(dealt(22, 3, 2), with4([18, 19, 20], [21, 0, 1]));
  assert.deepEqual(dealt(22, 3, 2, { even: false }), with4([18, 19, 20], [21]));
  assert.deepEqual(dealt(20, 3, 2), with4([18, 19, 0], [1, 2, 3]));
  assert.deepEqual(dealt(20, 3, 2, { even: false }), with4([18, 19], undefined));
  for (const n of [20, 21, 22]) assert.deepEqual(dealt(n, 3, 2, { dropLast: true }), with4(undefined, undefined));
  assert.deepEqual(dealt(2, 3, 2), [[[0, 1, 0]], [[1, 0, 1]]]);
  assert.deepEqual(dealt(2, 3, 2, { dropLast: true }), [[], []]);
  assert.deepEqual(dealt(2, 3, 2, { even: false }), [[[0, 1]], []]);
});

test("T2: batches of 4 split over 2 ranks", () => {
  const split = (n: number, rules: Rules = {}) => dealt(n, 4, 2, { split: true, ...rules });
  const ends = (n: number, rules: Rules = {}) => split(n, rules).map((batches) => [batches.length, batches.at(-1)]);
  const evens = (first: number) => numbers(6).map((k) => [4 * k + first, 4 * k + first + 1]);
  assert.deepEqual(split(24), [evens(0), evens(2)]);
  assert.deepEqual(ends(22), [
    [6, [20, 21]],
    [6, [0, 1]],
  ]);
  assert.deepEqual(
    split(22, { dropLast: true }).map((batches) => batches.length),
    [5, 5],
  );
  assert.deepEqual(
    split(22, { even: false }).map((batches) => batches.length),
    [6, 5],
  );
  assert.deepEqual(ends(21), [
    [6, [20, 0]],
    [6, [1, 2]],
  ]);
  assert.deepEqual(ends(21, { even: false }), [
    [6, [20]],
    [5, [18, 19]],
  ]);
  assert.deepEqual(split(2), [[[0, 1]], [[0, 1]]]);
  assert.deepEqual(split(2, { dropLast: true }), [[], []]);
  assert.deepEqual(split(2, { even: false }), [[[0, 1]], []]);
  assert.throws(() => dealt(8, 3, 2, { split: true }), { code: "ERR_LOADER_SHARD", message: /round multiple/ });
});

test("T3: batches of different sizes are dealt whole, and filled up with whole early ones", async () => {
  const batches = [
    [0, 1, 2],
    [3, 4],
    [5, 6, 7, 8],
    [9, 10, 11],
    [12, 13],
  ];
  const [a, b, c, d, e] = batches;
  assert.deepEqual(await varied(batches, 2, { even: false }), [
    [a, c, e],
    [b, d],
  ]);
  assert.deepEqual(await varied(batches, 2), [
    [a, c, e],
    [b, d, a],
  ]);
  assert.deepEqual(await varied(batches, 2, { dropLast: true }), [
    [a, c],
    [b, d],
  ]);
  assert.deepEqual(await varied([[0, 1, 2]], 3), [[[0, 1, 2]], [[0, 1, 2]], [[0, 1, 2]]]);
  assert.deepEqual(await varied([[0], [1, 2], [3, 4, 5], [6], [7, 8], [9, 10, 11], [12, 13]], 3), [
    [[0], [6], [12, 13]],
    [[1, 2], [7, 8], [0]],
    [
      [3, 4, 5],
      [9, 10, 11],
      [1, 2],
    ],
  ]);
});

test("T5: sizes of batches", () => {
  const sizes = (n: number, batchSize: number, even: boolean) => dealt(n, batchSize, 2, { even }).map((batches) => batches.map((batch) => batch.length));
  assert.deepEqual(sizes(3, 1, true), [
    [1, 1],
    [1, 1],
  ]);
  assert.deepEqual(sizes(3, 1, false), [[1, 1], [1]]);
  assert.deepEqual(sizes(7, 2, true), [
    [2, 2],
    [2, 2],
  ]);
  assert.deepEqual(sizes(7, 2, false), [
    [2, 2],
    [2, 1],
  ]);
});

test("Accelerate deals the same in every case it was asked for", async () => {
  type Case = { n: number; b: number; p: number; drop_last: boolean; even: boolean; split?: boolean; ranks: number[][][] };
  type Golden = ({ kind: "sampler" | "stream" } & Case) | ({ kind: "varying"; batches: number[][] } & Case);
  // Made by test/golden/make/shards.py.
  const { cases } = JSON.parse(readFileSync(join(packageRoot(import.meta.url), "test/golden/data-shards.json"), "utf8")) as { cases: readonly Golden[] };
  for (const { ranks, ...golden } of cases) {
    const { n, b, p } = golden;
    const rules = { dropLast: golden.drop_last, even: golden.even, split: golden.split ?? false };
    const about = JSON.stringify(golden);
    if (golden.kind === "varying") assert.deepEqual(await varied(golden.batches, p, rules), ranks, about);
    else {
      assert.deepEqual(dealt(n, b, p, rules), ranks, about);
      assert.deepEqual(await streamed(numbers(n), b, p, rules), ranks, about);
    }
  }
  assert.ok(cases.length > 1000);
});

const sizes = [fc.nat({ max: 60 }), fc.integer({ min: 1, max: 7 }), fc.integer({ min: 1, max: 5 }), fc.boolean(), fc.boolean()] as const;

test("the real rows of all ranks are the dataset, each once and in order, for any sizes; padding is at the tail", () => {
  fc.assert(
    fc.property(...sizes, (n, batchSize, processes, dropLast, even) => {
      const ranks = shards(processes, { even }).map((shard) => [...rankBatches(Uint32Array.from(numbers(n)), batchSize, dropLast, shard)]);
      const rounds = Math.max(...ranks.map((batches) => batches.length));
      const seen = numbers(rounds).flatMap((k) => ranks.flatMap((batches) => [...(batches[k]?.rows.subarray(0, batches[k].real) ?? [])]));
      assert.deepEqual(seen, numbers(dropLast ? n - (n % (batchSize * processes)) : n));
      if (even && processes > 1) for (const batches of ranks) assert.ok(batches.length === rounds && batches.every(({ rows }) => rows.length === batchSize));
      for (const batches of ranks)
        assert.deepEqual(
          [...batches.keys()].filter((k) => batches[k]!.last),
          batches.length > 0 ? [batches.length - 1] : [],
        );
    }),
  );
});

test("a stream is dealt like the same rows in memory, from any batch on", async () => {
  await fc.assert(
    fc.asyncProperty(...sizes, fc.nat({ max: 6 }), async (n, batchSize, processes, dropLast, even, from) => {
      for (const shard of shards(processes, { even })) {
        const map = [...rankBatches(Uint32Array.from(numbers(n)), batchSize, dropLast, shard, from)].map(({ rows, real }) => ({ items: [...rows], real }));
        const stream: { items: number[]; real: number }[] = [];
        for await (const batch of deal(numbers(n), batchSize, dropLast, shard, from)) stream.push(batch);
        assert.deepEqual(stream, map);
        const whole = [...rankBatches(Uint32Array.from(numbers(n)), batchSize, dropLast, shard)];
        assert.deepEqual(
          map.map(({ items }) => items),
          whole.slice(from).map(({ rows }) => [...rows]),
        );
      }
    }),
    { numRuns: 60 },
  );
});

test("one process keeps everything as it is", () => {
  assert.deepEqual(dealt(7, 3, 1), [[[0, 1, 2], [3, 4, 5], [6]]]);
  assert.deepEqual(dealt(0, 3, 1), [[]]);
});

test("a rank that there is not is refused", () => {
  for (const [numProcesses, processIndex] of [
    [0, 0],
    [2, 2],
    [2, -1],
    [1.5, 0],
  ] as const)
    assert.throws(() => shardOf({ numProcesses, processIndex }), { code: "ERR_LOADER_SHARD" });
});
