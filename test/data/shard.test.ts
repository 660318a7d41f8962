// Dealing rows to ranks: Accelerate's own tables, thousands of cases that Accelerate was asked for, and what must hold for any sizes.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { shardedBatches } from "../../src/data/foreign.js";
import { Pcg64, skipFirstBatches } from "../../src/data/index.js";
import type { RankLoader } from "../../src/data/rank-loader.js";
import { shardOf } from "../../src/data/shard.js";
import { packageRoot } from "../../src/package-root.js";
import { epoch, gathered, numbers, ranked, type Rules as ShardRules, sharded, stream } from "./ranks.js";

interface Rules {
  readonly dropLast?: boolean;
  readonly even?: boolean;
  readonly split?: boolean;
  readonly dispatch?: boolean;
}
const rulesOf = ({ even = true, split = false, dispatch = false }: Rules): ShardRules => ({ evenBatches: even, splitBatches: split, dispatch });
/** A batch sampler as Accelerate's users write them. */
const batches = (n: number, batchSize: number, dropLast: boolean) => {
  const list = numbers(Math.ceil(n / batchSize)).map((k) => numbers(n).slice(k * batchSize, (k + 1) * batchSize));
  const kept = dropLast ? list.filter((batch) => batch.length === batchSize) : list;
  return { batchSize, dropLast, length: kept.length, [Symbol.iterator]: () => kept[Symbol.iterator]() };
};
/** The ways to the same rows. */
const kinds: Readonly<Record<string, (n: number, batchSize: number, dropLast: boolean) => RankLoader<number[]>>> = {
  order: (n, batchSize, dropLast) => ranked(numbers(n), { batchSize, dropLast }),
  sampler: (n, batchSize, dropLast) => ranked(numbers(n), { batchSize, dropLast, sampler: numbers(n) }),
  "batch sampler": (n, batchSize, dropLast) => ranked(numbers(n), { batchSampler: batches(n, batchSize, dropLast) }),
  stream: (n, batchSize, dropLast) => ranked(stream(n), { batchSize, dropLast }),
};

/** Every rank's batches; the lengths that are told before are checked on the way. */
async function dealt(n: number, batchSize: number, processes: number, rules: Rules = {}, kind = "order"): Promise<number[][][]> {
  const loaders = sharded(() => kinds[kind]!(n, batchSize, rules.dropLast ?? false), processes, rulesOf(rules));
  const ranks = await epoch(loaders);
  for (const [rank, loader] of loaders.entries()) {
    if (kind === "stream" || (kind === "batch sampler" && rules.split && rules.even === false)) continue;
    assert.equal(loader.length, ranks[rank]!.length, `the length told before: ${JSON.stringify({ n, batchSize, processes, rules, kind, rank })}`);
  }
  return ranks.map((batches) => batches.map(({ batch }) => batch));
}
/** Ready batches of any sizes: those of a foreign loader, or a batch sampler that knows no size. */
async function varied(batches: readonly number[][], processes: number, rules: Rules = {}): Promise<number[][][]> {
  const sampler = { dropLast: rules.dropLast ?? false, length: batches.length, [Symbol.iterator]: () => batches[Symbol.iterator]() };
  const loaders = sharded(() => ranked(numbers(100), { batchSampler: sampler }), processes, rulesOf(rules));
  const ranks = (await epoch(loaders)).map((given) => given.map(({ batch }) => batch));
  for (const [rank, loader] of loaders.entries()) assert.equal(loader.length, ranks[rank]!.length);
  if (rules.dropLast) return ranks;
  const foreign = sharded(() => shardedBatches(batches, { numProcesses: 1, processIndex: 0 }), processes, rulesOf(rules));
  assert.deepEqual(
    (await epoch(foreign)).map((given) => given.map(({ batch }) => batch)),
    ranks,
    "a foreign loader deals the same",
  );
  return ranks;
}

test("T1: whole batches of 3 for 2 ranks", async () => {
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
  for (const rules of [{}, { dropLast: true }, { even: false }]) assert.deepEqual(await dealt(24, 3, 2, rules), with4([18, 19, 20], [21, 22, 23]));
  assert.deepEqual(await dealt(21, 3, 2), with4([18, 19, 20], [0, 1, 2]));
  assert.deepEqual(await dealt(21, 3, 2, { even: false }), with4([18, 19, 20], undefined));
  assert.deepEqual(await dealt(22, 3, 2), with4([18, 19, 20], [21, 0, 1]));
  assert.deepEqual(await dealt(22, 3, 2, { even: false }), with4([18, 19, 20], [21]));
  assert.deepEqual(await dealt(20, 3, 2), with4([18, 19, 0], [1, 2, 3]));
  assert.deepEqual(await dealt(20, 3, 2, { even: false }), with4([18, 19], undefined));
  for (const n of [20, 21, 22]) assert.deepEqual(await dealt(n, 3, 2, { dropLast: true }), with4(undefined, undefined));
  assert.deepEqual(await dealt(2, 3, 2), [[[0, 1, 0]], [[1, 0, 1]]]);
  assert.deepEqual(await dealt(2, 3, 2, { dropLast: true }), [[], []]);
  assert.deepEqual(await dealt(2, 3, 2, { even: false }), [[[0, 1]], []]);
});

