// IterableDataset: the orders of Python's, transforms on the way, states, files that are closed.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { inspect } from "node:util";
import { fc } from "../support/properties.js";
import { ClassLabel, Dataset, IterableDataset } from "../../src/data/index.js";
import { root } from "./files.js";

type Numbered = { i: number };
const table = (rows: number, shards: number): IterableDataset<Numbered> =>
  Dataset.fromColumns({ i: Array.from({ length: rows }, (_, i) => i) }).toIterableDataset({ numShards: shards });
const values = async (stream: AsyncIterable<Numbered>): Promise<number[]> => {
  const out: number[] = [];
  for await (const { i } of stream) out.push(i);
  return out;
};
const generated = (shards: number) =>
  IterableDataset.fromGenerator(
    function* ({ starts }: { starts: number[] }) {
      for (const start of starts) for (let i = start; i < start + 10; i++) yield { i };
    },
    { genKwargs: { starts: Array.from({ length: shards }, (_, k) => 10 * k) } },
  );
const inEpoch = <R>(epoch: number, stream: IterableDataset<R>): IterableDataset<R> => {
  stream.setEpoch(epoch);
  return stream;
};

test("rows come in the order of Python's IterableDataset", async () => {
  // Made by test/golden/make/data_stream.py.
  const golden = JSON.parse(await readFile(join(root, "test/golden/data-stream.json"), "utf8")) as { name: string; values: number[] }[];
  const makers: Readonly<Record<string, (...numbers: number[]) => AsyncIterable<Numbered>>> = {
    table: (rows, shards, bufferSize, seed) => table(rows!, shards!).shuffle({ seed: seed!, bufferSize: bufferSize! }),
    generator: (shards, bufferSize, seed) => generated(shards!).shuffle({ seed: seed!, bufferSize: bufferSize! }),
    "generator mapped": (shards, bufferSize, seed) =>
      generated(shards!)
        .map(({ i }) => ({ i: i + 1000 }))
        .shuffle({ seed: seed!, bufferSize: bufferSize! }),
    epoch: (epoch) => inEpoch(epoch!, table(25, 3).shuffle({ seed: 42, bufferSize: 6 })),
    "epoch filtered": (epoch) =>
      inEpoch(
        epoch!,
        table(25, 3)
          .shuffle({ seed: 42, bufferSize: 6 })
          .filter(({ i }) => i % 2 === 0),
      ),
    "epoch plain": (epoch) => inEpoch(epoch!, table(25, 3)),
    "epoch taken": (epoch) => inEpoch(epoch!, table(25, 3).take(9).shuffle({ seed: 42, bufferSize: 4 })),
    "take shuffled": () => table(25, 3).take(11).shuffle({ seed: 42, bufferSize: 5 }),
    "skip shuffled": () => table(25, 3).skip(4).shuffle({ seed: 42, bufferSize: 5 }),
    "shuffled take": () => table(25, 3).shuffle({ seed: 42, bufferSize: 5 }).take(7),
    "shuffled twice": () => table(25, 3).shuffle({ seed: 42, bufferSize: 5 }).shuffle({ seed: 3, bufferSize: 4 }),
    "filtered shuffled": () =>
      table(25, 3)
        .filter(({ i }) => i % 3 !== 0)
        .shuffle({ seed: 42, bufferSize: 5 }),
    repeated: () => table(5, 2).shuffle({ seed: 1, bufferSize: 3 }).repeat(2),
    shard: (index) => table(25, 5).shard({ numShards: 2, index: index! }),
    "shard apart": (index) => table(25, 5).shard({ numShards: 2, index: index!, contiguous: false }),
    "shard shuffled": (index) => table(25, 5).shard({ numShards: 2, index: index! }).shuffle({ seed: 42, bufferSize: 4 }),
    "shard of shuffled": (index) => table(25, 5).shuffle({ seed: 42, bufferSize: 4 }).shard({ numShards: 2, index: index! }),
    "shard of taken": (index) => table(25, 5).take(9).shard({ numShards: 2, index: index! }),
    node: (rank) => table(25, 4).splitByNode({ rank: rank!, worldSize: 2 }),
    "node apart": (rank) => table(25, 3).shuffle({ seed: 42, bufferSize: 5 }).splitByNode({ rank: rank!, worldSize: 2 }),
  };
  let seen = 0;
  for (const { name, values: wanted } of golden) {
    const [, maker, numbers] = /^(.*?)((?: \d+)*)$/.exec(name)!;
    const make = makers[maker!];
    if (!make) continue;
    assert.deepEqual(await values(make(...numbers!.split(" ").slice(1).map(Number))), wanted, name);
    seen++;
  }
  assert.equal(seen, golden.length - 18); // the others are of files (stream-files.test.ts) and of several streams (stream-combined.test.ts)
});

