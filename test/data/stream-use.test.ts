// What else takes streams, and what goes over them: loaders, tokenizers.
import assert from "node:assert/strict";
import { test } from "node:test";
import { DataLoader, Dataset, IterableDataset } from "../../src/data/index.js";
import { AutoTokenizer } from "../../src/text/index.js";
import { folderOf } from "./files.js";

type Numbered = { i: number };
const table = (rows: number, numShards: number): IterableDataset<Numbered> =>
  Dataset.fromColumns({ i: Array.from({ length: rows }, (_, i) => i) }).toIterableDataset({ numShards });
const values = async (stream: AsyncIterable<Numbered>): Promise<number[]> => {
  const out: number[] = [];
  for await (const { i } of stream) out.push(i);
  return out;
};
const inEpoch = <R>(epoch: number, stream: IterableDataset<R>): IterableDataset<R> => {
  stream.setEpoch(epoch);
  return stream;
};

test("a DataLoader takes a stream, tells it the epoch, and shuffled streams differ by epoch", async () => {
  const stream = table(20, 2).shuffle({ seed: 1, bufferSize: 8 });
  const loader = new DataLoader(stream, { batchSize: 6, collateFn: (rows: Numbered[]) => rows.map(({ i }) => i) });
  const epochs: number[][] = [];
  for (let epoch = 0; epoch < 2; epoch++) {
    const seen: number[] = [];
    loader.setEpoch(epoch);
    for await (const batch of loader) seen.push(...batch);
    epochs.push(seen);
  }
  assert.equal(stream.epoch, 1);
  assert.notDeepEqual(epochs[0], epochs[1]);
  for (const [epoch, seen] of epochs.entries()) assert.deepEqual(seen, await values(inEpoch(epoch, table(20, 2).shuffle({ seed: 1, bufferSize: 8 }))));
});

test("a tokenizer goes over a stream, as a mapper and in a function", async (t) => {
  const folder = await folderOf(t, { "vocab.txt": "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nthe\ncat\n" });
  const tokenizer = await AutoTokenizer.fromPretrained(folder);
  const stream = IterableDataset.fromGenerator(() => ["the cat", "cat", "the the cat"].map((text, i) => ({ text, i })));
  const wanted = [
    { i: 0, input_ids: [2, 5, 6, 3] },
    { i: 1, input_ids: [2, 6, 3] },
    { i: 2, input_ids: [2, 5, 5, 6, 3] },
  ];
  const ids = async (of: AsyncIterable<unknown>) => {
    const out: unknown[] = [];
    for await (const { i, input_ids } of of as AsyncIterable<Record<string, unknown>>) out.push({ i, input_ids });
    return out;
  };
  assert.deepEqual(await ids(stream.map(tokenizer.mapper("text"), { batchSize: 2, removeColumns: "text" })), wanted);
  assert.deepEqual(await ids(stream.map((async (row: { text: string }) => tokenizer(row.text)) as never)), wanted);
  assert.deepEqual(await ids(stream.map((async (columns: { text: string[] }) => tokenizer(columns.text)) as never, { batched: true, batchSize: 2 })), wanted);
  assert.throws(() => stream.map({} as never), { code: "ERR_ARGUMENT" });
});
