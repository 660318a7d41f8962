// Which rows each worker gets and which of them count, in every combination of rules and kinds of loaders. Every worker asserts it; ends with "ok" from the main process.
import assert from "node:assert/strict";
import { Accelerator, type BatchSampler, DataLoader, type DataloaderConfig, type Tensor, tensor } from "accelerate-ts";
import { Pcg64 } from "accelerate-ts/data";
import { promised } from "../../support/timing.js";

const numbers = (n: number) => Array.from({ length: n }, (_, i) => i);
const bool = [false, true];
const warnings: string[] = [];
console.warn = (text: string) => void warnings.push(text);

interface Made {
  readonly loader: DataLoader<Tensor> | AsyncIterable<Tensor>;
  /** The rows of an epoch in the order in which they come. */
  readonly order: (epoch: number) => number[];
}
type Maker = (n: number, batchSize: number, dropLast: boolean) => Made | undefined;
async function* rowsOf(n: number): AsyncGenerator<number> {
  for (let i = 0; i < n; i++) yield i;
}
const epochs = <T>(make: () => AsyncIterator<T>): AsyncIterable<T> => ({ [Symbol.asyncIterator]: make }) as AsyncIterable<T>;
const batchesOf = (n: number, batchSize: number): number[][] =>
  numbers(Math.ceil(n / batchSize)).map((k) => numbers(n).slice(k * batchSize, (k + 1) * batchSize));
const backwards = (n: number) => numbers(n).reverse();
const makers: Readonly<Record<string, Maker>> = {
  order: (n, batchSize, dropLast) => ({ loader: new DataLoader(numbers(n), { batchSize, dropLast }), order: () => numbers(n) }),
  shuffled: (n, batchSize, dropLast) => ({
    loader: new DataLoader(numbers(n), { batchSize, dropLast, shuffle: true, seed: 3 }),
    order: (epoch) => [...new Pcg64([3, epoch]).permutation(n)],
  }),
  stream: (n, batchSize, dropLast) => ({
    loader: new DataLoader(
      epochs(() => rowsOf(n)),
      { batchSize, dropLast },
    ),
    order: () => numbers(n),
  }),
  sampler: (n, batchSize, dropLast) => ({ loader: new DataLoader(numbers(n), { batchSize, dropLast, sampler: backwards(n) }), order: () => backwards(n) }),
  "batch sampler": (n, batchSize, dropLast) => {
    const list = batchesOf(n, batchSize);
    const sampler: BatchSampler = { batchSize, length: list.length, [Symbol.iterator]: () => list[Symbol.iterator]() };
    return dropLast ? undefined : { loader: new DataLoader(numbers(n), { batchSampler: sampler }), order: () => numbers(n) };
  },
  "batch sampler of unknown sizes": (n, batchSize, dropLast) => {
    const list: number[][] = [];
    for (let at = 0, size = 1; at < n; at += size, size = 1 + ((size * 3) % batchSize)) list.push(numbers(n).slice(at, at + size));
    return dropLast ? undefined : { loader: new DataLoader(numbers(n), { batchSampler: list }), order: () => numbers(n) };
  },
  foreign: (n, batchSize, dropLast) => {
    async function* batches() {
      for (const rows of batchesOf(n, batchSize)) yield tensor(rows, { dtype: "int64" });
    }
    return dropLast ? undefined : { loader: epochs(batches), order: () => numbers(n) };
  },
};
/** What cannot be split. */
const whole = ["foreign", "batch sampler of unknown sizes"];

