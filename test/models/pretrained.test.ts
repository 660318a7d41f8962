// Loading and saving of model folders: names, warnings, configs, errors.
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it, type TestContext } from "node:test";
import type { TensorData } from "../../src/graph/dtype.js";
import { AutoModel, AutoModelForSequenceClassification } from "../../src/models/auto/models.js";
import { BertModel } from "../../src/models/bert/model.js";
import { bertConfig } from "../../src/models/bert/config.js";
import { BertForSequenceClassification } from "../../src/models/bert/for-sequence-classification.js";
import { loadSafetensors, saveSafetensors } from "../../src/safetensors/index.js";
import { setSeed, tensor } from "../../src/tensor/index.js";
import { goldenFile, int64Batch, maxAbs } from "./golden-support.js";

const root = mkdtempSync(join(tmpdir(), "models-"));
after(() => rmSync(root, { recursive: true }));
const tiny = goldenFile("tiny-bert");
const batch = int64Batch({
  input_ids: [
    [5, 6, 7],
    [9, 8, 0],
  ],
  attention_mask: [
    [1, 1, 1],
    [1, 1, 0],
  ],
});
const logitsOf = async (model: AutoModelForSequenceClassification) => [...(await model(batch).logits.data())];

/** A copy of the tiny model with other tensors or another config. */
async function variant(change: {
  readonly tensors?: (all: Map<string, TensorData>) => Iterable<readonly [string, TensorData]>;
  readonly config?: Readonly<Record<string, unknown>> | string;
}): Promise<string> {
  const folder = mkdtempSync(join(root, "variant-"));
  cpSync(tiny, folder, { recursive: true });
  if (change.tensors) await saveSafetensors(join(folder, "model.safetensors"), change.tensors(await loadSafetensors(join(tiny, "model.safetensors"))));
  const config = JSON.parse(readFileSync(join(tiny, "config.json"), "utf8")) as Record<string, unknown>;
  if (change.config !== undefined)
    writeFileSync(join(folder, "config.json"), typeof change.config === "string" ? change.config : JSON.stringify({ ...config, ...change.config }));
  return folder;
}
function warnings(t: TestContext): string[] {
  const texts: string[] = [];
  t.mock.method(console, "warn", (text: string) => texts.push(text));
  return texts;
}
const renamed = (rename: (name: string) => string) => (all: Map<string, TensorData>) => [...all].map(([name, data]) => [rename(name), data] as const);

