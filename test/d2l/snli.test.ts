// Reading SNLI, cutting pairs, and the data set of BERT's input: the book's values, for any number of threads.
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fc } from "../support/properties.js";
import { getTokensAndSegments, readSnli, SNLIBERTDataset, SNLIDataset, type SnliExamples, tokenize, Vocab } from "../../src/d2l/index.js";
import { DataLoader } from "../../src/index.js";
import { cuts } from "../../src/d2l/truncate.js";
import { inFolder, printed, words, writeSnli } from "./support.js";

const vocab = Vocab.of(["<unk>", "<pad>", "<cls>", "<sep>", ".", ...words]);

test("rows with a label are read, their parses as words", () =>
  inFolder(async (folder) => {
    const header = "gold_label\ta\tb";
    const rows = ["entailment\t( ( A man )  ( sleeps . ) )\t( He\u00a0 rests )\tx", "-\t( a )\t( b )", "neutral\t(a)\t()", "contradiction\t( ( a ) ) \t b"];
    await writeFile(join(folder, "snli_1.0_train.txt"), [header, ...rows].join("\n"));
    assert.deepEqual(await readSnli(folder, true), [
      ["A man sleeps .", "a", "a"],
      ["He rests", "", "b"],
      [0, 2, 1],
    ]);
    await writeFile(join(folder, "snli_1.0_test.txt"), `${header}\nneutral\ta\n`);
    await assert.rejects(readSnli(folder, false), { code: "ERR_SNLI", message: /snli_1\.0_test\.txt:2/ });
    await assert.rejects(readSnli(join(folder, "none"), true), { code: "ERR_SNLI", message: /downloadExtract/ });
  }));

test("the longer sentence of a pair is cut until both fit, the second one of equals first", () =>
  fc.assert(
    fc.property(fc.nat(60), fc.nat(60), fc.integer({ min: 2, max: 50 }), (first, second, room) => {
      const popped = [first, second] as [number, number];
      while (popped[0] + popped[1] > room) popped[popped[0] > popped[1] ? 0 : 1]--;
      assert.deepEqual(cuts.longest(first, second, room), popped);
    }),
  ));

test("by ratio both sentences keep the same share, and at least a token each", () => {
  assert.deepEqual(cuts.ratio(60, 20, 40), [30, 10]);
  assert.deepEqual(cuts.ratio(3, 2, 10), [3, 2]);
  assert.deepEqual(cuts.ratio(200, 1, 40), [39, 1]);
  assert.deepEqual(cuts.ratio(1, 200, 40), [1, 39]);
  assert.deepEqual(cuts.ratio(50, 0, 40), [40, 0]);
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 60 }), fc.integer({ min: 2, max: 50 }), (first, second, room) => {
      const [a, b] = cuts.ratio(first, second, room);
      assert.ok(a >= 1 && b >= 1 && a <= first && b <= second && a + b === Math.min(room, first + second));
    }),
  );
});

/** The rows as the book makes them, one by one. */
function expected(premise: string, hypothesis: string, label: number, maxLen: number) {
  const [p, h] = [premise, hypothesis].map((text) => tokenize([text.toLowerCase()])[0]!) as [string[], string[]];
  while (p.length + h.length > maxLen - 3) (p.length > h.length ? p : h).pop();
  const { tokens, segments } = getTokensAndSegments(p, h);
  const pad = <T>(row: readonly T[], value: T): T[] => [...row, ...Array<T>(maxLen - row.length).fill(value)];
  return [[pad(vocab.get(tokens), 1), pad(segments, 0), tokens.length], label];
}

test("rows are the book's, whatever the number of threads, and their number is printed", () =>
  inFolder(async (folder) => {
    await writeSnli(folder, 9000, 5);
    const examples = await readSnli(folder, true);
    const sets: SNLIBERTDataset[] = [];
    const lines = await printed(async () => {
      for (const numWorkers of [0, 1, 3, undefined])
        sets.push(await SNLIBERTDataset.create(examples, { maxLen: 12, vocab, ...(numWorkers !== undefined && { numWorkers }) }));
    });
    assert.deepEqual(lines, Array(4).fill("read 9000 examples"));
    for (const i of [0, 1, 2, 4095, 4096, 8191, 8999]) {
      const row = expected(examples[0][i]!, examples[1][i]!, examples[2][i]!, 12);
      for (const set of sets) assert.deepEqual(set.at(i), row, `row ${i}`);
    }
    for (let i = 0; i < 9000; i += 7) assert.deepEqual(sets[2]!.at(i), sets[0]!.at(i));
    assert.deepEqual(sets[0]!.at(-1), sets[0]!.at(8999));
    assert.throws(() => sets[0]!.at(9000), { code: "ERR_ROW_RANGE" });
  }));

