// Positions of loaders: going on in the middle of an epoch, also with other workers, other batch sizes and other rules, and skipping batches.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fc } from "../support/properties.js";
import { unshardedBatches } from "../../src/data/loader/foreign.js";
import { DataLoader, Pcg64, skipFirstBatches } from "../../src/data/index.js";
import { RankLoader } from "../../src/data/loader/rank-loader.js";
import { collateFn, epoch, gathered, given, noting, numbers, ranked, type Rules, sharded, stream } from "./ranks.js";

const rules = fc.record({
  processes: fc.integer({ min: 1, max: 4 }),
  size: fc.integer({ min: 1, max: 4 }),
  splitBatches: fc.boolean(),
  evenBatches: fc.boolean(),
  ignoreDuplicates: fc.boolean(),
  dispatch: fc.boolean(),
});
type Setting = Rules & { readonly processes: number; readonly size: number };
const kinds = ["order", "shuffle", "sampler", "stream", "batches"] as const;
type Kind = (typeof kinds)[number];

/** The loaders of a run. Batches of a sampler are the same in every run: it is they that are dealt. */
function run(kind: Kind, n: number, dropLast: boolean, { processes, size, ...how }: Setting): RankLoader<number[]>[] {
  const batchSize = how.splitBatches ? size * processes : size;
  const list = numbers(Math.ceil(n / 12)).map((k) => numbers(n).slice(12 * k, 12 * k + 12));
  const make: Readonly<Record<Kind, () => RankLoader<number[]>>> = {
    order: () => ranked(numbers(n), { batchSize, dropLast }),
    shuffle: () => ranked(numbers(n), { batchSize, dropLast, shuffle: true, seed: 4 }),
    sampler: () => ranked(numbers(n), { batchSize, dropLast, sampler: numbers(n).reverse() }),
    stream: () => ranked({ [Symbol.asyncIterator]: () => stream(n) } as AsyncIterable<number>, { batchSize, dropLast }),
    batches: () => ranked(numbers(n), { batchSampler: { batchSize: 12, length: list.length, [Symbol.iterator]: () => list[Symbol.iterator]() } }),
  };
  return sharded(make[kind], processes, how);
}
const orderOf = (kind: Kind, n: number, of: number): number[] => {
  if (kind === "shuffle") return [...new Pcg64([4, of]).permutation(n)];
  return kind === "sampler" ? numbers(n).reverse() : numbers(n);
};

test("a run that goes on with other workers, batch sizes and rules sees the rest of the epoch in the same order, nothing twice and nothing left out", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...kinds),
      fc.nat({ max: 70 }),
      fc.boolean(),
      fc.integer({ min: 1, max: 6 }),
      rules,
      rules,
      async (kind, n, drop, stop, before, after) => {
        const dropLast = drop && kind !== "batches";
        const order = orderOf(kind, n, 0);
        const first = run(kind, n, dropLast, before);
        const seen = await epoch(first, stop);
        const state = JSON.parse(JSON.stringify(first[0]!.state())) as ReturnType<RankLoader<unknown>["state"]>;
        const head = gathered(seen);
        const second = run(kind, n, dropLast, after);
        for (const loader of second) loader.loadState(state);
        if (state.epoch === 0) {
          const rest = await epoch(second);
          const whole = [...head, ...gathered(rest)];
          const left = n - state.consumed;
          assert.equal(whole.length, dropLast ? n - (left % (after.size * after.processes)) : n);
          assert.deepEqual(whole, order.slice(0, whole.length));
          assert.equal(head.length, kind === "batches" ? Math.min(n, 12 * state.consumed) : state.consumed);
        } else assert.equal(head.length, dropLast ? n - (n % (before.size * before.processes)) : n);
        for (const loader of second) assert.deepEqual([loader.state().epoch, loader.state().consumed], [1, 0]);
        const next = gathered(await epoch(second));
        assert.deepEqual(next, orderOf(kind, n, 1).slice(0, next.length));
        assert.ok(dropLast || next.length === n);
      },
    ),
    { numRuns: 400 },
  );
});