let combinations = 0;
/** An epoch of a loader, or two of a shuffled one: the rows that are gathered, the mean of a mean per worker, and what each gather gave. */
async function passes(
  accelerator: Accelerator,
  loader: AsyncIterable<Tensor>,
  order: Made["order"],
  expected: (rows: number[]) => number[],
  about: string,
): Promise<number[]> {
  const sizes: number[] = [];
  for (const epoch of about.includes("shuffled") ? [0, 1] : [0]) {
    const seen: number[] = [];
    const means: number[] = [];
    for await (const x of loader) {
      const { rows, mean } = await accelerator.gatherForMetrics({ rows: x.reshape([-1, 1]), mean: x.to("float32").mean() });
      const list = ((await rows.toArray()) as number[][]).flat();
      const texts = await accelerator.gatherForMetrics(((await x.toArray()) as number[]).map((row) => `row ${row}`));
      assert.deepEqual(
        texts,
        list.map((row) => `row ${row}`),
        about,
      );
      if (epoch === 0) sizes.push(list.length);
      seen.push(...list);
      means.push(...((await mean.toArray()) as number[]));
    }
    const all = expected(order(epoch));
    assert.deepEqual(seen, all, about);
    assert.equal(means.length, all.length, about);
    if (about.includes('"ignoreDuplicates":true')) {
      const of = (list: number[]) => list.reduce((a, b) => a + b, 0) / Math.max(1, list.length);
      assert.ok(Math.abs(of(means) - of(all)) < 1e-4, `${about}: a mean of ${of(means)} for ${of(all)}`);
    }
  }
  combinations++;
  return sizes;
}

const configs: DataloaderConfig[] = bool.flatMap((splitBatches) =>
  bool.flatMap((dispatchBatches) =>
    bool.flatMap((ignoreDuplicates) => bool.map((evenBatches) => ({ splitBatches, dispatchBatches, ignoreDuplicates, evenBatches }))),
  ),
);
let world = 1;
for (const config of configs) {
  await using accelerator = new Accelerator({ dataloaderConfig: config });
  world = accelerator.numProcesses;
  const { splitBatches = false, evenBatches = true } = config;
  const own = splitBatches && world > 1 ? 2 : 5;
  const batchSize = splitBatches ? own * world : own;
  const round = own * world;
  for (const [kind, make] of Object.entries(makers)) {
    if (splitBatches && whole.includes(kind)) continue;
    for (const dropLast of bool) {
      // Uneven batches: only as many rows that all workers have as many batches; else they would part (joinUnevenInputs is for that).
      const lengths = evenBatches ? [1, round + 1, 2 * round - 1] : kind === "batch sampler of unknown sizes" ? [] : [2 * round - 1];
      for (const n of lengths) {
        const made = make(n, batchSize, dropLast);
        if (!made) continue;
        const [loader] = await accelerator.prepare(made.loader as DataLoader<Tensor>);
        const about = JSON.stringify({ ...config, kind, n, batchSize, dropLast });
        await passes(accelerator, loader, made.order, (rows) => (dropLast ? rows.slice(0, n - (n % round)) : rows), about);
      }
    }
  }
}
assert.ok(combinations > 200, `${combinations} combinations`);

// Without ignoreDuplicates a mean over rows of which some were filled in is told of, once, by the main process.
{
  await using accelerator = new Accelerator();
  assert.equal(
    warnings.length,
    world > 1 && accelerator.isMainProcess ? configs.filter(({ ignoreDuplicates, evenBatches }) => !ignoreDuplicates && evenBatches).length : 0,
  );
  for (const text of warnings) assert.match(text, /^gatherForMetrics: a mean over a batch .* ignoreDuplicates: true/);
  warnings.length = 0;

  // So are values that are not as long as the batch: what of them stands for rows that were filled in is not known.
  const loader = await accelerator.prepareDataLoader(new DataLoader(numbers(2 * world + 1), { batchSize: 2 }));
  for await (const _ of loader) {
    const { flat } = await accelerator.gatherForMetrics({ flat: tensor([1, 2, 3]) });
    assert.deepEqual(flat.shape, [3 * world]);
    assert.equal((await accelerator.gatherForMetrics(["one"])).length, world);
  }
  const told = ["a tensor flat", "a list"].map((what) => `gatherForMetrics: ${what} is kept whole`);
  assert.deepEqual(
    warnings.map((text) => text.split(",")[0]),
    world > 1 && accelerator.isMainProcess ? told : [],
  );
  warnings.length = 0;
}

