// The course's chapter on data, step by step, over the real MRPC and the vocabulary of bert-base-uncased: values and texts are Python's.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { inspect } from "node:util";
import { AdamW, ClassLabel, type DatasetDict, DataCollatorWithPadding, loadDataset, tensor } from "accelerate-ts";
import { AutoModelForSequenceClassification, AutoTokenizer, type PreTrainedTokenizer } from "accelerate-ts/models";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { needs } from "../data/files.js";
import { parquetOf, printed, splits, tinyBert } from "./support.js";

type Pair = { sentence1: string; sentence2: string; label: number; idx: number };

describe("the course's data", needs("data/mrpc"), () => {
  const root = mkdtempSync(join(tmpdir(), "acceptance-"));
  let checkpoint: string;
  let tokenizer: PreTrainedTokenizer;
  let raw: DatasetDict<Pair, (typeof splits)[number]>;
  before(async () => {
    checkpoint = await tinyBert(root, "bert-base-uncased");
    tokenizer = await AutoTokenizer.fromPretrained(checkpoint);
    const files = Object.fromEntries(splits.map((split) => [split, parquetOf(split)])) as { [K in (typeof splits)[number]]: string };
    const loaded = await loadDataset("parquet", { dataFiles: files, cacheDir: root });
    raw = loaded as unknown as typeof raw;
  });
  after(() => rmSync(root, { recursive: true }));

  it("trains on a batch of two sentences", async () => {
    const sequences = ["I've been waiting for a HuggingFace course my whole life.", "This course is amazing!"];
    const batch = await tokenizer(sequences, { padding: true, truncation: true, returnTensors: true });
    assert.deepEqual(await batch.input_ids.toArray(), [
      [101, 1045, 1005, 2310, 2042, 3403, 2005, 1037, 17662, 12172, 2607, 2026, 2878, 2166, 1012, 102],
      [101, 2023, 2607, 2003, 6429, 999, 102, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    ]);
    assert.deepEqual((await batch.attention_mask.toArray())[1], [1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    const { value: model } = await printed("warn", () => AutoModelForSequenceClassification.fromPretrained(checkpoint));
    const optimizer = new AdamW(model.parameters(), { lr: 1e-3, eps: 1e-6, weightDecay: 0 });
    const labels = tensor([1, 1], { dtype: "int64" });
    const { loss } = model({ ...batch, labels });
    await loss.backward();
    await optimizer.step();
    assert.ok((await model({ ...batch, labels }).loss.item()) < (await loss.item()));
  });

  it("prints a DatasetDict, its features and its rows as Python does", () => {
    const text = splits
      .map(
        (split) => `    ${split}: Dataset({\n        features: ['sentence1', 'sentence2', 'label', 'idx'],\n        num_rows: ${raw.numRows[split]}\n    })\n`,
      )
      .join("");
    assert.equal(inspect(raw), `DatasetDict({\n${text}})`);
    assert.equal(
      inspect(raw.train.features),
      "{'sentence1': Value('string'), 'sentence2': Value('string'), 'label': ClassLabel(names=['not_equivalent', 'equivalent']), 'idx': Value('int32')}",
    );
    const { label } = raw.train.features;
    assert.ok(label instanceof ClassLabel);
    assert.deepEqual([label.int2str(1), label.str2int("not_equivalent")], ["equivalent", 0]);
    const first = raw.train.at(0);
    assert.deepEqual([first.label, first.idx, first.sentence1.slice(0, 62)], [1, 0, 'Amrozi accused his brother , whom he called " the witness " , ']);
    assert.deepEqual(raw.validation.slice(0, 5).column("idx"), [9, 18, 25, 32, 33]);
    const counted = splits.map((split) => raw[split].column("label").reduce((sum, one) => sum + one, 0));
    assert.deepEqual(counted, [2474, 279, 1147]);
  });

  it("holds the rows that the course looks at", () => {
    const [one, other] = [raw.train.at(15), raw.validation.at(87)];
    assert.deepEqual([one.label, one.sentence1.slice(0, 24)], [0, "Rudder was most recently"]);
    assert.deepEqual([other.label, other.sentence1.slice(0, 32)], [0, "However , EPA officials would no"]);
    assert.deepEqual(raw.train.at(-1).idx, 4075);
  });

  it("encodes a pair with its two types, and gives its tokens back", async () => {
    const pair = await tokenizer("This is the first sentence", "This is the second one.");
    assert.deepEqual({ ...pair }, {
      input_ids: [101, 2023, 2003, 1996, 2034, 6251, 102, 2023, 2003, 1996, 2117, 2028, 1012, 102],
      token_type_ids: [0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1],
      attention_mask: Array(14).fill(1),
    }); // biome-ignore format: ids
    assert.deepEqual(Object.keys(pair), ["input_ids", "token_type_ids", "attention_mask"]);
    const tokens = "[CLS] this is the first sentence [SEP] this is the second one . [SEP]".split(" ");
    assert.deepEqual(tokenizer.convertIdsToTokens(pair.input_ids), tokens);
    assert.deepEqual(tokenizer.convertTokensToIds(tokens), pair.input_ids);
    assert.equal(await tokenizer.decode(pair.input_ids, { skipSpecialTokens: true }), "this is the first sentence this is the second one.");
    assert.equal((await tokenizer("This is the first sentence.", "This is the second one.")).input_ids.length, 15);
  });

  it("encodes the whole training set at once, all 103 long", async () => {
    const all = await tokenizer(raw.train.column("sentence1"), raw.train.column("sentence2"), { padding: true, truncation: true });
    assert.equal(all.input_ids.length, 3668);
    assert.deepEqual([...new Set(all.input_ids.map((row) => row.length))], [103]);
  });

  it("gives eight rows of the lengths that the course prints, and a batch of the longest from columns or from rows", async () => {
    const tokenized = await raw.map(tokenizer.mapper("sentence1", "sentence2", { truncation: true }), { batched: true, numProc: 2 });
    const { idx: _, sentence1: _1, sentence2: _2, ...samples } = tokenized.train.slice(0, 8).toColumns();
    assert.deepEqual(
      samples.input_ids.map((row) => row.length),
      [50, 59, 47, 67, 59, 50, 62, 32],
    );
    const collator = new DataCollatorWithPadding(tokenizer);
    const rows = tokenized.train.slice(0, 8).removeColumns(["sentence1", "sentence2", "idx"]).toRows();
    const batch = collator(rows);
    const columns = (collator as unknown as (columns: object) => typeof batch)(samples);
    for (const name of ["input_ids", "token_type_ids", "attention_mask"] as const) {
      assert.deepEqual(batch[name].shape, [8, 67]);
      assert.deepEqual(await columns[name].toArray(), await batch[name].toArray());
    }
    assert.deepEqual(await batch.labels.toArray(), [1, 0, 1, 0, 1, 1, 0, 1]);
  });
});
