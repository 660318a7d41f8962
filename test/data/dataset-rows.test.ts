// Rows chosen, ordered and combined as Python's datasets does; goldens by test/golden/make/dataset_rows.py.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { inspect } from "node:util";
import { fc } from "../support/properties.js";
import { ClassLabel, concatenateDatasets, Dataset, datasetDict, type Feature, type InterleaveOptions, interleaveDatasets } from "../../src/data/index.js";
import { root } from "./files.js";

type Json = Readonly<Record<string, unknown>>;
const golden = JSON.parse(readFileSync(join(root, "test/golden/data-dataset-rows.json"), "utf8")) as Json;
const camel = (options: Json): object =>
  Object.fromEntries(Object.entries(options).map(([key, value]) => [key.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase()), value]));
const numbers = (n: number, start = 0) => Dataset.fromColumns({ n: Array.from({ length: n }, (_, i) => start + i) });

test("a number in the place of options is no seed, and other options are refused by name", () => {
  const dataset = Dataset.fromColumns({ x: [1, 2, 3, 4] });
  const call = (body: (d: { shuffle: (options: unknown) => unknown; trainTestSplit: (options: unknown) => unknown }) => unknown) => () =>
    body(dataset as never);
  assert.throws(
    call((d) => d.shuffle(42)),
    { code: "ERR_OPTIONS", message: /shuffle was given 42 .*\{ seed: \.\.\. \}/ },
  );
  assert.throws(
    call((d) => d.trainTestSplit(0.1)),
    { code: "ERR_OPTIONS", message: /given 0\.1 .*testSize/ },
  );
  assert.throws(
    call((d) => d.trainTestSplit({ test_size: 0.1 })),
    { code: "ERR_OPTIONS", message: /write testSize/ },
  );
  const streamed = dataset.toIterableDataset() as unknown as { shuffle: (options: unknown) => unknown };
  assert.throws(() => streamed.shuffle(42), { code: "ERR_OPTIONS" });
  const both = datasetDict([["a", dataset]]) as unknown as { shuffle: (options: unknown) => unknown };
  assert.throws(() => both.shuffle(42), { code: "ERR_OPTIONS" });
});

test("trainTestSplit parts the rows as Python's, by sizes of either part, shuffled or not", () => {
  for (const { rows, options, train, test: held } of golden.splits as { rows: number; options: Json; train: number[]; test: number[] }[]) {
    const split = numbers(rows).trainTestSplit(camel(options));
    assert.deepEqual({ train: split.train.column("n"), test: split.test.column("n") }, { train, test: held }, JSON.stringify(options));
  }
});

test("stratified splits are Python's", () => {
  for (const { labels, classes, options, train, test: held } of golden.stratified as {
    labels: number[];
    classes: number;
    options: Json;
    train: number[];
    test: number[];
  }[]) {
    const y = new ClassLabel(Array.from({ length: classes }, (_, i) => String(i)));
    const rows = Dataset.fromColumns({ n: labels.map((_, i) => i), y: labels }, { features: { n: "int64", y } });
    const split = rows.trainTestSplit({ ...camel(options), stratifyByColumn: "y" });
    assert.deepEqual({ train: split.train.column("n"), test: split.test.column("n") }, { train, test: held }, JSON.stringify(options));
  }
});

test("splits that cannot be made say why", () => {
  const y = new ClassLabel(["a", "b"]);
  const rows = Dataset.fromColumns({ y: [0, 0, 0, 1], t: ["a", "b", "c", "d"] }, { features: { y, t: "string" } });
  const refused = (options: object, error: object) => assert.throws(() => rows.trainTestSplit(options), error);
  refused({ testSize: 0.9, trainSize: 0.3 }, { code: "ERR_TEST_SIZE", message: /5 rows, there are 4/ });
  refused({ trainSize: 0.1 }, { code: "ERR_TEST_SIZE", message: /leave 0 of 4 rows to train on/ });
  refused({ trainSize: 4 }, { code: "ERR_TEST_SIZE" });
  refused({ stratifyByColumn: "y" }, { code: "ERR_STRATIFY", message: /class 1 of column y has only one row/ });
  refused({ stratifyByColumn: "t" }, { code: "ERR_STRATIFY", message: /column t is Value\('string'\), no ClassLabel: .*classEncodeColumn\("t"\)/ });
  refused({ stratifyByColumn: "y", shuffle: false }, { code: "ERR_STRATIFY" });
  refused({ stratifyByColumn: "z" }, { code: "ERR_COLUMN_NOT_FOUND" });
  assert.throws(() => rows.select([0, 1, 2, 2]).trainTestSplit({ testSize: 0, stratifyByColumn: "y" }), { code: "ERR_TEST_SIZE" });
});