// T11 and T14.
for (const splitBatches of bool) {
  for (const dispatchBatches of bool) {
    await using accelerator = new Accelerator({ dataloaderConfig: { splitBatches, dispatchBatches, dataSeed: 6 } });
    const size = (batchSize: number) => (splitBatches ? batchSize * world : batchSize);
    for (const [n, b] of [
      [99, 16],
      [512, 16],
      [32 * world, 8],
    ] as const) {
      const [plain, shuffled] = await accelerator.prepare(
        new DataLoader(numbers(n), { batchSize: size(b) }),
        new DataLoader(numbers(n), { batchSize: size(b), shuffle: true }),
      );
      for (const [loader, order] of [
        [plain, numbers(n)],
        [shuffled, [...new Pcg64([6, 0]).permutation(n)]],
      ] as const) {
        const seen: number[] = [];
        for await (const x of loader) seen.push(...((await (await accelerator.gatherForMetrics(x)).toArray()) as number[]));
        assert.deepEqual(seen, order);
      }
    }
    const [iterable] = await accelerator.prepare(
      new DataLoader(
        epochs(() => rowsOf(30)),
        { batchSize: size(4) },
      ),
    );
    let count = 0;
    for await (const x of iterable) count += (await accelerator.gatherForMetrics(x)).shape[0]!;
    assert.equal(count, 30);
    const [dropping] = await accelerator.prepare(new DataLoader(numbers(10 * world + 1), { batchSize: size(5), dropLast: true }));
    const gathers: number[] = [];
    for await (const x of dropping) gathers.push((await accelerator.gatherForMetrics(x)).shape[0]!);
    assert.deepEqual(gathers, [5 * world, 5 * world]);
  }
}
assert.deepEqual(warnings, [], "rows of their own are nothing to be told of");

// T5, T11's example, nested loaders, skipped batches, and what cannot be dealt.
{
  await using accelerator = new Accelerator();
  const sizes = async (n: number, batchSize: number) => {
    const [loader] = await accelerator.prepare(new DataLoader(numbers(n), { batchSize }));
    const own: number[] = [];
    for await (const x of loader) own.push(x.shape[0]!);
    return own;
  };
  if (world === 2) {
    assert.deepEqual(await sizes(3, 1), [1, 1]);
    assert.deepEqual(await sizes(7, 2), [2, 2]);
    await using uneven = new Accelerator({ dataloaderConfig: { evenBatches: false } });
    const [three, seven] = await uneven.prepare(new DataLoader(numbers(3), { batchSize: 1 }), new DataLoader(numbers(7), { batchSize: 2 }));
    const of = async (loader: AsyncIterable<Tensor>) => {
      const own: number[] = [];
      for await (const x of loader) own.push(x.shape[0]!);
      return own;
    };
    assert.deepEqual(
      [await of(three), await of(seven)],
      accelerator.isMainProcess
        ? [
            [1, 1],
            [2, 2],
          ]
        : [[1], [2, 1]],
    );
    const [nine] = await accelerator.prepare(new DataLoader(numbers(9), { batchSize: 5 }));
    for await (const x of nine) assert.equal((await accelerator.gatherForMetrics(x)).shape[0], 9);
  }
  const [outer, inner] = await accelerator.prepare(
    new DataLoader(numbers(2 * world + 1), { batchSize: 2 }),
    new DataLoader(numbers(3 * world - 1), { batchSize: 3 }),
  );
  const [outerRows, innerRows]: [number[], number[]] = [[], []];
  for await (const x of outer) {
    for await (const y of inner) innerRows.push(...((await (await accelerator.gatherForMetrics(y)).toArray()) as number[]));
    outerRows.push(...((await (await accelerator.gatherForMetrics(x)).toArray()) as number[]));
  }
  assert.deepEqual(outerRows, numbers(2 * world + 1));
  assert.deepEqual(innerRows, [...numbers(3 * world - 1), ...(outer.length > 1 ? numbers(3 * world - 1) : [])]);
  const [skipped] = await accelerator.prepare(new DataLoader(numbers(16 * world + 1), { batchSize: 4 }));
  const rest: number[] = [];
  for await (const x of accelerator.skipFirstBatches(skipped, 2)) rest.push(...((await (await accelerator.gatherForMetrics(x)).toArray()) as number[]));
  assert.deepEqual(rest, numbers(16 * world + 1).slice(8 * world));
  assert.deepEqual(skipped.state().epoch, 1);
  // Outside of loops nothing is left out.
  assert.deepEqual(await (await accelerator.gatherForMetrics(tensor([accelerator.processIndex]))).toArray(), numbers(world));
}
if (world > 1) {
  await using splitting = new Accelerator({ dataloaderConfig: { splitBatches: true } });
  await assert.rejects(splitting.prepare(new DataLoader(numbers(8), { batchSize: world + 1 })), { code: "ERR_LOADER_SHARD", message: /round multiple/ });
  await assert.rejects(splitting.prepare([tensor([1])]), { code: "ERR_LOADER_SHARD", message: /ready batches cannot be split/ });
}
assert.throws(() => new Accelerator({ dataloaderConfig: { dataSeed: 0.5 } }), { code: "ERR_LOADER_OPTIONS" });