test("with the same workers a run that goes on gets the very same batches, filled in alike", async () => {
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...kinds), fc.nat({ max: 50 }), fc.integer({ min: 1, max: 5 }), rules, async (kind, n, stop, how) => {
      const whole = await epoch(run(kind, n, false, how));
      const loaders = run(kind, n, false, how);
      await epoch(loaders, stop);
      const resumed = run(kind, n, false, how);
      // Each rank's own state: what only some ranks still have is theirs.
      const states = loaders.map((loader) => loader.state());
      if (new Set(states.map((state) => state.epoch)).size > 1) return;
      for (const [rank, loader] of resumed.entries()) loader.loadState(states[rank]!);
      if (states[0]!.epoch === 1) return;
      assert.deepEqual(
        await epoch(resumed),
        whole.map((batches) => batches.slice(stop)),
      );
    }),
    { numRuns: 150 },
  );
});

test("steps count on over epochs and over a stop; a new epoch does not change them", async () => {
  const make = () => ranked(numbers(10), { batchSize: 3 });
  const loader = make();
  await given(loader);
  await given(loader, 2);
  assert.deepEqual(loader.state(), { epoch: 1, batch: 2, consumed: 6, step: 6 });
  const resumed = make();
  resumed.loadState(loader.state());
  assert.equal((await given(resumed)).length, 2);
  assert.deepEqual(resumed.state(), { epoch: 2, batch: 0, consumed: 0, step: 8 });
  resumed.setEpoch(7);
  assert.deepEqual(resumed.state(), { epoch: 7, batch: 0, consumed: 0, step: 8 });
  for (const wrong of [{ epoch: -1 }, { batch: 0.5 }, { consumed: undefined }, { step: "3" }, { consumed: Number.NaN }]) {
    const state = { ...loader.state(), ...wrong } as never;
    assert.throws(() => resumed.loadState(state), { code: "ERR_LOADER_STATE", message: new RegExp(Object.keys(wrong)[0]!) });
  }
  assert.throws(() => resumed.loadState({ ...loader.state(), consumed: 11 }), {
    code: "ERR_LOADER_STATE",
    message: /behind 11 rows or batches of an epoch that has 10/,
  });
  assert.deepEqual(resumed.state(), { epoch: 7, batch: 0, consumed: 0, step: 8 }, "what was refused changes nothing");
});

test("going on reads nothing of what was used up, and skipping reads nothing of what is skipped", async () => {
  const read: number[] = [];
  const dataset = noting(1000, read);
  const of = (sampler: boolean) => {
    const loader: unknown = new DataLoader(dataset, { batchSize: 2, prefetch: 0, collateFn, ...(sampler && { sampler: numbers(1000) }) });
    return loader as RankLoader<number[]>;
  };
  for (const sampler of [false, true]) {
    const loaders = sharded(() => of(sampler), 2);
    for (const loader of loaders) loader.loadState({ epoch: 0, batch: 249, consumed: 996, step: 249 });
    read.length = 0;
    await epoch(loaders);
    assert.deepEqual(
      read.sort((a, b) => a - b),
      [996, 997, 998, 999],
    );
    read.length = 0;
    await epoch(loaders.map((loader) => skipFirstBatches(loader, 249) as RankLoader<number[]>));
    assert.deepEqual(
      read.sort((a, b) => a - b),
      [996, 997, 998, 999],
    );
  }
});

test("T14: without its first batches a loader has the rest of every epoch, knows its end, and keeps its epoch", async () => {
  const loader = ranked(numbers(16), { batchSize: 4 });
  const rest = skipFirstBatches(loader, 2) as RankLoader<number[]>;
  assert.equal(rest.length, 2);
  assert.equal(rest.batchSize, 4);
  for (let pass = 0; pass < 2; pass++) {
    const batches = await given(rest);
    assert.deepEqual(
      batches.map(({ batch, last }) => ({ batch, last })),
      [
        { batch: [8, 9, 10, 11], last: false },
        { batch: [12, 13, 14, 15], last: true },
      ],
    );
    assert.deepEqual(
      batches.map(({ state }) => state),
      [2, 3].map((k) => ({ epoch: pass, batch: k + 1, consumed: 4 * (k + 1), step: 2 * pass + k - 1 })),
    );
  }
  // Every fourth batch is the last one, on every pass.
  for (let pass = 0; pass < 2; pass++)
    assert.deepEqual(
      (await given(loader)).map(({ last }) => last),
      [false, false, false, true],
    );
  assert.equal(loader.state().epoch, 4, "epochs are counted together");
  assert.deepEqual(await given(skipFirstBatches(loader, 9) as RankLoader<number[]>), []);
  assert.deepEqual(loader.state().epoch, 5);
});

