// Several streams as one: one after the other, in turn, drawn; in the order of Python's IterableDataset.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { concatenateDatasets, Dataset, type InterleaveOptions, interleaveDatasets, IterableDataset } from "../../src/data/index.js";
import { root } from "./files.js";

type Numbered = { i: number };
const range = (start: number, rows: number, numShards: number): IterableDataset<Numbered> =>
  Dataset.fromColumns({ i: Array.from({ length: rows }, (_, k) => start + k) }).toIterableDataset({ numShards });
const sources = () => [range(0, 7, 2), range(100, 25, 3), range(200, 4, 2)];
const chained = () => concatenateDatasets(sources());
const turns = (stoppingStrategy: string) => interleaveDatasets(sources(), { stoppingStrategy } as InterleaveOptions);
const draws = (stoppingStrategy: string) => interleaveDatasets(sources(), { stoppingStrategy, probabilities: [0.3, 0.5, 0.2], seed: 42 } as InterleaveOptions);

async function values(stream: AsyncIterable<Numbered>, most = Infinity): Promise<number[]> {
  const out: number[] = [];
  for await (const { i } of stream) if (out.push(i) === most) break;
  return out;
}
const inEpoch = (stream: IterableDataset<Numbered>, epoch: number) => {
  stream.setEpoch(epoch);
  return stream;
};

test("rows come in the order of Python's concatenate_datasets and interleave_datasets", async () => {
  // Made by test/golden/make/data_stream.py.
  const golden = JSON.parse(await readFile(join(root, "test/golden/data-stream.json"), "utf8")) as { name: string; values: number[] }[];
  const makers: Readonly<Record<string, (text: string) => IterableDataset<Numbered>>> = {
    chained,
    "chained shuffled": () => chained().shuffle({ seed: 42, bufferSize: 5 }),
    "chained epoch": () => inEpoch(chained().shuffle({ seed: 42, bufferSize: 5 }), 2),
    "chained shard": (index) => chained().shard({ numShards: 2, index: Number(index) }),
    turns,
    draws,
    "turns shuffled": () => turns("all_exhausted").shuffle({ seed: 7, bufferSize: 5 }),
    "draws shuffled": () => draws("all_exhausted").shuffle({ seed: 7, bufferSize: 5 }),
    "draws epoch": () => inEpoch(draws("all_exhausted"), 3),
    "turns shard": (index) => turns("all_exhausted").shard({ numShards: 2, index: Number(index) }),
  };
  let seen = 0;
  for (const { name, values: wanted } of golden) {
    const [first, argument = ""] = name in makers ? [name] : [name.slice(0, name.lastIndexOf(" ")), name.slice(name.lastIndexOf(" ") + 1)];
    const make = makers[first!];
    if (!make) continue;
    assert.deepEqual(await values(make(argument)), wanted, name);
    seen++;
  }
  assert.equal(seen, 16);
});

test("they go on where their state says", async () => {
  for (const make of [
    chained,
    () => turns("all_exhausted"),
    () => turns("all_exhausted_without_replacement"),
    () => draws("all_exhausted"),
    () => draws("first_exhausted"),
  ]) {
    const wanted = await values(make());
    for (let given = 0; given <= wanted.length; given++) {
      const before = make();
      if (given > 0) await values(before, given);
      const after = make();
      after.loadStateDict(JSON.parse(JSON.stringify(before.stateDict())));
      assert.deepEqual(await values(after), wanted.slice(given), `${given} of ${wanted.length}`);
    }
  }
});

test("columns are brought together; what does not fit is refused", async () => {
  const [a, b] = [Dataset.fromRows([{ x: 1, y: "a" }]).toIterableDataset(), Dataset.fromRows([{ y: "b", z: 0.5 }]).toIterableDataset()];
  const both = concatenateDatasets([a, b]);
  assert.deepEqual(both.columnNames, ["x", "y", "z"]);
  const rows: object[] = [];
  for await (const row of both) rows.push(row);
  assert.deepEqual(rows, [
    { x: 1, y: "a", z: null },
    { x: null, y: "b", z: 0.5 },
  ]);
  assert.equal(concatenateDatasets([a.map((row) => row), b]).features, undefined);
  const other = Dataset.fromRows([{ x: "text" }]).toIterableDataset();
  assert.throws(() => concatenateDatasets([a, other]), {
    code: "ERR_CONCATENATE",
    message: /column x is Value\('int64'\) in one stream and Value\('string'\)/,
  });
  assert.throws(() => concatenateDatasets([a, Dataset.fromRows([{ x: 1 }])] as never), { code: "ERR_CONCATENATE" });
  assert.throws(() => concatenateDatasets([a, b] as never, { axis: 1 } as never), { code: "ERR_CONCATENATE", message: /axis 1/ });
  assert.throws(() => concatenateDatasets([a, b.splitByNode({ rank: 0, worldSize: 2 })]), { code: "ERR_CONCATENATE" });
  assert.throws(() => interleaveDatasets([a, b], { probabilities: [1, 0], stoppingStrategy: "all_exhausted" }), { code: "ERR_INTERLEAVE" });
  const none = concatenateDatasets([range(0, 1, 1).take(0), range(0, 1, 1).skip(1)]);
  assert.deepEqual(await values(none), []);
  assert.deepEqual(await values(interleaveDatasets([range(0, 2, 1), none], { stoppingStrategy: "all_exhausted" })), [0, 1]);
});

test("what gives no rows is refused", async () => {
  assert.throws(() => IterableDataset.fromGenerator(5 as never), { code: "ERR_STREAM_ROW", message: /number is no function/ });
  await assert.rejects(values(IterableDataset.fromGenerator((() => 5) as never)), { code: "ERR_STREAM_ROW", message: /gave 5/ });
});
