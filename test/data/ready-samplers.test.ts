// The samplers of the library: what they give, with what seed, in loaders and for ranks.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fc } from "../support/properties.js";
import {
  BatchSampler,
  DataLoader,
  Dataset,
  LengthGroupedSampler,
  Pcg64,
  RandomSampler,
  SequentialSampler,
  WeightedRandomSampler,
} from "../../src/data/index.js";
import { setSeed } from "../../src/tensor/index.js";
import { epoch, gathered, given, numbers, ranked, sharded } from "./ranks.js";

test("in order, and at random as a loader shuffles", async () => {
  assert.deepEqual([...new SequentialSampler(3)], [0, 1, 2]);
  const sampler = new RandomSampler(numbers(20), { seed: 4 });
  assert.equal(sampler.length, 20);
  for (const of of [0, 1]) {
    sampler.setEpoch(of);
    assert.deepEqual([...sampler], [...new Pcg64([4, of]).permutation(20)]);
  }
  const [by, shuffled] = [
    ranked(numbers(20), { batchSize: 3, sampler: new RandomSampler(20, { seed: 4 }) }),
    ranked(numbers(20), { batchSize: 3, shuffle: true, seed: 4 }),
  ];
  for (let i = 0; i < 2; i++) assert.deepEqual(await given(by), await given(shuffled));
});

test("random rows: each once before any twice, or any of all with replacement", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 30 }), fc.nat({ max: 80 }), fc.boolean(), (rows, numSamples, replacement) => {
      const drawn = [...new RandomSampler(rows, { numSamples, replacement, seed: 1 })];
      assert.equal(drawn.length, numSamples);
      assert.ok(drawn.every((row) => Number.isInteger(row) && row >= 0 && row < rows));
      if (!replacement) for (let i = 0; i < numSamples; i += rows) assert.equal(new Set(drawn.slice(i, i + rows)).size, Math.min(rows, numSamples - i));
    }),
  );
  assert.throws(() => new RandomSampler([], { numSamples: 1 }), { code: "ERR_LOADER_SAMPLER" });
  assert.throws(() => new RandomSampler(3, { numSamples: -1 }), { code: "ERR_LOADER_SAMPLER" });
});

test("rows by weight: as often as they weigh, never without a weight, each once without replacement", () => {
  const counts = [0, 0, 0];
  for (const row of new WeightedRandomSampler([1, 0, 3], 20_000, { seed: 2 })) counts[row]!++;
  assert.equal(counts[1], 0);
  assert.ok(Math.abs(counts[0]! / 20_000 - 0.25) < 0.02);
  assert.deepEqual([...new WeightedRandomSampler([0.1, 0, 5, 2], 3, { replacement: false, seed: 1 })].sort(), [0, 2, 3]);
  const firsts = [0, 0];
  for (let seed = 0; seed < 400; seed++) firsts[[...new WeightedRandomSampler([3, 1], 2, { replacement: false, seed })][0]!]!++;
  assert.ok(Math.abs(firsts[0]! / 400 - 0.75) < 0.1);
  for (const [weights, n, replacement] of [
    [[1, -1], 1, true],
    [[0, 0], 1, true],
    [[1, 0], 2, false],
    [[1], 0, true],
  ] as const)
    assert.throws(() => new WeightedRandomSampler([...weights], n, { replacement }), { code: "ERR_LOADER_SAMPLER" });
});

test("batches of a sampler's rows, and their number", async () => {
  assert.deepEqual([...new BatchSampler([3, 1, 2], 2)], [[3, 1], [2]]);
  assert.deepEqual([...new BatchSampler([3, 1, 2], 2, true)], [[3, 1]]);
  for (const dropLast of [false, true]) {
    const batchSampler = new BatchSampler(new RandomSampler(22, { seed: 3 }), 4, dropLast);
    const loader = ranked(numbers(22), { batchSampler });
    assert.equal(loader.length, dropLast ? 5 : 6);
    const batches = async (of: typeof loader) => (await given(of)).map(({ batch }) => batch);
    assert.deepEqual(await batches(loader), await batches(ranked(numbers(22), { batchSize: 4, shuffle: true, seed: 3, dropLast })));
  }
  const endless = new BatchSampler({ *[Symbol.iterator]() {} }, 2);
  assert.throws(() => endless.length, { code: "ERR_NO_LENGTH" });
});

test("rows of about the same length come together, the longest first; a loader does it with groupByLength", async () => {
  const data = Dataset.fromRows(numbers(100).map((i) => ({ input_ids: numbers((i * 37) % 53), other: [i] })));
  const sampler = new LengthGroupedSampler(4, { dataset: data, seed: 1 });
  const order = [...sampler];
  assert.deepEqual(
    [...order].sort((a, b) => a - b),
    numbers(100),
  );
  const length = (row: number) => (row * 37) % 53;
  assert.equal(length(order[0]!), Math.max(...numbers(100).map(length)));
  assert.deepEqual(new LengthGroupedSampler(4, { lengths: numbers(100).map(length), seed: 1 })[Symbol.iterator]().next().value, order[0]);
  const read: number[][] = [];
  for await (const batch of new DataLoader(data, {
    batchSize: 4,
    shuffle: true,
    seed: 1,
    groupByLength: true,
    collateFn: (rows: { other: number[] }[]) => rows.map((row) => row.other[0]!),
  }))
    read.push(batch);
  assert.deepEqual(read.flat(), order);
  assert.throws(() => new LengthGroupedSampler(2, { dataset: data, modelInputName: "ids" }), { code: "ERR_LOADER_SAMPLER", message: /no column "ids"/ });
  assert.throws(() => new LengthGroupedSampler(2, { dataset: [1, 2] }), { code: "ERR_LOADER_SAMPLER", message: /row 0 has no list/ });
  assert.throws(() => new LengthGroupedSampler(2, {}), { code: "ERR_LOADER_SAMPLER" });
});

test("a seed that was not given follows setSeed; ranks take rank 0's", async () => {
  const drawn = () => {
    setSeed(5);
    return new RandomSampler(30);
  };
  assert.deepEqual([...drawn()], [...drawn()]);
  assert.equal(drawn().seedIsGiven, false);
  const loaders = sharded((rank) => ranked(numbers(22), { batchSize: 4, sampler: new RandomSampler(22, { seed: rank }) }), 2);
  for (const loader of loaders) loader.seed = loaders[0]!.seed;
  assert.deepEqual(gathered(await epoch(loaders)), [...new Pcg64([0, 0]).permutation(22)]);
  assert.equal(ranked(numbers(3), { sampler: [2, 1, 0] }).seed, undefined);
});
