// numWorkers: batches from threads are those of this thread, in their order, for every kind of data set.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import {
  DataCollatorForLanguageModeling,
  DataCollatorForTokenClassification,
  DataCollatorWithPadding,
  DataLoader,
  type DataLoaderOptions,
  Dataset,
  defaultDataCollator,
  LengthGroupedSampler,
  RandomSampler,
  skipFirstBatches,
} from "../../src/data/index.js";
import { type Tensor, Tensor as TensorClass, fromData } from "../../src/tensor/index.js";
import { folderOf } from "./files.js";
import { Squares } from "./programs/loader-exports.js";
import { given, numbers, ranked, sharded } from "./ranks.js";

const filename = new URL("./programs/loader-exports.js", import.meta.url);
const tokenizer = { padTokenId: 0, clsTokenId: 1, sepTokenId: 2, maskTokenId: 3, vocabSize: 50, paddingSide: "right" as const };

/** Everything of a batch as plain values. */
async function plain(value: unknown): Promise<unknown> {
  if (value instanceof TensorClass) return [value.dtype, value.shape, await (value as Tensor).toArray()];
  if (Array.isArray(value)) return Promise.all(value.map(plain));
  if (typeof value !== "object" || value === null || value instanceof Date) return value;
  return Object.fromEntries(await Promise.all(Object.entries(value).map(async ([key, inner]) => [key, await plain(inner)])));
}
async function epochs(loader: AsyncIterable<unknown>, count = 1): Promise<unknown[]> {
  const out: unknown[] = [];
  for (let epoch = 0; epoch < count; epoch++) {
    const batches: unknown[] = [];
    for await (const batch of loader) batches.push(await plain(batch));
    out.push(batches);
  }
  return out;
}