test("T2: batches of 4 split over 2 ranks", async () => {
  const split = (n: number, rules: Rules = {}) => dealt(n, 4, 2, { split: true, ...rules });
  const ends = async (n: number, rules: Rules = {}) => (await split(n, rules)).map((batches) => [batches.length, batches.at(-1)]);
  const evens = (first: number) => numbers(6).map((k) => [4 * k + first, 4 * k + first + 1]);
  assert.deepEqual(await split(24), [evens(0), evens(2)]);
  assert.deepEqual(await ends(22), [
    [6, [20, 21]],
    [6, [0, 1]],
  ]);
  assert.deepEqual(
    (await split(22, { dropLast: true })).map((batches) => batches.length),
    [5, 5],
  );
  assert.deepEqual(
    (await split(22, { even: false })).map((batches) => batches.length),
    [6, 5],
  );
  assert.deepEqual(await ends(21), [
    [6, [20, 0]],
    [6, [1, 2]],
  ]);
  assert.deepEqual(await ends(21, { even: false }), [
    [6, [20]],
    [5, [18, 19]],
  ]);
  assert.deepEqual(await split(2), [[[0, 1]], [[0, 1]]]);
  assert.deepEqual(await split(2, { dropLast: true }), [[], []]);
  assert.deepEqual(await split(2, { even: false }), [[[0, 1]], []]);
  await assert.rejects(dealt(8, 3, 2, { split: true }), { code: "ERR_LOADER_SHARD", message: /round multiple/ });
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

test("T5: sizes of batches", async () => {
  const sizes = async (n: number, batchSize: number, even: boolean) =>
    (await dealt(n, batchSize, 2, { even })).map((batches) => batches.map((batch) => batch.length));
  assert.deepEqual(await sizes(3, 1, true), [
    [1, 1],
    [1, 1],
  ]);
  assert.deepEqual(await sizes(3, 1, false), [[1, 1], [1]]);
  assert.deepEqual(await sizes(7, 2, true), [
    [2, 2],
    [2, 2],
  ]);
  assert.deepEqual(await sizes(7, 2, false), [
    [2, 2],
    [2, 1],
  ]);
});

type Case = { n: number; b: number; p: number; drop_last: boolean; even: boolean; split?: boolean; ranks: number[][][] };
type Golden =
  | ({ kind: "sampler" | "stream" } & Case)
  | ({ kind: "varying"; batches: number[][] } & Case)
  | ({ kind: "skip"; skip: number } & Case)
  | ({ kind: "dispatcher"; stream: boolean } & Case);
/** What Accelerate gave: made by test/golden/make/shards.py. */
const { cases } = JSON.parse(readFileSync(join(packageRoot(import.meta.url), "test/golden/data-shards.json"), "utf8")) as { cases: readonly Golden[] };
const rulesIn = (golden: Golden) => ({ dropLast: golden.drop_last, even: golden.even, split: golden.split ?? false });

test("Accelerate deals the same in every case it was asked for, whatever the rows come from", async () => {
  const check: { readonly [K in Golden["kind"]]: (golden: Golden & { kind: K }, about: string) => Promise<void> } = {
    async sampler({ n, b, p, ranks, ...golden }, about) {
      for (const kind of Object.keys(kinds)) assert.deepEqual(await dealt(n, b, p, rulesIn({ n, b, p, ranks, ...golden }), kind), ranks, `${kind} ${about}`);
    },
    async stream(golden, about) {
      assert.deepEqual(await dealt(golden.n, golden.b, golden.p, rulesIn(golden), "stream"), golden.ranks, about);
    },
    async varying(golden, about) {
      const { batches, p, ranks } = golden;
      assert.deepEqual(await varied(batches, p, rulesIn(golden)), ranks, about);
      assert.deepEqual(await varied(batches, p, { ...rulesIn(golden), dispatch: true }), ranks, about);
    },
    async skip({ n, b, p, drop_last, skip, ranks }, about) {
      const loaders = sharded(() => skipFirstBatches(kinds.order!(n, b, drop_last), skip) as RankLoader<number[]>, p);
      const given = await epoch(loaders);
      assert.deepEqual(
        given.map((batches) => batches.map(({ batch }) => batch)),
        ranks,
        about,
      );
      for (const [rank, loader] of loaders.entries()) assert.equal(loader.length, ranks[rank]!.length, about);
    },
    async dispatcher(golden, about) {
      const { n, b, p, stream, ranks } = golden;
      // Where it gives a rank nothing, it has fewer rows than ranks and forgets to go on filling up.
      const lacks = ranks.some((batches) => batches.some((batch) => batch.length === 0));
      const ours = await dealt(n, b, p, { ...rulesIn(golden), dispatch: true }, stream ? "stream" : "order");
      if (lacks) assert.ok(n < p && ours.every((batches) => batches.every((batch) => batch.length === 1)), about);
      else assert.deepEqual(ours, ranks, about);
    },
  };
  const seen = new Map<string, number>();
  for (const golden of cases) {
    const { ranks, ...about } = golden;
    await check[golden.kind](golden as never, JSON.stringify(about));
    seen.set(golden.kind, (seen.get(golden.kind) ?? 0) + 1);
  }
  for (const [kind, least] of [
    ["sampler", 680],
    ["stream", 340],
    ["varying", 90],
    ["skip", 150],
    ["dispatcher", 200],
  ] as const)
    assert.ok(seen.get(kind)! >= least, `${seen.get(kind)} of ${kind}`);
});

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
