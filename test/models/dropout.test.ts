// Dropout of a whole model: keyed by logical places, so that neither padding nor what ran before changes a mask.
import assert from "node:assert/strict";
import { it } from "node:test";
import { BertForSequenceClassification } from "../../src/models/index.js";
import { defaultGenerator, fromData, setSeed, type Tensor } from "../../src/tensor/index.js";

const rows = 3;
const lengths = [6, 4, 2];
const vocabulary = 50;

function batch(tokens: number): Record<"input_ids" | "attention_mask", Tensor> & { labels: Tensor } {
  const place = (value: (row: number, token: number) => number) => {
    const data = BigInt64Array.from({ length: rows * tokens }, (_, i) => BigInt(value(Math.floor(i / tokens), i % tokens)));
    return fromData(data, [rows, tokens], "int64");
  };
  return {
    input_ids: place((r, t) => (t < lengths[r]! ? (7 * r + 3 * t + 5) % vocabulary : 0)),
    attention_mask: place((r, t) => Number(t < lengths[r]!)),
    labels: fromData(BigInt64Array.of(0n, 1n, 0n), [rows], "int64"),
  };
}

function model(): BertForSequenceClassification {
  setSeed(4);
  return new BertForSequenceClassification({
    vocab_size: vocabulary,
    hidden_size: 16,
    num_hidden_layers: 2,
    num_attention_heads: 2,
    intermediate_size: 32,
    hidden_dropout_prob: 0.3,
    attention_probs_dropout_prob: 0.3,
  });
}
const close = (a: ArrayLike<number>, b: ArrayLike<number>) => {
  for (let i = 0; i < a.length; i++) assert.ok(Math.abs(a[i]! - b[i]!) < 1e-5, `${a[i]} is not ${b[i]} at ${i}`);
};

it("the same seed and step give the same masks with more padding", async () => {
  const bert = model();
  setSeed(9);
  const short = await bert(batch(6)).logits.data();
  setSeed(9);
  const long = await bert(batch(11)).logits.data();
  close(short, long);
  const other = await bert(batch(6)).logits.data();
  assert.ok(
    short.some((v, i) => Math.abs(v - other[i]!) > 1e-4),
    "the next call has the same masks",
  );
});

it("a resumed generator draws the masks that the interrupted run would have drawn", async () => {
  const losses = async (bert: BertForSequenceClassification, steps: number) => {
    const out: number[] = [];
    for (let i = 0; i < steps; i++) {
      const { loss } = bert(batch(6));
      await loss.backward();
      out.push(await loss.item());
    }
    return out;
  };
  const first = model();
  await losses(first, 2);
  const state = defaultGenerator().state;
  const expected = await losses(first, 2);
  const resumed = model();
  defaultGenerator().state = JSON.parse(JSON.stringify(state)) as typeof state;
  assert.deepEqual(await losses(resumed, 2), expected);
});

it("evaluation draws nothing and leaves the keys of training as they are", async () => {
  const bert = model();
  setSeed(2);
  const { loss } = bert(batch(6));
  await loss.backward();
  const before = defaultGenerator().state;
  bert.eval();
  const [a, b] = [await bert(batch(6)).logits.data(), await bert(batch(6)).logits.data()];
  assert.deepEqual(a, b);
  assert.deepEqual(defaultGenerator().state, before);
});
