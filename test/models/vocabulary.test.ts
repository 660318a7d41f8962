// Sizes: how many parameters models have, and vocabularies that grow and shrink.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import {
  AutoModelForCausalLM,
  AutoModelForMaskedLM,
  BertForMaskedLM,
  BertForSequenceClassification,
  DistilBertForMaskedLM,
  DistilBertForSequenceClassification,
  GPT2ForSequenceClassification,
  GPT2LMHeadModel,
  RobertaForMaskedLM,
} from "../../src/models/index.js";
import { setSeed } from "../../src/tensor/index.js";
import { goldenFile, int64Batch, near } from "./golden-support.js";

const root = mkdtempSync(join(tmpdir(), "vocabulary-"));
after(() => rmSync(root, { recursive: true }));
const family = (name: string): string => goldenFile(join("families", name));
const ids = int64Batch({ input_ids: [[5, 6, 7, 2]] });

describe("numParameters", () => {
  it("counts what Python counts", () => {
    // Weights are not set: their memory is untouched.
    const unset = { init: false };
    assert.equal(new BertForSequenceClassification({}, unset).numParameters(), 109_483_778);
    const multilingual = new BertForSequenceClassification({ vocab_size: 119_547 }, unset);
    assert.deepEqual([multilingual.numParameters(), multilingual.numParameters({ excludeEmbeddings: true })], [177_854_978, 85_648_130]);
    assert.equal(new GPT2LMHeadModel({}, unset).numParameters(), 124_439_808);
    assert.equal(new DistilBertForSequenceClassification({}, unset).numParameters(), 66_955_010);
    assert.equal(new RobertaForMaskedLM({ max_position_embeddings: 514, type_vocab_size: 1 }, unset).numParameters(), 124_697_433);
  });
  it("leaves out what is frozen when told", () => {
    const model = new GPT2LMHeadModel({ vocab_size: 10, n_embd: 4, n_head: 2, n_layer: 1, n_positions: 6 });
    const all = model.numParameters();
    assert.equal(model.numParameters({ excludeEmbeddings: true }), all - 10 * 4 - 6 * 4);
    model.transformer.wte.requiresGrad(false);
    assert.equal(model.numParameters({ onlyTrainable: true }), all - 10 * 4);
  });
});

describe("resizeTokenEmbeddings", () => {
  it("adds rows around the mean of the old ones, keeps what was there, and ties stay", async () => {
    setSeed(2);
    const model = await GPT2LMHeadModel.fromPretrained(family("GPT2LMHeadModel"));
    const before = [...(await model(ids).logits.data())];
    const old = [...model.transformer.wte.weight.values()];
    const table = model.resizeTokenEmbeddings(33, { padToMultipleOf: 4 });
    assert.equal(table, model.transformer.wte);
    assert.deepEqual(table.weight.shape, [36, 8]);
    assert.equal(model.lm_head.weight, table.weight);
    assert.deepEqual([model.config.vocab_size, model.transformer.config.vocab_size, model.lm_head.outFeatures], [36, 36, 36]);
    assert.deepEqual([...table.weight.values().subarray(0, 240)], old);
    const mean = Array.from({ length: 8 }, (_, c) => old.filter((_, i) => i % 8 === c).reduce((a, b) => a + b) / 30);
    for (let row = 30; row < 36; row++) near(table.weight.values().subarray(row * 8, row * 8 + 8), mean, 1e-3, `row ${row}`);
    assert.notDeepEqual(table.weight.values().slice(240, 248), table.weight.values().slice(248, 256));
    const { logits } = model(ids);
    assert.deepEqual(logits.shape, [1, 4, 36]);
    const data = await logits.data();
    near(Array.from({ length: 4 }, (_, s) => [...data.subarray(s * 36, s * 36 + 30)]).flat(), before, 1e-6, "logits of the old words");
    await model.savePretrained(join(root, "grown"));
    const again = await AutoModelForCausalLM.fromPretrained(join(root, "grown"));
    assert.deepEqual([...(await again(ids).logits.data())], [...data]);
    assert.throws(() => model(int64Batch({ input_ids: [[36]] })), { code: "ERR_TOKEN_RANGE" });
  });

  it("brings the bias of a last map along, cuts off, and draws as in a new model when told", async () => {
    for (const model of [
      await BertForMaskedLM.fromPretrained(family("BertForMaskedLM")),
      await DistilBertForMaskedLM.fromPretrained(family("DistilBertForMaskedLM")),
    ]) {
      const bias = [...model.outputEmbeddings().bias!.values()];
      model.resizeTokenEmbeddings(32, { meanResizing: false });
      assert.deepEqual([...model.outputEmbeddings().bias!.values()], [...bias, 0, 0]);
      model.resizeTokenEmbeddings(20);
      assert.deepEqual([...model.outputEmbeddings().bias!.values()], bias.slice(0, 20));
      assert.equal(model.outputEmbeddings().weight, model.inputEmbeddings().weight);
      const { loss, logits } = model({ ...ids, labels: ids.input_ids });
      assert.deepEqual(logits.shape, [1, 4, 20]);
      await loss.backward();
      assert.deepEqual(model.inputEmbeddings().weight.grad!.shape, [20, 8]);
    }
    const bert = await BertForMaskedLM.fromPretrained(family("BertForMaskedLM"));
    bert.resizeTokenEmbeddings(31);
    assert.equal(bert.cls.predictions.bias, bert.outputEmbeddings().bias);
  });

  it("gives both biases of a last map of its own the new size, so that what is saved loads again", async () => {
    const sizes = { vocab_size: 30, hidden_size: 8, num_hidden_layers: 1, num_attention_heads: 2, intermediate_size: 8, tie_word_embeddings: false };
    for (const model_type of ["bert", "roberta"]) {
      const model = AutoModelForMaskedLM.fromConfig({ model_type, ...sizes }).eval();
      model.resizeTokenEmbeddings(33);
      assert.notEqual(model.outputEmbeddings()!.bias, model.outputBias());
      assert.deepEqual(model.outputBias()!.shape, [33]);
      await model.savePretrained(join(root, `untied-${model_type}`));
      const again = await AutoModelForMaskedLM.fromPretrained(join(root, `untied-${model_type}`));
      assert.deepEqual(await again(ids).logits.data(), await model(ids).logits.data());
    }
  });

  it("refuses what is no size", async () => {
    const model = await GPT2ForSequenceClassification.fromPretrained(family("GPT2ForSequenceClassification"));
    for (const size of [0, -1, 2.5]) assert.throws(() => model.resizeTokenEmbeddings(size), { code: "ERR_ARGUMENT", message: /whole number from 1 up/ });
    const roberta = await RobertaForMaskedLM.fromPretrained(family("RobertaForMaskedLM"));
    assert.throws(() => roberta.resizeTokenEmbeddings(1), { message: /row 1 is the padding's/ });
  });
});