test("a stream goes on where its state says, whatever it is made of", async () => {
  type Step = (stream: IterableDataset<Numbered>) => IterableDataset<Numbered>;
  const step: fc.Arbitrary<Step> = fc.oneof(
    fc.nat({ max: 30 }).map(
      (n): Step =>
        (stream) =>
          stream.take(n),
    ),
    fc.nat({ max: 8 }).map(
      (n): Step =>
        (stream) =>
          stream.skip(n),
    ),
    fc.integer({ min: 1, max: 3 }).map(
      (n): Step =>
        (stream) =>
          stream.repeat(n),
    ),
    fc.record({ seed: fc.nat(), bufferSize: fc.integer({ min: 1, max: 12 }) }).map(
      (options): Step =>
        (stream) =>
          stream.shuffle(options),
    ),
    fc.constant<Step>((stream) => stream.map(({ i }, index) => ({ i: i + 100 * index }))),
    fc.constant<Step>((stream) => stream.filter(({ i }) => i % 3 !== 1)),
    fc.integer({ min: 1, max: 7 }).map(
      (batchSize): Step =>
        (stream) =>
          stream.map((columns: { i: number[] }) => ({ i: columns.i.flatMap((i) => (i % 2 ? [i, -i] : [])) }), {
            batched: true,
            batchSize,
          }) as IterableDataset<Numbered>,
    ),
    fc.integer({ min: 1, max: 5 }).map(
      (batchSize): Step =>
        (stream) =>
          stream.filter((columns: { i: number[] }) => columns.i.map((i) => i % 5 !== 0), { batched: true, batchSize }),
    ),
    fc.nat({ max: 1 }).map(
      (index): Step =>
        (stream) =>
          stream.shard({ numShards: 2, index }),
    ),
    fc.nat({ max: 1 }).map(
      (rank): Step =>
        (stream) =>
          stream.splitByNode({ rank, worldSize: 2 }),
    ),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 5 }),
      fc.array(step, { maxLength: 4 }),
      fc.nat({ max: 60 }),
      fc.nat({ max: 2 }),
      async (shards, steps, cut, epoch) => {
        const build = () =>
          inEpoch(
            epoch,
            steps.reduce((stream, next) => next(stream), shards > 3 ? (generated(shards) as IterableDataset<Numbered>) : table(33, shards)),
          );
        const whole = await values(build());
        const [one, two] = [build(), build()];
        const head: number[] = [];
        for await (const { i } of one) if (head.push(i) >= cut) break;
        const state = JSON.parse(JSON.stringify(one.stateDict())) as ReturnType<typeof one.stateDict>;
        two.loadStateDict(state);
        assert.deepEqual([...head, ...(await values(two))], whole);
        // The state is of one iteration: the next begins at the beginning.
        assert.deepEqual(await values(two), whole);
      },
    ),
    { numRuns: 150 },
  );
  const stream = table(10, 1);
  assert.throws(() => stream.loadStateDict({} as never), { code: "ERR_STREAM_STATE" });
  stream.loadStateDict(table(10, 1).take(5).stateDict());
  await assert.rejects(values(stream), { code: "ERR_STREAM_STATE", message: /it says take where this one has source/ });
});

test("map, filter and batch change rows on the way", async () => {
  const rows = [
    { text: "a", n: 1 },
    { text: "bb", n: 2 },
    { text: "ccc", n: 3 },
  ];
  const stream = IterableDataset.fromGenerator(() => rows);
  const list = async (of: AsyncIterable<unknown>) => {
    const out: unknown[] = [];
    for await (const row of of) out.push(row);
    return out;
  };
  assert.deepEqual(await list(stream.map(({ text }) => ({ length: text.length }), { removeColumns: "text" })), [
    { n: 1, length: 1 },
    { n: 2, length: 2 },
    { n: 3, length: 3 },
  ]);
  assert.deepEqual(await list(stream.map(async (row) => ({ n: row.n * 10 })).selectColumns("n")), [{ n: 10 }, { n: 20 }, { n: 30 }]);
  assert.deepEqual(await list(stream.map((columns) => ({ n: columns.n.map((n) => -n) }), { batched: true, batchSize: 2, dropLastBatch: true })), [
    { text: "a", n: -1 },
    { text: "bb", n: -2 },
  ]);
  assert.deepEqual(await list(stream.map((() => undefined) as never, { removeColumns: ["n"] })), [{ text: "a" }, { text: "bb" }, { text: "ccc" }]);
  assert.deepEqual(
    await list(
      stream.map(((text: string, n: number, index: number) => ({ all: `${text}${n}${index}` })) as never, {
        inputColumns: ["text", "n"],
        removeColumns: ["text", "n"],
      }),
    ),
    [{ all: "a10" }, { all: "bb21" }, { all: "ccc32" }],
  );
  assert.deepEqual(await list(stream.batch(2)), [
    { text: ["a", "bb"], n: [1, 2] },
    { text: ["ccc"], n: [3] },
  ]);
  assert.deepEqual(await list(stream.batch(2, { dropLastBatch: true })), [{ text: ["a", "bb"], n: [1, 2] }]);
  assert.deepEqual(await list(stream.iter({ batchSize: 2 })), [
    { text: ["a", "bb"], n: [1, 2] },
    { text: ["ccc"], n: [3] },
  ]);
  assert.deepEqual(await list(stream.renameColumn("n", "m").removeColumns("text")), [{ m: 1 }, { m: 2 }, { m: 3 }]);
  assert.deepEqual(await list(stream.column("n")), [1, 2, 3]);
  assert.deepEqual(await list(stream.filter(({ n }, index) => n > 1 && index < 2)), [{ text: "bb", n: 2 }]);
  const exported = { filename: new URL("./stream-functions.js", import.meta.url), name: "doubled" };
  assert.deepEqual(await list(stream.map(exported, { removeColumns: "text" })), [{ n: 2 }, { n: 4 }, { n: 6 }]);

  await assert.rejects(list(stream.map(() => 5 as never)), { code: "ERR_MAP_RESULT", message: /returned 5 for row 0/ });
  await assert.rejects(list(stream.map((() => ({ n: [1] })) as never, { batched: true })), {
    code: "ERR_MAP_RESULT",
    message: /column n of rows 0 to 2 has 1 rows, text 3/,
  });
  await assert.rejects(list(stream.filter((() => [true]) as never, { batched: true })), { code: "ERR_FILTER_TEST" });
  await assert.rejects(list(stream.selectColumns("x" as never)), { code: "ERR_COLUMN_NOT_FOUND", message: /columns are text, n/ });
  assert.throws(() => stream.map(() => ({}), { numProc: 2 } as never), { code: "ERR_OPTIONS", message: /has no option numProc/ });
  assert.throws(() => stream.take(-1), { code: "ERR_COUNT" });
  assert.throws(() => table(3, 4), { code: "ERR_COUNT", message: /1 to the number of rows \(3\)/ });
  assert.throws(() => stream.shard({ numShards: 2, index: 2 }), { code: "ERR_COUNT", message: /no shard 2 of 2/ });
  assert.throws(() => IterableDataset.fromGenerator(() => rows, { genKwargs: { a: [1], b: [1, 2] } }), { code: "ERR_STREAM_SHARDS" });
});

