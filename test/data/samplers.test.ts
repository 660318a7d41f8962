// Samplers of the program's own: orders and batches, epochs that they are told of, and what they must not give.
import assert from "node:assert/strict";
import { test } from "node:test";
import { shardedBatches } from "../../src/data/loader/foreign.js";
import { DataLoader, type DataLoaderOptions, Pcg64, type Sampler } from "../../src/data/index.js";
import { epoch, gathered, given, numbers, ranked, sharded, stream } from "./ranks.js";

/** Another order in every epoch, as PyTorch's DistributedSampler has it. */
class Shuffling implements Sampler {
  readonly length = 22;
  readonly told: number[] = [];
  epoch = 0;
  setEpoch(epoch: number): void {
    this.told.push(epoch);
    this.epoch = epoch;
  }
  [Symbol.iterator](): Iterator<number> {
    return new Pcg64([11, this.epoch]).permutation(this.length)[Symbol.iterator]();
  }
}
const order = (of: number): number[] => [...new Pcg64([11, of]).permutation(22)];

test("a sampler gives the order, and is told of every epoch", async () => {
  const sampler = new Shuffling();
  const loader = ranked(numbers(22), { batchSize: 4, sampler });
  assert.equal(loader.length, 6);
  for (const of of [0, 1])
    assert.deepEqual(
      (await given(loader)).flatMap(({ batch }) => batch),
      order(of),
    );
  loader.setEpoch(5);
  assert.equal(sampler.epoch, 5);
  assert.deepEqual(
    (await given(loader)).flatMap(({ batch }) => batch),
    order(5),
  );
  assert.deepEqual([...new Set(sampler.told)], [0, 1, 5]);
});

test("T14: 22 rows in batches of 4 for 2 ranks, by every style of sampler: all rows are seen, once", async () => {
  const styles: Readonly<Record<string, () => DataLoaderOptions>> = {
    none: () => ({ batchSize: 4 }),
    sampler: () => ({ batchSize: 4, sampler: new Shuffling() }),
    "batch sampler": () => {
      const sampler = new Shuffling();
      return {
        batchSampler: {
          batchSize: 4,
          length: 6,
          sampler,
          *[Symbol.iterator]() {
            const all = [...sampler];
            for (let i = 0; i < 22; i += 4) yield all.slice(i, i + 4);
          },
        },
      };
    },
    "batch sampler of unknown sizes": () => ({ batchSampler: [[0], numbers(15).map((i) => i + 1), [16, 17, 18, 19], [20, 21]] }),
  };
  for (const [name, options] of Object.entries(styles)) {
    for (const dispatch of [false, true]) {
      const made = [options(), options()];
      const loaders = sharded((rank) => ranked(numbers(22), made[rank]!), 2, { dispatch });
      for (const of of [0, 1]) {
        const seen = gathered(await epoch(loaders));
        assert.deepEqual(seen, name.includes("unknown") || name === "none" ? numbers(22) : order(of), name);
      }
    }
  }
});

test("whoever makes the rows is told of epochs: samplers, what is behind a batch sampler, streams, foreign loaders", async () => {
  const told: string[] = [];
  const listens = (name: string) => ({ setEpoch: (of: number) => void told.push(`${name} ${of}`) });
  const batchSampler = { ...listens("batches"), sampler: listens("inner"), [Symbol.iterator]: () => [[0, 1]][Symbol.iterator]() };
  await given(ranked(numbers(2), { batchSampler }));
  await given(ranked({ ...listens("stream"), [Symbol.asyncIterator]: () => stream(2) } as AsyncIterable<number>));
  await given(shardedBatches({ ...listens("foreign"), [Symbol.iterator]: () => [[1]][Symbol.iterator]() }, { numProcesses: 1, processIndex: 0 }));
  assert.deepEqual(told, ["batches 0", "inner 0", "stream 0", "foreign 0"]);
});

test("nested loaders have their own batches, also when they are the same", async () => {
  const outer = ranked(numbers(4), { batchSize: 1 });
  const inner = ranked(numbers(3), { batchSize: 1 });
  const seen: string[] = [];
  for await (const [a] of outer) {
    for await (const [b] of inner) seen.push(`${a}${b}${inner.current!.last ? "." : ""}`);
    assert.equal(outer.current!.last, a === 3);
  }
  assert.equal(seen.length, 12);
  assert.deepEqual(
    seen.filter((text) => text.endsWith(".")),
    ["02.", "12.", "22.", "32."],
  );
});

test("what samplers must not be, and not give", async () => {
  const make = (options: object) => new DataLoader(numbers(4), options as DataLoaderOptions);
  for (const [options, message] of [
    [{ sampler: 5 }, /sampler is 5/],
    [{ sampler: numbers(4).values() }, /sampler can be iterated only once/],
    [{ batchSampler: [[1]].values() }, /batchSampler can be iterated only once/],
    [{ batchSampler: {} }, /batchSampler is \{\}/],
    [{ batchSampler: Object.assign([], { batchSize: 0 }) }, /batchSize is 0/],
  ] as const)
    assert.throws(() => make(options), { code: "ERR_LOADER_SAMPLER", message });
  for (const [options, message] of [
    [{ sampler: [0], shuffle: true }, /sampler together with shuffle/],
    [{ batchSampler: [[0]], batchSize: 2 }, /batchSampler together with batchSize/],
    [{ batchSampler: [[0]], sampler: [0] }, /batchSampler together with sampler/],
    [{ batchSampler: [[0]], dropLast: true }, /batchSampler together with dropLast/],
  ] as const)
    assert.throws(() => make(options), { code: "ERR_LOADER_OPTIONS", message });
  assert.throws(() => new DataLoader(stream(3), { sampler: [0] }), { code: "ERR_LOADER_OPTIONS", message: /stream/ });
  for (const [options, message] of [
    [{ sampler: [0, 4] }, /the sampler gave 4: indices are 0 to 3/],
    [{ sampler: [-1] }, /gave -1/],
    [{ sampler: ["a"] }, /gave 'a'/],
    [{ batchSampler: [[0], [0.5]] }, /gave 0.5/],
    [{ batchSampler: [3] }, /gave 3: its items are lists/],
    [{ batchSampler: [[]] }, /empty batch/],
  ] as const)
    await assert.rejects(given(make(options) as never), { code: "ERR_LOADER_SAMPLER", message });
  const long = ranked(numbers(4), { batchSampler: Object.assign([[0, 1, 2]], { batchSize: 2 }) });
  long.shard({ numProcesses: 2, processIndex: 0, splitBatches: true });
  await assert.rejects(given(long), { code: "ERR_LOADER_SAMPLER", message: /a batch of 3 rows/ });
  const unsized = ranked(numbers(4), { batchSampler: [[0, 1]] });
  assert.throws(() => unsized.shard({ numProcesses: 2, processIndex: 0, splitBatches: true }), {
    code: "ERR_LOADER_SHARD",
    message: /splitBatches: the batch sampler has no batchSize/,
  });
  const endless = {
    *[Symbol.iterator]() {
      for (;;) yield 1;
    },
  };
  assert.throws(() => ranked(numbers(4), { sampler: endless }).length, { code: "ERR_NO_LENGTH", message: /sampler has no length/ });
  assert.deepEqual(
    (await given(ranked(numbers(4), { sampler: endless, batchSize: 3 }), 2)).map(({ batch }) => batch),
    [
      [1, 1, 1],
      [1, 1, 1],
    ],
  );
});