const encoded = Dataset.fromRows(
  numbers(23).map((i) => ({
    input_ids: [1, ...numbers((i * 7) % 11).map((k) => 4 + ((i + k) % 46)), 2],
    labels: [0, ...numbers((i * 7) % 11), 0],
    score: i === 11 ? 0.5 : i,
  })),
);
class Encodings {
  readonly length = 9;
  readonly #memory = BigInt64Array.from({ length: 36 }, (_, i) => BigInt(i));
  at(i: number) {
    return { input_ids: fromData(this.#memory.subarray(4 * i, 4 * i + 4), [4], "int64"), labels: i };
  }
}

test("whatever the data set and the collator, batches from threads are those of this thread, in every epoch", async () => {
  const kinds: Readonly<Record<string, (options: DataLoaderOptions) => DataLoader<unknown>>> = {
    "a Dataset, padded": (options) =>
      new DataLoader(encoded.removeColumns(["labels"]), { ...options, collateFn: new DataCollatorWithPadding(tokenizer, { padToMultipleOf: 4 }) }),
    "a Dataset, masked": (options) =>
      new DataLoader(encoded.removeColumns(["labels", "score"]), { ...options, collateFn: new DataCollatorForLanguageModeling(tokenizer, { seed: 4 }) }),
    "a Dataset, labels of tokens": (options) =>
      new DataLoader(encoded.removeColumns("score"), { ...options, collateFn: new DataCollatorForTokenClassification(tokenizer) }),
    "a data set with a descriptor, tuples": (options) => new DataLoader(new Squares(17), options),
    "a data set of this thread, tensors over a larger memory": (options) => new DataLoader(new Encodings(), options),
    "an array, default collator": (options) =>
      new DataLoader(
        numbers(9).map((i) => ({ x: [i, i], label: i === 4 ? 0.5 : 1 })),
        { ...options, collateFn: defaultDataCollator },
      ),
    "an array, a collator by name": (options) => new DataLoader(numbers(9), { ...options, collateFn: { filename, name: "asTheyAre" } }),
  };
  for (const [i, [name, make]] of Object.entries(kinds).entries()) {
    const expected = await epochs(make({ batchSize: 4, shuffle: true, seed: 3 }), 2);
    await using loader = make({ batchSize: 4, shuffle: true, seed: 3, numWorkers: 1 + (i % 2) });
    assert.deepEqual(await epochs(loader, 2), expected, name);
  }
});

test("fractions in one batch make float32 of the batches after it, not of those before, as without threads", async () => {
  const rows = numbers(12).map((i) => ({ y: i === 5 ? 0.5 : i }));
  const dtypes = async (options: DataLoaderOptions) => {
    await using loader = new DataLoader(rows, options);
    const out: string[] = [];
    for await (const { y } of loader) out.push(y.dtype);
    return out;
  };
  const expected = await dtypes({ batchSize: 2 });
  assert.deepEqual(expected, ["int64", "int64", "float32", "float32", "float32", "float32"]);
  assert.deepEqual(await dtypes({ batchSize: 2, numWorkers: 2, prefetchFactor: 3 }), expected);
});

test("positions count what was given out, and a loader goes on from them with any number of threads", async () => {
  const collateFn = { filename, name: "asTheyAre" };
  const make = (numWorkers: number) =>
    new DataLoader<unknown[]>(numbers(20), { batchSize: 3, shuffle: true, seed: 1, collateFn, ...(numWorkers ? { numWorkers } : {}) });
  const [whole] = (await epochs(make(0))) as [unknown[]];
  await using loader = make(2);
  let seen = 0;
  for await (const batch of loader) {
    assert.deepEqual(batch, whole[seen]);
    if (++seen === 2) break;
  }
  assert.deepEqual(loader.state(), { epoch: 0, batch: 2, consumed: 6, step: 2 });
  for (const numWorkers of [0, 3]) {
    await using resumed = make(numWorkers);
    resumed.loadState(loader.state());
    assert.deepEqual(await epochs(resumed), [whole.slice(2)]);
    assert.deepEqual(resumed.state(), { epoch: 1, batch: 0, consumed: 0, step: 7 });
  }
  await using again = make(2);
  assert.deepEqual(await epochs(skipFirstBatches(again, 3)), [whole.slice(3)]);
  assert.equal(again.length, 7);
});

test("masks are the same after a resume, others in another epoch, and follow the row into any batch", async () => {
  const data = encoded.removeColumns(["labels", "score"]);
  const make = (options: DataLoaderOptions) =>
    new DataLoader(data, { ...options, collateFn: new DataCollatorForLanguageModeling(tokenizer, { seed: 4, mlmProbability: 0.5 }) });
  const [first, second] = (await epochs(make({ batchSize: 4 }), 2)) as [unknown[], unknown[]];
  assert.notDeepEqual(first, second);
  await using resumed = make({ batchSize: 4, numWorkers: 2 });
  resumed.loadState({ epoch: 1, batch: 2, consumed: 8, step: 8 });
  assert.deepEqual(await epochs(resumed), [second.slice(2)]);
  const rows = (batches: unknown[]) =>
    (batches as { labels: [string, number[], number[][]] }[]).flatMap(({ labels }) => labels[2].map((row) => row.join(" ").replace(/( -100)+$/, "")));
  assert.deepEqual(rows(first), rows(((await epochs(make({ batchSize: 7 }))) as [unknown[]])[0]));
});

test("ranks with threads get what ranks without them get, also where rank 0 reads for all", async () => {
  for (const dispatch of [false, true]) {
    const shares = async (options: DataLoaderOptions) => {
      const loaders = sharded(() => ranked(numbers(22), { batchSize: 4, ...options, collateFn: { filename, name: "asTheyAre" } } as never), 2, { dispatch });
      const out = await Promise.all(loaders.map((loader) => given(loader)));
      await Promise.all(loaders.map((loader) => loader.close()));
      return out;
    };
    assert.deepEqual(await shares({ numWorkers: 2 }), await shares({}));
  }
});

test("rows of a stream are read here, in their order, and no further than threads have room for", async () => {
  let read = 0;
  const rows = {
    async *[Symbol.asyncIterator]() {
      for (let i = 0; i < 40; i++) {
        read++;
        yield i;
      }
    },
  };
  await using loader = new DataLoader<number[]>(rows, { batchSize: 2, numWorkers: 2, collateFn: { filename, name: "asTheyAre" } });
  let batches = 0;
  for await (const batch of loader) {
    assert.deepEqual(batch, [2 * batches, 2 * batches + 1]);
    batches++;
    // One is in use, four are in the making, one is read ahead.
    assert.ok(read <= 2 * (batches + 4 + 1), `${read} rows read at batch ${batches}`);
  }
  assert.equal(batches, 20);
});

test("a stream that gives nothing more for now holds no batch back that is there", async () => {
  let go: () => void = () => {};
  const more = new Promise<void>((resolve) => {
    go = resolve;
  });
  async function* rows() {
    yield 0;
    await more;
    yield 1;
  }
  await using loader = new DataLoader<number[]>(rows(), { numWorkers: 2, collateFn: { filename, name: "asTheyAre" } });
  const seen: number[][] = [];
  for await (const batch of loader) {
    seen.push(batch);
    go();
  }
  assert.deepEqual(seen, [[0], [1]]);
});

test("what batches hold arrives as what it was, over memory of its own", async () => {
  await using loader = new DataLoader<{ part: Tensor; lazy: Tensor; name: string[]; when: Date }>(numbers(4), {
    batchSize: 2,
    numWorkers: 1,
    collateFn: { filename, name: "mixed" },
  });
  for await (const { part, lazy, name, when } of loader) {
    assert.deepEqual(await part.toArray(), [2, 3]);
    assert.equal(part.state.kind === "concrete" && part.state.data.buffer.byteLength, 8);
    assert.deepEqual(
      await lazy.toArray(),
      name.map((n) => Number(n) + 1),
    );
    assert.ok(when instanceof Date);
  }
});

test("threads stay for all epochs, are as many as asked for, and are initialized with their number", async () => {
  await using loader = new DataLoader<{ rows: number[]; initialized: number }>(numbers(12), {
    numWorkers: 2,
    workerInitFn: { filename, name: "init" },
    collateFn: { filename, name: "initials" },
  });
  const seen = new Set<number>();
  for (let epoch = 0; epoch < 3; epoch++) for await (const { initialized } of loader) seen.add(initialized);
  assert.deepEqual([...seen].sort(), [0, 1]);
});

test("samplers with threads: at random, and by length", async () => {
  const collateFn = new DataCollatorWithPadding(tokenizer);
  const data = encoded.removeColumns(["labels", "score"]);
  for (const sampler of [new RandomSampler(data, { seed: 8 }), new LengthGroupedSampler(4, { dataset: data, seed: 8 })]) {
    await using loader = new DataLoader(data, { batchSize: 4, sampler, collateFn, numWorkers: 2 });
    assert.deepEqual(await epochs(loader), await epochs(new DataLoader(data, { batchSize: 4, sampler, collateFn })));
  }
  assert.deepEqual(
    await epochs(new DataLoader(data, { batchSize: 4, shuffle: true, seed: 8, groupByLength: true, collateFn }), 2),
    await epochs(new DataLoader(data, { batchSize: 4, sampler: new LengthGroupedSampler(4, { dataset: data, seed: 8 }), collateFn }), 2),
  );
});

test("rows come as the data set shows them, also when that changes", async () => {
  const data = Dataset.fromRows(numbers(6).map((i) => ({ x: [i, i], flag: i > 2, text: "t" })));
  await using loader = new DataLoader(data, { batchSize: 4, numWorkers: 1 });
  const same = async () => assert.deepEqual(await epochs(loader), await epochs(new DataLoader(data, { batchSize: 4 })));
  await same();
  data.setFormat("tensor", { columns: ["x", "flag"] });
  await same();
  data.setTransform((columns: { x: number[][] }) => ({ doubled: columns.x.map((row) => row.map((v) => 2 * v)) }));
  await same();
  data.resetFormat();
  await same();
});

test("a collator in TypeScript is imported by threads", async (t) => {
  const folder = await folderOf(t, { "collate.ts": "export const pairs = (rows: number[]): [number, number][] => rows.map((row) => [row, -row]);" });
  await using loader = new DataLoader<[number, number][]>([1, 2], { numWorkers: 1, collateFn: { filename: join(folder, "collate.ts"), name: "pairs" } });
  assert.deepEqual(await epochs(loader), [[[[1, -1]], [[2, -2]]]]);
});

test("waits are counted", async () => {
  await using loader = new DataLoader(new Squares(6), { batchSize: 2, numWorkers: 1 });
  assert.ok(Number.isNaN(loader.stats().waitedShare));
  for await (const _ of loader);
  const { batches, waitedMs, firstWaitedMs, busyMs, waitedShare } = loader.stats();
  assert.equal(batches, 3);
  assert.ok(firstWaitedMs > 0 && firstWaitedMs <= waitedMs && busyMs >= 0);
  assert.equal(waitedShare, waitedMs / (waitedMs + busyMs));
});
