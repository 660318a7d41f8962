// What models make of batches: padding, limits, and kinds of labels, where architectures differ.
import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "node:test";
import {
  BertForMaskedLM,
  BertForTokenClassification,
  DistilBertModel,
  GPT2ForSequenceClassification,
  GPT2LMHeadModel,
  RobertaForSequenceClassification,
} from "../../src/models/index.js";
import { tensor } from "../../src/tensor/index.js";
import { goldenFile, int64Batch, near } from "./golden-support.js";

const family = (name: string): string => goldenFile(join("families", name));

describe("GPT2ForSequenceClassification", () => {
  it("reads the last token that is no padding, whatever comes behind it", async () => {
    const model = await GPT2ForSequenceClassification.fromPretrained(family("GPT2ForSequenceClassification"));
    const alone = await model(int64Batch({ input_ids: [[4, 5, 6]] })).logits.data();
    const padded = await model(int64Batch({ input_ids: [[4, 5, 6, 0, 0], [9, 8, 7, 6, 5]], attention_mask: [[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]] })).logits.data(); // biome-ignore format: rows
    near(padded.subarray(0, 3), alone, 1e-6, "logits");
  });
  it("takes one row at a time without a pad_token_id", async () => {
    const model = await GPT2ForSequenceClassification.fromPretrained(family("GPT2ForSequenceClassification"), { config: { pad_token_id: null } });
    assert.deepEqual(model(int64Batch({ input_ids: [[4, 5, 6]] })).logits.shape, [1, 3]);
    assert.throws(() => model(int64Batch({ input_ids: [[4], [5]] })), { code: "ERR_PAD_TOKEN", message: /2 rows, but the config has no pad_token_id/ });
  });
  it("has the losses of other classifiers", async () => {
    const ids = int64Batch({ input_ids: [[4, 5, 6], [9, 8, 7]] }); // biome-ignore format: rows
    const folder = family("GPT2ForSequenceClassification");
    const several = await GPT2ForSequenceClassification.fromPretrained(folder, { problemType: "multi_label_classification" });
    assert.ok((await several({ ...ids, labels: tensor([[1, 0, 0], [0, 1, 1]]) }).loss.item()) > 0); // biome-ignore format: rows
    const classes = await GPT2ForSequenceClassification.fromPretrained(folder);
    assert.throws(() => classes({ ...ids, ...int64Batch({ labels: [0, 3] }) }), { code: "ERR_LABEL_RANGE", message: /row 1 of the batch/ });
  });
});

describe("GPT2LMHeadModel", () => {
  it("does not look ahead", async () => {
    const model = await GPT2LMHeadModel.fromPretrained(family("GPT2LMHeadModel"));
    const [a, b] = await Promise.all([[4, 5, 6, 7], [4, 5, 9, 2]].map(async (ids) => model(int64Batch({ input_ids: [ids] })).logits.data())); // biome-ignore format: rows
    near(a!.subarray(0, 60), b!.subarray(0, 60), 1e-6, "logits of the tokens before");
    assert.notDeepEqual(a!.slice(60, 90), b!.slice(60, 90));
  });
  it("names the token whose label is no word", async () => {
    const model = await GPT2LMHeadModel.fromPretrained(family("GPT2LMHeadModel"));
    const ids = int64Batch({ input_ids: [[4, 5, 6]] });
    assert.throws(() => model({ ...ids, ...int64Batch({ labels: [[4, 30, 6]] }) }), {
      code: "ERR_LABEL_RANGE",
      message: /labels hold 30, the model has vocab_size 30 \(0\.\.29\): row 0, token 1 of the batch/,
    });
    assert.throws(() => model(int64Batch({ input_ids: [Array.from({ length: 13 }, () => 1)] })), {
      code: "ERR_TOO_MANY_TOKENS",
      message: /max_position_embeddings 12/,
    });
  });
  it("has a loss that is no number where nothing counts", async () => {
    const model = await GPT2LMHeadModel.fromPretrained(family("GPT2LMHeadModel"));
    const loss = model(int64Batch({ input_ids: [[4, 5]], labels: [[4, -100]] })).loss;
    assert.ok(Number.isNaN(await loss.item()));
  });
});

