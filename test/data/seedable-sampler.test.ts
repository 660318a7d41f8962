// torch's generator and SeedableRandomSampler: the orders of Accelerate's sampler, over ranks, behind skipped batches and after a resume. test/golden/make/randperm.py made the numbers.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fc } from "../support/properties.js";
import { SeedableRandomSampler, skipFirstBatches } from "../../src/data/index.js";
import { Mt19937 } from "../../src/data/mt19937.js";
import { packageRoot } from "../../src/package-root.js";
import { setSeed } from "../../src/tensor/index.js";
import { epoch, gathered, given, numbers, ranked, sharded } from "./ranks.js";

interface Golden {
  readonly orders: readonly {
    readonly seed: number;
    readonly length: number;
    readonly order?: readonly number[];
    readonly first: readonly number[];
    readonly last: readonly number[];
    readonly sum: number;
  }[];
  readonly epochs: readonly {
    readonly rows: number;
    readonly seed: number;
    readonly epochs: readonly number[];
    readonly drawn: readonly (readonly number[])[];
    readonly num_samples?: number;
    readonly replacement?: boolean;
  }[];
  readonly draws: readonly (Readonly<Record<"below 10" | "below 2^28 - 1" | "below 2^28" | "double", readonly number[]>> & { readonly seed: number })[];
}
const golden = JSON.parse(readFileSync(join(packageRoot(), "test/golden/randperm.json"), "utf8")) as Golden;

test("permutations are those of torch.randperm", () => {
  for (const { seed, length, order, first, last, sum } of golden.orders) {
    const rows = new Mt19937(seed).permutation(length);
    if (order) assert.deepEqual([...rows], order, `seed ${seed}, ${length} rows`);
    else {
      assert.deepEqual([[...rows.subarray(0, 8)], [...rows.subarray(-8)]], [first, last]);
      assert.equal(
        rows.reduce((total, row, place) => total + row * (place % 1009), 0),
        sum,
      );
    }
  }
});

test("draws are those of torch.randint and torch.rand", () => {
  for (const { seed, ...drawn } of golden.draws) {
    const numbersOf = (draw: (random: Mt19937) => number, count: number) => {
      const random = new Mt19937(seed);
      return Array.from({ length: count }, () => draw(random));
    };
    assert.deepEqual(
      numbersOf((random) => random.nextBelow(9), 12),
      drawn["below 10"],
    );
    assert.deepEqual(
      numbersOf((random) => random.nextBelow(2 ** 28 - 2), 6),
      drawn["below 2^28 - 1"],
    );
    assert.deepEqual(
      numbersOf((random) => random.nextBelow(2 ** 28 - 1), 6),
      drawn["below 2^28"],
    );
    assert.deepEqual(
      numbersOf((random) => random.nextDouble(), 6),
      drawn.double,
    );
  }
});

test("both ways to permute give every row once; the one for many rows puts each number among those before it", () => {
  fc.assert(
    fc.property(fc.nat({ max: 300 }), fc.nat(), (length, seed) => {
      const rows = (order: Uint32Array) => [...order].sort((a, b) => a - b);
      assert.deepEqual(rows(new Mt19937(seed).permutation(length)), numbers(length));
      assert.deepEqual(rows(new Mt19937(seed).permutationInsideOut(length)), numbers(length));
      const random = new Mt19937(seed);
      const order: number[] = [];
      for (let i = 0; i < length; i++) {
        const word = (BigInt(random.nextUint32()) << 32n) | BigInt(random.nextUint32());
        const place = Number(word % BigInt(i + 1));
        order[i] = order[place]!;
        order[place] = i;
      }
      assert.deepEqual([...new Mt19937(seed).permutationInsideOut(length)], order);
    }),
    { numRuns: 30 },
  );
  for (const seed of [-1, 0.5, Number.NaN]) assert.throws(() => new Mt19937(seed), { code: "ERR_SEED" });
});

test("epochs are those of Accelerate's sampler", () => {
  for (const { rows, seed, epochs, drawn, num_samples: numSamples, replacement } of golden.epochs) {
    const sampler = new SeedableRandomSampler(rows, {
      seed,
      ...(numSamples !== undefined && { numSamples }),
      ...(replacement !== undefined && { replacement }),
    });
    assert.equal(sampler.length, drawn[0]!.length);
    epochs.forEach((of, i) => {
      sampler.setEpoch(of);
      assert.deepEqual([...sampler], drawn[i], `epoch ${of}`);
    });
  }
  assert.throws(() => new SeedableRandomSampler(3, { seed: -1 }), { code: "ERR_LOADER_SAMPLER" });
  setSeed(5);
  const [one, two] = [new SeedableRandomSampler(3), new SeedableRandomSampler(3)];
  assert.notEqual(one.seed, two.seed);
  assert.equal(one.seedIsGiven, false);
});

test("as the sampler of a loader: the ranks' batches are the order's, whole epochs through, and a resume goes on in it", async () => {
  const { drawn, seed, rows } = golden.epochs[0]!;
  const loader = (of: number = seed) => ranked(numbers(rows), { batchSize: 2, sampler: new SeedableRandomSampler(rows, { seed: of }) });
  const rowsOf = async (of: ReturnType<typeof loader>, most?: number) => (await given(of, most)).flatMap(({ batch }) => batch);
  const alone = loader();
  for (const order of drawn) assert.deepEqual(await rowsOf(alone), order);

  const ranks = sharded(() => loader(), 2, { evenBatches: false });
  for (const order of drawn) {
    assert.deepEqual(gathered(await epoch(ranks)), order);
  }

  const skipped = loader();
  skipped.setEpoch(1);
  const rest: number[] = [];
  for await (const batch of skipFirstBatches(skipped, 3)) rest.push(...(batch as number[]));
  assert.deepEqual(rest, drawn[1]!.slice(6));

  const begun = loader();
  begun.setEpoch(2);
  const before = await rowsOf(begun, 2);
  const state = begun.state();
  const again = loader();
  again.loadState(state);
  assert.deepEqual([...before, ...(await rowsOf(again))], drawn[2]);

  // All workers take rank 0's seed.
  const other = loader(7);
  assert.equal(other.seed, 7);
  other.seed = seed;
  assert.deepEqual(await rowsOf(other), drawn[0]);
});