test("interleaved rows are Python's, in turn and by probabilities, for each way to stop", () => {
  for (const { lengths, options, rows } of golden.interleaved as { lengths: number[]; options: Json; rows: number[] }[]) {
    const parts = lengths.map((n, i) => numbers(n, 1000 * i));
    assert.deepEqual(interleaveDatasets(parts, camel(options) as InterleaveOptions).column("n"), rows, JSON.stringify(options));
  }
  const refused = (options: InterleaveOptions, error: object, parts = [numbers(2), numbers(0)]) =>
    assert.throws(() => interleaveDatasets(parts, options), error);
  refused({ probabilities: [0.5, 0.5] }, { code: "ERR_INTERLEAVE", message: /data set 1 is empty/ });
  refused({ probabilities: [1] }, { code: "ERR_INTERLEAVE", message: /1 probabilities for 2/ });
  refused({ probabilities: [1, 0], stoppingStrategy: "all_exhausted" }, { code: "ERR_INTERLEAVE", message: /never be exhausted/ });
  refused({ probabilities: [0.9, 0.3] }, { code: "ERR_PROBABILITIES" }, [numbers(2), numbers(1)]);
  refused({ stoppingStrategy: "never" as "all_exhausted" }, { code: "ERR_INTERLEAVE" });
  refused({}, { code: "ERR_CONCATENATE" }, []);
});

test("sorted rows are Python's: several columns, either order, null and NaN, texts by code points", () => {
  const table = Dataset.fromRows<{ i: number; x: number | null; s: string | null; b: boolean | null }>(
    [3, Number.NaN, null, 1, Number.NaN, 2, null, 1, -1.5, 2].map((x, i) => ({
      i,
      x,
      s: ["b", "a", null, "\u{1f600}", "\uffee", "", "B", "a", "ä", "z"][i]!,
      b: [true, false, null, true, true, false, false, null, true, false][i]!,
    })),
  );
  for (const { columns, options, rows } of golden.sorted as { columns: "x"[]; options: Json; rows: number[] }[])
    assert.deepEqual(table.sort(columns, camel(options)).column("i"), rows, JSON.stringify([columns, options]));
  assert.throws(() => table.sort(["x", "s"], { reverse: [true] }), { code: "ERR_SORT" });
  assert.throws(() => table.sort("y" as "x"), { code: "ERR_COLUMN_NOT_FOUND" });
  assert.throws(() => Dataset.fromRows([{ l: [1] }]).sort("l"), { code: "ERR_SORT", message: /column l is List/ });
  assert.throws(() => table.sort("x", { nullPlacement: "middle" as "first" }), { code: "ERR_SORT" });
});

test("shards are Python's, and make up the whole", () => {
  for (const { rows, shards, index, contiguous, kept } of golden.sharded as {
    rows: number;
    shards: number;
    index: number;
    contiguous: boolean;
    kept: number[];
  }[])
    assert.deepEqual(numbers(rows).shard({ numShards: shards, index, contiguous }).column("n"), kept);
  assert.deepEqual(numbers(2).shard({ numShards: 4, index: 3 }).column("n"), []);
  for (const [numShards, index] of [
    [2, 2],
    [0, 0],
    [2, -1],
    [1.5, 0],
  ] as const)
    assert.throws(() => numbers(3).shard({ numShards, index }), { code: "ERR_COUNT" });
  fc.assert(
    fc.property(fc.nat(30), fc.integer({ min: 1, max: 8 }), fc.boolean(), (n, numShards, contiguous) => {
      const parts = Array.from({ length: numShards }, (_, index) => numbers(n).shard({ numShards, index, contiguous }));
      const all = concatenateDatasets(parts).column("n");
      assert.deepEqual(contiguous ? all : all.sort((a, b) => a - b), numbers(n).column("n"));
    }),
  );
});

test("concatenated data sets hold all rows; a column that one lacks is null there", () => {
  const a = Dataset.fromRows([
    { n: 1, s: "x" },
    { n: 2, s: "y" },
  ]);
  const b = Dataset.fromRows([{ n: 3, t: true }]);
  const all = concatenateDatasets([a, b]);
  assert.deepEqual([...all], golden.concatenated);
  assert.equal(inspect(all.features), "{'n': Value('int64'), 's': Value('string'), 't': Value('bool')}");
  assert.deepEqual([...a.repeat(2)], golden.repeated);
  assert.deepEqual([...a.repeat(0)], []);
  assert.deepEqual(concatenateDatasets([a.slice(0, 0), a.select([1])]).toRows(), [{ n: 2, s: "y" }]);
  assert.throws(() => concatenateDatasets([a, a.renameColumns({ n: "s", s: "n" })]), {
    code: "ERR_CONCATENATE",
    message: /column n is Value\('int64'\) in one dataset and Value\('string'\)/,
  });
  assert.throws(() => concatenateDatasets([]), { code: "ERR_CONCATENATE" });
  assert.throws(() => concatenateDatasets([a, datasetDict([["train", a]]) as never]), { code: "ERR_CONCATENATE", message: /element 1 is no Dataset/ });
  const wide = concatenateDatasets([a, Dataset.fromColumns({ z: [7, 8] }).select([1, 0])], { axis: 1 });
  assert.deepEqual(
    [...wide],
    [
      { n: 1, s: "x", z: 8 },
      { n: 2, s: "y", z: 7 },
    ],
  );
  wide.at(0).z.toFixed();
  assert.throws(() => concatenateDatasets([a, b], { axis: 1 }), { code: "ERR_COLUMN_LENGTH" });
  assert.throws(() => concatenateDatasets([a, a], { axis: 1 }), { code: "ERR_COLUMN_EXISTS" });
});