test("another thread reads the same memory through the descriptor", () =>
  inFolder(async (folder) => {
    await writeSnli(folder, 20, 5);
    let set!: SNLIBERTDataset;
    await printed(async () => {
      set = await SNLIBERTDataset.create(await readSnli(folder, true), { maxLen: 12, vocab, truncation: "ratio" });
    });
    const { module, name, options } = set.descriptor;
    const make = ((await import(module)) as Record<string, (options: unknown) => SNLIBERTDataset>)[name]!;
    const other = make(structuredClone(options));
    assert.equal(other.length, 20);
    for (let i = 0; i < 20; i++) assert.deepEqual(other.at(i), set.at(i));
    const { labels } = options as { labels: Int32Array };
    labels[3] = 7;
    assert.equal(other.at(3)[1], 7);
  }));

test("a loader makes of it a batch of three tensors and labels", () =>
  inFolder(async (folder) => {
    await writeSnli(folder, 7, 5);
    let shapes: unknown;
    await printed(async () => {
      const set = await SNLIBERTDataset.create(await readSnli(folder, true), { maxLen: 12, vocab });
      for await (const [[tokens, segments, validLens], labels] of new DataLoader(set, { batchSize: 4 }))
        shapes ??= [tokens, segments, validLens, labels].map(({ dtype, shape }) => [dtype, shape]);
    });
    assert.deepEqual(shapes, [
      ["int64", [4, 12]],
      ["int64", [4, 12]],
      ["int64", [4]],
      ["int64", [4]],
    ]);
  }));

test("threads of a loader make the same batches of it", () =>
  inFolder(async (folder) => {
    await writeSnli(folder, 11, 5);
    await printed(async () => {
      const set = await SNLIBERTDataset.create(await readSnli(folder, true), { maxLen: 12, vocab });
      const [here, there]: unknown[][] = [[], []];
      for (const [seen, numWorkers] of [
        [here!, 0],
        [there!, 2],
      ] as const)
        for await (const [x, y] of new DataLoader(set, { batchSize: 4, shuffle: true, seed: 7, numWorkers }))
          seen.push(await Promise.all([...x, y].map((t) => t.toArray())));
      assert.equal(here!.length, 3);
      assert.deepEqual(there, here);
    });
  }));

test("for the attention model both sentences have a fixed number of tokens, and a vocabulary of what is frequent", async () => {
  const examples: SnliExamples = [
    ["A man runs", "A man sleeps now", "A man", "A", "A"],
    ["man", "dog", "man", "man", "man"],
    [0, 1, 2, 0, 1],
  ];
  let set!: SNLIDataset;
  const lines = await printed(async () => {
    set = new SNLIDataset(examples, { numSteps: 3 });
  });
  assert.deepEqual(lines, ["read 5 examples"]);
  assert.deepEqual(set.vocab.idxToToken, ["<pad>", "<unk>", "A", "man"]);
  assert.deepEqual(set.at(1), [
    [
      [2, 3, 1],
      [1, 0, 0],
    ],
    1,
  ]);
  assert.deepEqual(set.at(-1), [
    [
      [2, 0, 0],
      [3, 0, 0],
    ],
    1,
  ]);
  assert.throws(() => set.at(5), { code: "ERR_ROW_RANGE" });
});

test("options and lists that do not fit are named", async () => {
  const make = (options: object, examples: Parameters<typeof SNLIBERTDataset.create>[0] = [["a"], ["b"], [0]]) =>
    SNLIBERTDataset.create(examples, { maxLen: 12, vocab, ...options } as Parameters<typeof SNLIBERTDataset.create>[1]);
  await assert.rejects(make({ maxLen: 4 }), /maxLen is 4/);
  await assert.rejects(make({ numWorkers: -1 }), /numWorkers is -1/);
  await assert.rejects(make({ truncation: "first" }), /truncation is "first"/);
  await assert.rejects(make({}, [["a"], ["b"], []]), /1 premises, 1 hypotheses and 0 labels/);
});