describe("fromPretrained", () => {
  it("takes files with and without prefix, with gamma and beta, and with buffers, without a warning", async (t) => {
    const texts = warnings(t);
    const expected = await logitsOf(await BertForSequenceClassification.fromPretrained(tiny));
    const old = await variant({ tensors: renamed((name) => name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")) });
    const bare = await variant({ tensors: renamed((name) => name.replace(/^bert\./, "")) });
    const buffers = await variant({
      tensors: (all) => [
        ...all,
        ["bert.embeddings.position_ids", { dtype: "int64", shape: [1, 2], data: BigInt64Array.of(0n, 1n) }],
        ["cls.predictions.decoder.weight", all.get("classifier.weight")!],
      ],
    });
    for (const folder of [old, bare, buffers])
      assert.deepEqual(await logitsOf(await AutoModelForSequenceClassification.fromPretrained(folder)), expected, folder);
    assert.deepEqual(texts, []);
  });

  it("reads bfloat16 weights", async () => {
    const expected = await logitsOf(await BertForSequenceClassification.fromPretrained(tiny));
    const half = await variant({
      tensors: (all) =>
        [...all].map(([name, { shape, data }]) => {
          const bits = new Uint32Array((data as Float32Array).slice().buffer);
          return [name, { dtype: "bfloat16", shape, data: Uint16Array.from(bits, (b) => (b + 0x8000) >>> 16) }] as const;
        }),
    });
    const actual = await logitsOf(await BertForSequenceClassification.fromPretrained(half));
    assert.ok(maxAbs(actual.map((x, i) => x - expected[i]!)) < 0.1 && actual[0] !== expected[0]);
  });

  it("says in transformers' words which weights are new and which were not used", async (t) => {
    const texts = warnings(t);
    const folder = await variant({
      tensors: (all) =>
        [...all]
          .filter(([name]) => !name.startsWith("classifier"))
          .concat([
            ["cls.seq_relationship.weight", all.get("classifier.weight")!],
            ["cls.predictions.bias", all.get("classifier.bias")!],
          ]),
    });
    setSeed(4);
    const model = await AutoModelForSequenceClassification.fromPretrained(folder, { numLabels: 2 });
    assert.deepEqual(texts, [
      `Some weights of the model checkpoint at ${folder} were not used when initializing BertForSequenceClassification: ['cls.predictions.bias', 'cls.seq_relationship.weight']\n` +
        "- This IS expected if you are initializing BertForSequenceClassification from the checkpoint of a model trained on another task or with another architecture (e.g. initializing a BertForSequenceClassification model from a BertForPreTraining model).\n" +
        "- This IS NOT expected if you are initializing BertForSequenceClassification from the checkpoint of a model that you expect to be exactly identical (initializing a BertForSequenceClassification model from a BertForSequenceClassification model).",
      `Some weights of BertForSequenceClassification were not initialized from the model checkpoint at ${folder} and are newly initialized: ['classifier.bias', 'classifier.weight']\n` +
        "You should probably TRAIN this model on a down-stream task to be able to use it for predictions and inference.",
    ]);
    const parameters = new Map(model.namedParameters());
    const weight = parameters.get("classifier.weight")!.values();
    assert.ok(weight.length === 64 && maxAbs(weight) > 0 && maxAbs(weight) < 0.02 * 5);
    assert.deepEqual([...parameters.get("classifier.bias")!.values()], [0, 0]);
    assert.equal(model.training, false);
    assert.equal(model.config.num_labels, 2);
    assert.deepEqual(model.config.id2label, { 0: "LABEL_0", 1: "LABEL_1" });
  });

  it("draws new weights from the default generator", async (t) => {
    warnings(t);
    const make = async (seed: number) => {
      setSeed(seed);
      const model = await BertForSequenceClassification.fromPretrained(tiny, { numLabels: 5, ignoreMismatchedSizes: true });
      return model.classifier.weight.values();
    };
    assert.deepEqual(await make(1), await make(1));
    assert.notDeepEqual(await make(1), await make(2));
  });

  it("names tensor, shape in the file and shape in the model when they differ", async (t) => {
    const texts = warnings(t);
    await assert.rejects(AutoModelForSequenceClassification.fromPretrained(tiny, { numLabels: 2 }), {
      code: "ERR_WEIGHT_SHAPE",
      message:
        /model\.safetensors: tensor classifier\.(weight has shape \[3, 32\], the model's classifier\.weight has \[2, 32\]|bias has shape \[3\], the model's classifier\.bias has \[2\])/,
    });
    await BertForSequenceClassification.fromPretrained(tiny, { numLabels: 2, ignoreMismatchedSizes: true });
    assert.match(
      texts[0]!,
      /newly initialized because the shapes did not match:\n- classifier\.\w+: found shape torch\.Size\(\[3.*\]\) in the checkpoint and torch\.Size\(\[2/,
    );
  });

  it("says what is wrong with a place that is no model", async () => {
    await assert.rejects(AutoModelForSequenceClassification.fromPretrained("./bert-base-uncased"), {
      code: "ERR_HUB_NAME",
      message: /there is no folder \.\/bert-base-uncased/,
    });
    await assert.rejects(BertModel.fromPretrained(join(tiny, "config.json")), { code: "ERR_MODEL_NOT_FOUND", message: /is a file/ });
    await assert.rejects(BertModel.fromPretrained(root), { code: "ERR_CONFIG", message: /config\.json cannot be read/ });
    await assert.rejects(variant({ config: "{" }).then(BertModel.fromPretrained), { code: "ERR_CONFIG", message: /config\.json is not JSON/ });
    await assert.rejects(variant({ config: { hidden_size: "32" } }).then(BertModel.fromPretrained), {
      code: "ERR_CONFIG",
      message: /config\.json: hidden_size: /,
    });
    await assert.rejects(variant({ config: { num_attention_heads: 5 } }).then(BertModel.fromPretrained), {
      code: "ERR_CONFIG",
      message: /hidden_size 32 is no multiple of num_attention_heads 5/,
    });
    await assert.rejects(variant({ config: { hidden_act: "swish" } }).then(BertModel.fromPretrained), { code: "ERR_CONFIG", message: /hidden_act/ });
    await assert.rejects(variant({ config: { model_type: "toString" } }).then(AutoModel.fromPretrained), {
      code: "ERR_MODEL_TYPE",
      message: /there is one for bert/,
    });
  });
});

describe("savePretrained", () => {
  it("writes a folder that gives the same weights, labels and unknown keys again", async () => {
    const model = await BertForSequenceClassification.fromPretrained(tiny);
    const folder = join(root, "new", "saved");
    await model.savePretrained(folder);
    const again = await AutoModelForSequenceClassification.fromPretrained(folder);
    assert.deepEqual(await logitsOf(again), await logitsOf(model));
    const saved = JSON.parse(readFileSync(join(folder, "config.json"), "utf8")) as Record<string, unknown>;
    const original = JSON.parse(readFileSync(join(tiny, "config.json"), "utf8")) as Record<string, unknown>;
    assert.deepEqual(saved, original);
    const [written, read] = await Promise.all([folder, tiny].map((f) => loadSafetensors(join(f, "model.safetensors"))));
    assert.deepEqual([...written!.keys()].sort(), [...read!.keys()].sort());
  });

  it("saves what training has changed", async () => {
    const model = await BertForSequenceClassification.fromPretrained(tiny);
    await model({ ...batch, ...int64Batch({ labels: [0, 1] }) }).loss.backward();
    const weight = model.classifier.weight;
    weight.set(weight.values().map((w, i) => w - (i + 1) / 64));
    const folder = join(root, "trained");
    await model.savePretrained(folder);
    const again = await BertForSequenceClassification.fromPretrained(folder);
    assert.deepEqual(again.classifier.weight.values(), weight.values());
    assert.deepEqual(await logitsOf(again), await logitsOf(model));
  });

  it("saves a fresh model with transformers' initial values", async () => {
    setSeed(9);
    const model = new BertForSequenceClassification({
      vocab_size: 50,
      hidden_size: 16,
      num_hidden_layers: 1,
      num_attention_heads: 2,
      intermediate_size: 32,
      max_position_embeddings: 8,
      num_labels: 1,
    });
    assert.equal(model.training, true);
    const words = model.bert.embeddings.word_embeddings.weight.values();
    assert.ok(words.subarray(0, 16).every((x) => x === 0) && words.subarray(16).some((x) => x !== 0));
    assert.deepEqual(
      [...model.bert.encoder.layer[0]!.output.LayerNorm.weight.values()],
      Array.from({ length: 16 }, () => 1),
    );
    assert.ok(maxAbs(model.bert.pooler!.dense.bias!.values()) === 0 && maxAbs(model.bert.pooler!.dense.weight.values()) > 0);
    const folder = join(root, "fresh");
    await model.savePretrained(folder);
    const again = await BertForSequenceClassification.fromPretrained(folder);
    assert.equal(again.config.num_labels, 1);
    assert.deepEqual(again.classifier.weight.values(), model.classifier.weight.values());
  });
});

describe("a batch for BERT", () => {
  it("is refused with the row and the cure when values are out of range", async () => {
    const model = await BertForSequenceClassification.fromPretrained(tiny);
    const ids = {
      input_ids: [
        [5, 6],
        [7, 8],
      ],
    };
    const long = (length: number) => [Array.from({ length }, () => 1)];
    assert.throws(() => model(int64Batch({ ...ids, labels: [0, 3] })), {
      code: "ERR_LABEL_RANGE",
      message: "labels hold 3, the model has num_labels 3 (0..2): row 1 of the batch: set numLabels: 4 or mend the data",
    });
    assert.throws(
      () =>
        model(
          int64Batch({
            input_ids: [
              [5, 6],
              [7, 100],
            ],
          }),
        ),
      { code: "ERR_TOKEN_RANGE", message: /input_ids hold 100, the model has vocab_size 100 \(0\.\.99\): row 1, token 1/ },
    );
    assert.throws(
      () =>
        model(
          int64Batch({
            ...ids,
            token_type_ids: [
              [0, 2],
              [0, 0],
            ],
          }),
        ),
      { code: "ERR_TOKEN_RANGE", message: /type_vocab_size 2/ },
    );
    assert.throws(() => model(int64Batch({ input_ids: long(41) })), {
      code: "ERR_TOO_MANY_TOKENS",
      message: /41 tokens.*max_position_embeddings 40.*truncation: true/,
    });
    assert.deepEqual(model(int64Batch({ input_ids: long(40) })).logits.shape, [1, 3]);
  });

  it("is refused when it has keys that the model does not know, or no input_ids", async () => {
    const model = await BertForSequenceClassification.fromPretrained(tiny);
    const unknown: Record<string, (typeof batch)["input_ids"]> = { ...batch, idx: tensor([1, 2]) };
    assert.throws(() => model(unknown), { code: "ERR_MODEL_INPUT", message: /idx is no input of BertForSequenceClassification: remove or rename the column/ });
    // @ts-expect-error no input_ids
    assert.throws(() => model({ attention_mask: batch.attention_mask }), { code: "ERR_MODEL_INPUT", message: /no input_ids/ });
  });
});

describe("bertConfig", () => {
  it("has the defaults of bert-base-uncased and keeps unknown keys", () => {
    const config = bertConfig({ flavour: "vanilla" });
    assert.deepEqual(
      [config.vocab_size, config.hidden_size, config.num_hidden_layers, config.layer_norm_eps, config.num_labels, config.flavour],
      [30522, 768, 12, 1e-12, 2, "vanilla"],
    );
    assert.deepEqual(bertConfig({ id2label: { 0: "ham", 1: "spam", 2: "?" } }).label2id, { ham: 0, spam: 1, "?": 2 });
    assert.throws(() => bertConfig({ hidden_dropout_prob: 2, vocab_size: 0 }), {
      code: "ERR_CONFIG",
      message: /BertConfig: vocab_size: .*; hidden_dropout_prob: /,
    });
  });
});