describe("RoBERTa", () => {
  it("has as many positions for tokens as are left behind the padding's", async () => {
    const model = await RobertaForSequenceClassification.fromPretrained(family("RobertaForSequenceClassification"));
    const ids = (length: number) => int64Batch({ input_ids: [Array.from({ length }, (_, i) => 2 + (i % 20))] });
    assert.deepEqual(model(ids(10)).logits.shape, [1, 3]);
    assert.throws(() => model(ids(11)), {
      code: "ERR_TOO_MANY_TOKENS",
      message: /11 tokens, the model has max_position_embeddings 12, 2 of them not for tokens/,
    });
  });
  it("does not count padding, which takes no position", async () => {
    const model = await RobertaForSequenceClassification.fromPretrained(family("RobertaForSequenceClassification"));
    const tokens = [4, 5, 6, 7];
    const padded = [...tokens, ...Array.from({ length: 9 }, () => 1)];
    const logits = await model(int64Batch({ input_ids: [padded], attention_mask: [padded.map((id) => Number(id !== 1))] })).logits.data();
    near(logits, await model(int64Batch({ input_ids: [tokens] })).logits.data(), 1e-6, "logits");
  });
});

describe("DistilBERT", () => {
  it("makes nothing of sentence numbers", async () => {
    const model = await DistilBertModel.fromPretrained(family("DistilBertModel"));
    const ids = int64Batch({ input_ids: [[4, 5, 6]] });
    const typed = model({ ...ids, ...int64Batch({ token_type_ids: [[0, 1, 1]] }) });
    assert.deepEqual(await typed.last_hidden_state.data(), await model(ids).last_hidden_state.data());
    assert.equal(typed.pooler_output, undefined);
  });
});

describe("a batch", () => {
  it("is of tensors, of as many rows and tokens as input_ids", async () => {
    const model = await BertForTokenClassification.fromPretrained(family("BertForTokenClassification"));
    const call = (batch: unknown) => () => (model as unknown as (batch: unknown) => unknown)(batch);
    const ids = int64Batch({ input_ids: [[4, 5, 6], [9, 8, 7]] }); // biome-ignore format: rows
    assert.throws(call(undefined), { code: "ERR_MODEL_INPUT", message: /called with undefined, not with a batch/ });
    assert.throws(call(ids.input_ids), { code: "ERR_MODEL_INPUT", message: /called with a tensor/ });
    assert.throws(call({ ...ids, labels: [[0, 1, 2], [0, 1, 2]] }), { code: "ERR_MODEL_INPUT", message: /labels of the batch: a list, not a tensor/ }); // biome-ignore format: rows
    for (const attention_mask of [[[1, 1]], [1, 1, 1], [[[1, 1, 1]]]])
      assert.throws(call({ ...ids, ...int64Batch({ attention_mask }) }), {
        code: "ERR_SHAPE",
        message: /attention_mask of the batch are .*, input_ids \[2, 3\]/,
      });
    assert.throws(call({ ...ids, ...int64Batch({ position_ids: [0, 1] }) }), { code: "ERR_SHAPE", message: /position_ids/ });
    const whole = await model(ids).logits.data();
    const serving: readonly (readonly [key: string, values: number[] | number[][]])[] = [
      ["position_ids", [0, 1, 2]],
      ["attention_mask", [[1, 1, 1]]],
      ["token_type_ids", [[0, 0, 0]]],
    ];
    for (const [key, values] of serving) near(await model({ ...ids, ...int64Batch({ [key]: values }) }).logits.data(), whole, 1e-6, key);
  });
});

describe("labels of tokens", () => {
  it("are checked by row and token, and those that do not count do not", async () => {
    const model = await BertForTokenClassification.fromPretrained(family("BertForTokenClassification"));
    const ids = int64Batch({ input_ids: [[4, 5, 6], [9, 8, 7]] }); // biome-ignore format: rows
    assert.throws(() => model({ ...ids, ...int64Batch({ labels: [[0, 1, 2], [0, 3, -100]] }) }), { code: "ERR_LABEL_RANGE", message: /labels hold 3, the model has num_labels 3 \(0\.\.2\): row 1, token 1/ }); // biome-ignore format: rows
    const whole = await model({ ...ids, ...int64Batch({ labels: [[0, 1, 2], [-100, -100, -100]] }) }).loss.item(); // biome-ignore format: rows
    const half = await model(int64Batch({ input_ids: [[4, 5, 6]], labels: [[0, 1, 2]] })).loss.item();
    near([whole], [half], 1e-6, "loss");
    const masked = await BertForMaskedLM.fromPretrained(family("BertForMaskedLM"));
    assert.throws(() => masked({ ...ids, ...int64Batch({ labels: [0, 1] }) }), { code: "ERR_SHAPE" });
  });
});