test("what the columns hold is known, printed and checked", async () => {
  const features = { text: "string", label: new ClassLabel(["neg", "pos"]) } as const;
  const stream = IterableDataset.fromGenerator(() => [{ text: "a", label: "pos" }, { text: "b" }], { features });
  assert.equal(inspect(stream), "IterableDataset({\n    features: ['text', 'label'],\n    num_shards: 1\n})");
  assert.equal(inspect(stream.features), "{'text': Value('string'), 'label': ClassLabel(names=['neg', 'pos'])}");
  const rows: unknown[] = [];
  for await (const row of stream) rows.push(row);
  assert.deepEqual(rows, [
    { text: "a", label: 1 },
    { text: "b", label: null },
  ]);
  assert.equal(inspect(stream.batch(2).features), "{'text': List(Value('string')), 'label': List(ClassLabel(names=['neg', 'pos']))}");
  assert.equal(inspect(stream.renameColumn("label", "y").features), "{'text': Value('string'), 'y': ClassLabel(names=['neg', 'pos'])}");
  assert.deepEqual(stream.selectColumns("label").columnNames, ["label"]);
  assert.equal(inspect(stream.map((row) => row)), "IterableDataset({\n    features: Unknown,\n    num_shards: 1\n})");
  const typed = stream.map(({ text }) => ({ n: text.length }), { features: { n: "int32" } });
  assert.equal(inspect(typed.features), "{'n': Value('int32')}");
  assert.throws(() => stream.removeColumns("x" as never), { code: "ERR_COLUMN_NOT_FOUND", message: /columns are text, label/ });
  const wrong = IterableDataset.fromGenerator(() => [{ text: "a", label: "maybe" }], { features });
  await assert.rejects(values(wrong as never), { message: /row 0 of the stream, column label: .*maybe/ });
});

test("leaving a stream, disposing of it and aborting end what it reads from", async () => {
  let [open, closed] = [0, 0];
  const endless = (options: { signal?: AbortSignal } = {}) =>
    IterableDataset.fromGenerator(function* () {
      open++;
      try {
        for (let i = 0; ; i++) yield { i };
      } finally {
        closed++;
      }
    }, options);
  for await (const { i } of endless().shuffle({ bufferSize: 10 }).repeat(null)) if (i > 3) break;
  assert.deepEqual([open, closed], [1, 1]);
  {
    await using stream = endless().map((row) => row);
    await stream[Symbol.asyncIterator]().next();
    assert.deepEqual([open, closed], [2, 1]);
  }
  assert.deepEqual([open, closed], [2, 2]);
  const controller = new AbortController();
  const rest = values(
    endless({ signal: controller.signal }).filter(({ i }) => {
      if (i === 50) controller.abort(new Error("enough"));
      return true;
    }),
  );
  await assert.rejects(rest, /enough/);
  assert.deepEqual([open, closed], [3, 3]);
  // Nothing to repeat is no endless loop.
  assert.deepEqual(await values(table(5, 1).take(0).repeat(null)), []);
});