test("views compose: any chain of choices sees the rows that the same choices of a list see", () => {
  type Step = { readonly of: (d: Dataset<{ n: number; s: string }>) => Dataset<{ n: number; s: string }>; readonly list: (l: number[]) => number[] };
  const step = fc.oneof(
    fc
      .tuple(fc.integer({ min: -25, max: 25 }), fc.integer({ min: -25, max: 25 }))
      .map(([a, b]): Step => ({ of: (d) => d.slice(a, b), list: (l) => l.slice(a, b) })),
    fc.nat(100).map(
      (seed): Step => ({
        of: (d) => d.shuffle({ seed }),
        list: (l) =>
          numbers(l.length)
            .shuffle({ seed })
            .column("n")
            .map((i) => l[i]!),
      }),
    ),
    fc.nat(3).map((k): Step => ({ of: (d) => d.repeat(k), list: (l) => Array.from({ length: k }, () => l).flat() })),
    fc.nat(30).map((k): Step => ({ of: (d) => d.take(k), list: (l) => l.slice(0, k) })),
    fc.nat(30).map((k): Step => ({ of: (d) => d.skip(k), list: (l) => l.slice(k) })),
    fc.boolean().map((reverse): Step => ({ of: (d) => d.sort("n", { reverse }), list: (l) => [...l].sort((a, b) => (reverse ? b - a : a - b)) })),
    fc.nat(20).map((k): Step => ({ of: (d) => concatenateDatasets([d.skip(k), d.take(k)]), list: (l) => [...l.slice(k), ...l.slice(0, k)] })),
  );
  const start = Dataset.fromRows(Array.from({ length: 20 }, (_, n) => ({ n, s: `#${n}` })));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 5 }), (steps) => {
      const seen = steps.reduce((d, s) => s.of(d), start);
      const list = steps.reduce((l, s) => s.list(l), start.column("n"));
      assert.deepEqual(
        [...seen],
        list.map((n) => ({ n, s: `#${n}` })),
      );
    }),
    { numRuns: 60 },
  );
});

test("class labels of values, casts and batches are Python's", async () => {
  for (const { values, nulls, names, labels } of golden.encoded as { values: string[]; nulls: boolean; names: string[]; labels: number[] }[]) {
    const floats = values.some((v) => typeof v === "number" && !Number.isInteger(v));
    const encoded = await Dataset.fromColumns({ y: values }, floats ? ({ features: { y: "float64" } } as never) : {}).classEncodeColumn("y", {
      includeNulls: nulls,
    });
    assert.deepEqual((encoded.features.y as ClassLabel).names, names);
    assert.deepEqual(encoded.column("y"), labels);
  }
  for (const { values, feature, out } of golden.cast as { values: never[]; feature: Feature; out: unknown[] }[]) {
    const cast = await Dataset.fromColumns<{ v: unknown }>({ v: values }).castColumn("v", feature);
    assert.deepEqual(
      cast.column("v").map((v) => (Number.isNaN(v) ? "nan" : v)),
      out,
      JSON.stringify({ values, feature }),
    );
  }
  const batched = await numbers(5).batch(2);
  assert.deepEqual([...batched], golden.batched);
  assert.deepEqual((await numbers(5).batch(2, { dropLastBatch: true })).column("n"), [
    [0, 1],
    [2, 3],
  ]);
});

test("all prints as Python's", async () => {
  const printed = golden.printed as { dataset: string; dict: string; empty: string; features: string; encoded: string };
  const a = Dataset.fromRows([
    { n: 1, s: "x" },
    { n: 2, s: "y" },
  ]);
  const b = Dataset.fromRows([{ n: 3, t: true }]);
  assert.equal(inspect(a), printed.dataset);
  assert.equal(
    `${datasetDict<never, string>([
      ["train", a as never],
      ["test", b as never],
    ])}`,
    printed.dict,
  );
  assert.equal(`${datasetDict([])}`, printed.empty);
  assert.equal(inspect(Dataset.fromRows([{ i: 1, x: 0.5, s: "", b: true }]).features), printed.features);
  assert.equal(inspect((await Dataset.fromColumns({ y: ["b", "a"] }).classEncodeColumn("y")).features), printed.encoded);
});
