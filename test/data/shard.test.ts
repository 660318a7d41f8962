// Dealing rows to ranks: Accelerate's own tables, thousands of cases that Accelerate was asked for, and what must hold for any sizes.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { skipFirstBatches } from "../../src/data/index.js";
import type { RankLoader } from "../../src/data/loader/rank-loader.js";
import { packageRoot } from "../../src/package-root.js";
import { epoch, numbers, sharded } from "./ranks.js";
import { type Rules, kinds, dealt, varied } from "./shard-rules.js";

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
