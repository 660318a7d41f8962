// Collators and the length-grouped sampler against transformers; test/golden/make/collators.py made the numbers.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import {
  DataCollatorForLanguageModeling,
  DataCollatorForTokenClassification,
  DataCollatorWithPadding,
  defaultDataCollator,
  LengthGroupedSampler,
} from "../../src/data/index.js";
import { packageRoot } from "../../src/package-root.js";
import type { Tensor } from "../../src/tensor/index.js";

interface Column {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly values: unknown;
}
interface Golden {
  readonly cases: readonly {
    readonly collator: string;
    readonly options: object;
    readonly side: "left" | "right";
    readonly rows: object[];
    readonly batch: Readonly<Record<string, Column>>;
  }[];
  readonly orders: readonly {
    readonly lengths: number[];
    readonly batchSize: number;
    readonly seed: number;
    readonly epoch: number;
    readonly order: number[];
  }[];
}
const golden = JSON.parse(readFileSync(join(packageRoot(import.meta.url), "test", "golden", "collators.json"), "utf8")) as Golden;

type Collate = (rows: object[]) => object | Promise<object>;
const collators: Readonly<Record<string, (tokenizer: object, options: object) => Collate>> = {
  DataCollatorWithPadding: (tokenizer, options) => new DataCollatorWithPadding(tokenizer, options) as Collate,
  DataCollatorForTokenClassification: (tokenizer, options) => new DataCollatorForTokenClassification(tokenizer, options) as Collate,
  DataCollatorForLanguageModeling: (tokenizer, options) => new DataCollatorForLanguageModeling(tokenizer, options) as Collate,
  defaultDataCollator: () => defaultDataCollator as Collate,
};

test("batches are those of transformers: keys, types, shapes and values, padded on either side", async () => {
  for (const { collator, options, side, rows, batch } of golden.cases) {
    const tokenizer = { padTokenId: 0, unkTokenId: 1, clsTokenId: 2, sepTokenId: 3, maskTokenId: 4, vocabSize: 50, paddingSide: side };
    const made = (await collators[collator]!(tokenizer, options)(rows)) as Readonly<Record<string, Tensor>>;
    const found = await Promise.all(
      Object.entries(made).map(async ([key, x]) => [key, { dtype: x.dtype, shape: [...x.shape], values: await x.toArray() }] as const),
    );
    assert.deepEqual(Object.fromEntries(found), batch, `${collator} ${JSON.stringify(options)} ${side}`);
  }
});

test("the length-grouped sampler orders as transformers does", () => {
  for (const { lengths, batchSize, seed, epoch, order } of golden.orders) {
    const sampler = new LengthGroupedSampler(batchSize, { lengths, seed });
    sampler.setEpoch(epoch);
    assert.deepEqual([...sampler], order);
  }
});
