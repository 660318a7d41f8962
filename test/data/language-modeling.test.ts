// DataCollatorForLanguageModeling: how much is masked, with what, never special tokens, and on what it depends.
import assert from "node:assert/strict";
import { test } from "node:test";
import { DataCollatorForLanguageModeling, type LanguageModelingOptions } from "../../src/data/index.js";
import { setSeed } from "../../src/tensor/index.js";
import { numbers } from "./ranks.js";

const tokenizer = { padTokenId: 0, unkTokenId: 1, clsTokenId: 2, sepTokenId: 3, maskTokenId: 4, vocabSize: 1000 };
const rows = numbers(64).map((i) => ({ input_ids: [2, ...numbers(126).map((k) => 5 + ((i * 31 + k * 7) % 995)), 3] }));

async function masks(options: LanguageModelingOptions, given = rows) {
  const collate = new DataCollatorForLanguageModeling(tokenizer, { seed: 1, ...options });
  const batch = collate(given);
  const [ids, labels] = (await Promise.all([batch.input_ids.toArray(), batch.labels.toArray()])) as [number[][], number[][]];
  const chosen = labels.flatMap((row, i) =>
    row.flatMap((label, k) => (label === -100 ? [] : [{ label, id: ids[i]![k]!, was: given[i]!.input_ids[k]!, place: k }])),
  );
  return { ids, labels, chosen };
}

test("15 % of the tokens that are not special are to be guessed; of them 80 % become the mask, 10 % any token, 10 % stay", async () => {
  const { ids, labels, chosen } = await masks({});
  const tokens = 64 * 126;
  const share = (part: number, of: number, expected: number) => {
    // Five standard deviations: the seed is fixed, so this holds always or never.
    assert.ok(Math.abs(part / of - expected) < 5 * Math.sqrt((expected * (1 - expected)) / of), `${part} of ${of}`);
  };
  share(chosen.length, tokens, 0.15);
  share(chosen.filter(({ id }) => id === 4).length, chosen.length, 0.8);
  share(chosen.filter(({ id, was }) => id !== 4 && id !== was).length, chosen.length, 0.1);
  share(chosen.filter(({ id, was }) => id === was).length, chosen.length, 0.1);
  assert.ok(chosen.every(({ label, was }) => label === was));
  for (const [i, row] of ids.entries()) {
    assert.deepEqual([row[0], row.at(-1), labels[i]![0], labels[i]!.at(-1)], [2, 3, -100, -100]);
    for (const [k, id] of row.entries()) if (labels[i]![k] === -100) assert.equal(id, rows[i]!.input_ids[k]);
  }
});

test("the parts can be chosen", async () => {
  assert.equal((await masks({ mlmProbability: 0 })).chosen.length, 0);
  assert.ok((await masks({ mlmProbability: 1 })).chosen.length === 64 * 126);
  assert.ok((await masks({ maskReplaceProb: 1, randomReplaceProb: 0 })).chosen.every(({ id }) => id === 4));
  assert.ok((await masks({ maskReplaceProb: 0, randomReplaceProb: 0 })).chosen.every(({ id, was }) => id === was));
  const random = (await masks({ maskReplaceProb: 0, randomReplaceProb: 1 })).chosen;
  assert.ok(new Set(random.map(({ id }) => id)).size > 300);
  for (const options of [{ mlmProbability: 1.5 }, { maskReplaceProb: -0.1 }, { maskReplaceProb: 0.8, randomReplaceProb: 0.3 }, { seed: -1 }])
    assert.throws(() => new DataCollatorForLanguageModeling(tokenizer, options), { code: "ERR_COLLATE" });
  assert.throws(() => new DataCollatorForLanguageModeling({ padTokenId: 0 }), { code: "ERR_COLLATE", message: /no mask token.*mlm: false/ });
});

test("every call draws anew; the seed, given or from setSeed, decides", async () => {
  const batches = async (make: () => DataCollatorForLanguageModeling) => {
    const collate = make();
    return [await collate(rows).labels.toArray(), await collate(rows).labels.toArray()];
  };
  const seeded = (seed: number) => batches(() => new DataCollatorForLanguageModeling(tokenizer, { seed }));
  const [first, second] = await seeded(5);
  assert.notDeepEqual(first, second);
  assert.deepEqual(await seeded(5), [first, second]);
  assert.notDeepEqual(await seeded(6), [first, second]);
  const drawn = (seed: number) =>
    batches(() => {
      setSeed(seed);
      return new DataCollatorForLanguageModeling(tokenizer);
    });
  assert.deepEqual(await drawn(7), await drawn(7));
  assert.notDeepEqual(await drawn(7), await drawn(8));
});

test("a special_tokens_mask of the rows decides what is special, and does not reach the model", async () => {
  const collate = new DataCollatorForLanguageModeling(tokenizer, { mlmProbability: 1, seed: 1 });
  const batch = collate([
    { input_ids: [7, 2, 8], special_tokens_mask: [1, 0, 1] },
    { input_ids: [9], special_tokens_mask: [0] },
  ]);
  assert.deepEqual(Object.keys(batch), ["input_ids", "attention_mask", "labels"]);
  assert.deepEqual(await batch.labels.toArray(), [
    [-100, 2, -100],
    [9, -100, -100],
  ]);
});

test("without a padding token only rows of one length make a batch", () => {
  const collate = new DataCollatorForLanguageModeling({ eosTokenId: 9 }, { mlm: false });
  assert.deepEqual(collate([{ input_ids: [1, 2] }, { input_ids: [3, 4] }]).labels.shape, [2, 2]);
  assert.throws(() => collate([{ input_ids: [1, 2] }, { input_ids: [3] }]), { code: "ERR_COLLATE", message: /no padding token.*padTokenId/ });
});