test("a shuffled loader skips within the order of its epoch, and another skip adds up", async () => {
  const make = () => ranked(numbers(20), { batchSize: 3, shuffle: true, seed: 2 });
  const loader = make();
  loader.setEpoch(3);
  const whole = make();
  whole.setEpoch(3);
  const batches = (await given(whole)).map(({ batch }) => batch);
  const twice = skipFirstBatches(skipFirstBatches(loader, 1), 2) as RankLoader<number[]>;
  assert.deepEqual(
    (await given(twice)).map(({ batch }) => batch),
    batches.slice(3),
  );
  twice.setEpoch(3);
  assert.deepEqual(
    (await given(loader)).map(({ batch }) => batch),
    batches,
  );
});

test("what was skipped by a state is not skipped once more", async () => {
  const loader = ranked(numbers(10), { batchSize: 2 });
  loader.loadState({ epoch: 0, batch: 3, consumed: 6, step: 3 });
  const rest = skipFirstBatches(loader, 3) as RankLoader<number[]>;
  assert.deepEqual(
    (await given(rest)).map(({ batch }) => batch),
    [
      [6, 7],
      [8, 9],
    ],
  );
});

test("batches of every rank are skipped, of any kind of loader, before and after it is dealt", async () => {
  for (const [kind, how] of [
    ["order", {}],
    ["stream", {}],
    ["batches", { splitBatches: true }],
    ["batches", {}],
    ["sampler", { dispatch: true }],
    ["stream", { dispatch: true, evenBatches: false }],
  ] as const) {
    const setting = { processes: 2, size: 6, ...how };
    const whole = await epoch(run(kind, 50, false, setting));
    const loaders = run(kind, 50, false, setting).map((loader) => skipFirstBatches(loader, 1) as RankLoader<number[]>);
    const batches = await epoch(loaders);
    assert.deepEqual(
      batches.map((list) => list.map(({ batch, last }) => ({ batch, last }))),
      whole.map((list) => list.slice(1).map(({ batch, last }) => ({ batch, last }))),
      kind,
    );
  }
  const foreign = unshardedBatches([[0], [1], [2], [3], [4]]);
  const rest = skipFirstBatches(foreign, 1);
  assert.ok(rest instanceof RankLoader);
  (rest as RankLoader<number[]>).shard({ numProcesses: 2, processIndex: 1 });
  assert.deepEqual(
    (await given(rest as RankLoader<number[]>)).map(({ batch, realRows }) => [batch, realRows]),
    [
      [[3], 1],
      [[0], 0],
    ],
  );
  const plain: number[] = [];
  for await (const batch of skipFirstBatches([10, 20, 30], 2)) plain.push(batch);
  assert.deepEqual(plain, [30]);
  for (const wrong of [-1, 0.5, Number.NaN]) assert.throws(() => skipFirstBatches([1], wrong), { code: "ERR_LOADER_OPTIONS" });
});

test("the rules of a prepared loader can be others for a while, and are back afterwards", async () => {
  const loader = ranked(numbers(3), { batchSize: 1 });
  loader.shard({ numProcesses: 2, processIndex: 1 });
  const options = loader.shardOptions!;
  const rows = async () => (await given(loader)).map(({ batch }) => batch);
  assert.deepEqual(await rows(), [[1], [0]]);
  loader.shard({ ...options, evenBatches: false });
  assert.equal(loader.length, 1);
  assert.deepEqual(await rows(), [[1]]);
  loader.shard(options);
  assert.deepEqual(await rows(), [[1], [0]]);
});