// Rank 0 reads for all: rows of any size, what only it has, and a failure that all hear of.
{
  await using accelerator = new Accelerator({ dataloaderConfig: { dispatchBatches: true } });
  const rank = accelerator.processIndex;
  const rows = rank === 0 ? numbers(7 * world + 3).map((i) => ({ ids: new Float32Array(i % 5 === 4 ? 200_000 : i).fill(i), text: `row ${i}`, i })) : [];
  const [loader] = await accelerator.prepare(new DataLoader(rows, { batchSize: 2, collateFn: (items: typeof rows) => items }));
  const seen: number[] = [];
  for await (const items of loader) {
    for (const { ids, text, i } of items) {
      assert.equal(ids.length, i % 5 === 4 ? 200_000 : i);
      assert.ok(ids.every((v) => v === i) && text === `row ${i}`);
    }
    seen.push(...((await (await accelerator.gatherForMetrics(tensor(items.map(({ i }) => i)))).toArray()) as number[]));
  }
  assert.deepEqual(seen, numbers(7 * world + 3));
  // A batch that was asked for and not awaited keeps its place among the calls, also when rank 0 is slow to read it.
  async function* slow() {
    for (const i of numbers(2 * world)) yield await new Promise<number>((resolve) => setTimeout(() => resolve(i), 5));
  }
  const [late] = await accelerator.prepare(new DataLoader(epochs(slow), { batchSize: 1, prefetch: 0 }));
  const iterator = late[Symbol.asyncIterator]();
  const [batch, other] = await Promise.all([iterator.next(), accelerator.gather(tensor([rank]))]);
  assert.deepEqual([await batch.value!.toArray(), await other.toArray()], [[rank], numbers(world)]);
  await iterator.return();
  async function* failing() {
    yield* numbers(3 * world);
    throw new RangeError("the file is broken");
  }
  const [broken] = await accelerator.prepare(new DataLoader(epochs(failing), { batchSize: 1 }));
  let given = 0;
  const started = performance.now();
  await assert.rejects(
    async () => {
      for await (const _ of broken) given++;
    },
    rank === 0 ? { name: "RangeError" } : { code: "ERR_DISPATCH", message: /rank 0 could not read the next batch: RangeError: the file is broken/ },
  );
  promised(performance.now() - started, 2000);
  assert.equal(given, 3, "what could be read is given out before");
  await accelerator.waitForEveryone();
  accelerator.print("ok");
}
