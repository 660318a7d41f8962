// IterableDataset: the orders of Python's, transforms on the way, states, files that are closed.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { Dataset, IterableDataset } from "../../src/data/index.js";
import { root } from "./files.js";

type Numbered = { i: number };
const table = (rows: number, shards: number): IterableDataset<Numbered> =>
  IterableDataset.ofTable<Numbered>(Dataset.tableOf(Dataset.fromColumns({ i: Array.from({ length: rows }, (_, i) => i) })), shards);
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
  assert.equal(seen, golden.length - 2); // the others are of files: load-streaming.test.ts
});
