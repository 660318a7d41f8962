// Sharding for any sizes and rules: no row lost, none twice, the same for any number of ranks; lengths; what is refused.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fc } from "../support/properties.js";
import { Pcg64 } from "../../src/data/index.js";
import { shardOf } from "../../src/data/loader/shard.js";
import { epoch, gathered, numbers, ranked, sharded, stream } from "./ranks.js";
import { type Rules, rulesOf, batches, kinds, dealt } from "./shard-rules.js";

const sizes = [
  fc.nat({ max: 60 }),
  fc.integer({ min: 1, max: 7 }),
  fc.integer({ min: 1, max: 5 }),
  fc.record({ even: fc.boolean(), split: fc.boolean(), ignoreDuplicates: fc.boolean(), dispatch: fc.boolean(), dropLast: fc.boolean() }),
  fc.constantFrom(...Object.keys(kinds)),
] as const;

test("the real rows of all ranks are the dataset, each once and in order, for any sizes and rules; what is filled in lies behind them", async () => {
  await fc.assert(
    fc.asyncProperty(...sizes, async (n, size, processes, { even, split, ignoreDuplicates, dispatch, dropLast }, kind) => {
      const batchSize = split ? size * processes : size;
      const loaders = sharded(() => kinds[kind]!(n, batchSize, dropLast), processes, { evenBatches: even, splitBatches: split, ignoreDuplicates, dispatch });
      const ranks = await epoch(loaders);
      // A batch sampler drops short batches itself, so that what is left of a round are whole ones.
      const unit = kind === "batch sampler" && !split ? Math.floor(n / batchSize) - (Math.floor(n / batchSize) % processes) : 0;
      const kept = !dropLast ? n : kind === "batch sampler" && !split ? unit * batchSize : n - (n % (size * processes));
      assert.deepEqual(gathered(ranks), numbers(kept));
      const rounds = Math.max(0, ...ranks.map((batches) => batches.length));
      for (const batches of ranks) {
        if (even) assert.equal(batches.length, rounds);
        if (even && !ignoreDuplicates && processes > 1) assert.ok(batches.every(({ rows }, k) => rows === size || (dispatch && rows === ranks[0]![k]!.rows)));
        for (const [k, { batch, rows, realRows, last, weight }] of batches.entries()) {
          assert.equal(batch.length, rows);
          assert.ok(rows > 0);
          assert.equal(last, k === batches.length - 1);
          assert.equal(weight, ignoreDuplicates ? realRows : undefined);
          if (ignoreDuplicates) assert.ok(realRows === rows || realRows === 0);
        }
      }
    }),
    { numRuns: 300 },
  );
});

test("the rows of all ranks in a round do not depend on their number when duplicates are ignored: a global batch is a global batch", async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat({ max: 50 }), fc.constantFrom(12, 24), fc.constantFrom(...Object.keys(kinds)), async (n, batchSize, kind) => {
      const of = async (processes: number) => {
        const loaders = sharded(() => kinds[kind]!(n, batchSize, false), processes, { splitBatches: true, ignoreDuplicates: true });
        const ranks = await epoch(loaders);
        return numbers(Math.ceil(n / batchSize)).map((k) => ranks.map((batches) => batches[k]!).flatMap(({ batch, weight }) => batch.slice(0, weight)));
      };
      const alone = await of(1);
      for (const processes of [2, 3, 4]) assert.deepEqual(await of(processes), alone);
    }),
    { numRuns: 20 },
  );
});

/** A batch sampler whose batches have any sizes. */
const irregular = fc.record({
  lengths: fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 20 }),
  processes: fc.integer({ min: 1, max: 4 }),
  sized: fc.boolean(),
  split: fc.boolean(),
  even: fc.boolean(),
  dispatch: fc.boolean(),
  ignoreDuplicates: fc.boolean(),
});

test("batches of any sizes lose no row, whether the sampler tells a batch size or not", async () => {
  await fc.assert(
    fc.asyncProperty(irregular, async ({ lengths, processes, sized, split, even, dispatch, ignoreDuplicates }) => {
      let at = 0;
      const list = lengths.map((length) => numbers(length).map(() => at++));
      const batchSize = sized || split ? 4 * processes : undefined;
      const sampler = { ...(batchSize !== undefined && { batchSize }), length: list.length, [Symbol.iterator]: () => list[Symbol.iterator]() };
      const loaders = sharded(() => ranked(numbers(at), { batchSampler: sampler }), processes, {
        splitBatches: split,
        evenBatches: even,
        dispatch,
        ignoreDuplicates,
      });
      const ranks = await epoch(loaders);
      assert.deepEqual(gathered(ranks), numbers(at));
      if (even) assert.equal(new Set(ranks.map((batches) => batches.length)).size, 1);
      for (const batches of ranks) assert.ok(batches.every(({ last }, k) => last === (k === batches.length - 1)));
    }),
    { numRuns: 200 },
  );
});

test("one process keeps everything as it is", async () => {
  assert.deepEqual(await dealt(7, 3, 1), [[[0, 1, 2], [3, 4, 5], [6]]]);
  assert.deepEqual(await dealt(0, 3, 1), [[]]);
});

test("lengths that Accelerate tells wrongly", async () => {
  const lengths = (n: number, batchSize: number, rules: Rules) =>
    sharded(() => ranked(Object.assign(stream(n), { length: n }), { batchSize, dropLast: rules.dropLast ?? false }), 2, rulesOf(rules)).map(
      ({ length }) => length,
    );
  // IterableDatasetShard: 20 rows in batches of 4 that are split are 5 batches of 2, it says 12 rows; 7 rows without the last ones are none... of 8.
  assert.deepEqual(lengths(20, 4, { split: true }), [5, 5]);
  assert.deepEqual(lengths(7, 4, { split: true, dropLast: true }), [1, 1]);
  // BatchSamplerShard: 21 rows in batches of 4 that are split and uneven.
  assert.deepEqual(lengths(21, 4, { split: true, even: false }), [6, 5]);
  const sampler = sharded(() => ranked(numbers(21), { batchSampler: batches(21, 4, false) }), 2, { splitBatches: true, evenBatches: false });
  assert.equal(sampler[0]!.length, 6);
  assert.throws(() => sampler[1]!.length, { code: "ERR_NO_LENGTH", message: /last batch/ });
});

test("the order of a shuffled epoch is the same for any number of ranks and any rules", async () => {
  const order = [...new Pcg64([9, 2]).permutation(31)];
  for (const [processes, rules] of [
    [1, {}],
    [2, {}],
    [3, { dispatch: true }],
    [4, { splitBatches: true }],
    [2, { evenBatches: false }],
    [4, { ignoreDuplicates: true }],
  ] as const) {
    const loaders = sharded(() => ranked(numbers(31), { batchSize: 4, shuffle: true, seed: 9 }), processes, rules);
    for (const loader of loaders) loader.setEpoch(2);
    assert.deepEqual(gathered(await epoch(loaders)), order);
  }
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
