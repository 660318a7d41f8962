// From files to models: heads on base models and back, shards, files of torch.save, the hub, options of the task.
import assert from "node:assert/strict";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it, type TestContext } from "node:test";
import {
  AutoConfig,
  AutoModel,
  AutoModelForCausalLM,
  AutoModelForMaskedLM,
  AutoModelForSequenceClassification,
  AutoModelForTokenClassification,
  BertForMaskedLM,
  BertForTokenClassification,
  DistilBertForSequenceClassification,
  GPT2LMHeadModel,
  GPT2Model,
  type PreTrainedModelBase,
  RobertaForMaskedLM,
} from "../../src/models/index.js";
import { loadSafetensors } from "../../src/safetensors/index.js";
import { setSeed, tensor } from "../../src/tensor/index.js";
import { HubServer } from "../support/hub-server.js";
import { goldenFile, int64Batch, maxAbs, near } from "./golden-support.js";

const root = mkdtempSync(join(tmpdir(), "loading-"));
after(() => rmSync(root, { recursive: true }));
const family = (name: string): string => goldenFile(join("families", name));
const ids = [
  [5, 6, 7],
  [9, 8, 4],
];
const batch = int64Batch({ input_ids: ids });
function warnings(t: TestContext): string[] {
  const texts: string[] = [];
  t.mock.method(console, "warn", (text: string) => texts.push(text));
  return texts;
}
const valuesOf = (model: PreTrainedModelBase): Map<string, number[]> => new Map([...model.namedParameters()].map(([name, p]) => [name, [...p.values()]]));
const fresh = (): string => mkdtempSync(join(root, "model-"));

describe("a head and its base model", () => {
  for (const [prefix, name] of [
    ["bert", "BertForMaskedLM"],
    ["roberta", "RobertaForMaskedLM"],
    ["distilbert", "DistilBertForMaskedLM"],
    ["transformer", "GPT2LMHeadModel"],
  ] as const) {
    it(`${name}: the base model is found in it, and the head grows on the base model again`, async (t) => {
      const texts = warnings(t);
      const whole = await (name === "GPT2LMHeadModel" ? AutoModelForCausalLM : AutoModelForMaskedLM).fromPretrained(family(name));
      const base = await AutoModel.fromPretrained(family(name));
      const inner = valuesOf((whole as unknown as Record<string, PreTrainedModelBase>)[prefix]!);
      for (const [key, values] of inner) assert.deepEqual(valuesOf(base).get(key), values, key);
      const folder = fresh();
      await base.savePretrained(folder);
      assert.ok([...(await loadSafetensors(join(folder, "model.safetensors"))).keys()].every((key) => !key.startsWith(`${prefix}.`)));
      texts.length = 0;
      const again = await AutoModelForSequenceClassification.fromPretrained(folder, { numLabels: 4 });
      const grown = valuesOf((again as unknown as Record<string, PreTrainedModelBase>)[prefix]!);
      for (const [key, values] of inner) assert.deepEqual(grown.get(key), values, key);
      const missing = [...grown.keys()].filter((key) => !inner.has(key)).map((key) => `${prefix}.${key}`);
      const heads = [...again.namedParameters()].map(([key]) => key).filter((key) => !key.startsWith(`${prefix}.`));
      // A base model with a pooler brings its own.
      const expected = [...heads, ...missing.filter((key) => !key.includes(".pooler."))].sort();
      const told = texts.at(-1)!;
      assert.match(
        told,
        new RegExp(`^Some weights of ${again.traceName} were not initialized from the model checkpoint at ${folder} and are newly initialized: `),
      );
      for (const key of expected) assert.ok(told.includes(`'${key}'`), key);
    });
  }

  it("says in transformers' words which parts of a language model a classifier does not use", async (t) => {
    const texts = warnings(t);
    const folder = family("DistilBertForMaskedLM");
    await DistilBertForSequenceClassification.fromPretrained(folder);
    assert.deepEqual(
      texts.map((text) => text.split("\n")[0]),
      [
        `Some weights of the model checkpoint at ${folder} were not used when initializing DistilBertForSequenceClassification: ['vocab_layer_norm.bias', 'vocab_layer_norm.weight', 'vocab_projector.bias', 'vocab_transform.bias', 'vocab_transform.weight']`,
        `Some weights of DistilBertForSequenceClassification were not initialized from the model checkpoint at ${folder} and are newly initialized: ['classifier.bias', 'classifier.weight', 'pre_classifier.bias', 'pre_classifier.weight']`,
      ],
    );
  });
});

describe("weights in files", () => {
  it("are the same from shards, whose index names tied ones once", async () => {
    const model = await GPT2LMHeadModel.fromPretrained(family("GPT2LMHeadModel"));
    const folder = fresh();
    await model.savePretrained(folder, { maxShardSize: "3KB" });
    const shards = readdirSync(folder).filter((name) => name.endsWith(".safetensors"));
    assert.ok(shards.length >= 3);
    const index = JSON.parse(readFileSync(join(folder, "model.safetensors.index.json"), "utf8")) as { weight_map: Record<string, string> };
    assert.ok("transformer.wte.weight" in index.weight_map && !("lm_head.weight" in index.weight_map));
    assert.deepEqual(valuesOf(await AutoModelForCausalLM.fromPretrained(folder)), valuesOf(model));
  });

  it("are the same from pytorch_model.bin and its shards", async (t) => {
    warnings(t); // GPT2Model has no lm_head
    const expected = valuesOf(await GPT2LMHeadModel.fromPretrained(family("GPT2LMHeadModel")));
    const whole = fresh();
    cpSync(join(family("GPT2LMHeadModel"), "config.json"), join(whole, "config.json"));
    cpSync(goldenFile("torch-weights/pytorch_model.bin"), join(whole, "pytorch_model.bin"));
    const sharded = fresh();
    cpSync(goldenFile("torch-weights"), sharded, { recursive: true });
    rmSync(join(sharded, "pytorch_model.bin"));
    cpSync(join(whole, "config.json"), join(sharded, "config.json"));
    for (const folder of [whole, sharded]) assert.deepEqual(valuesOf(await AutoModelForCausalLM.fromPretrained(folder)), expected);
    assert.ok((await GPT2Model.fromPretrained(whole)).numParameters() > 0);
  });

  it("that lack a last map of its own, where the config unties it, start it anew", async (t) => {
    const texts = warnings(t);
    const model = await BertForMaskedLM.fromPretrained(family("BertForMaskedLM"), { config: { tie_word_embeddings: false } });
    assert.notEqual(model.outputEmbeddings().weight, model.inputEmbeddings().weight);
    assert.match(texts[0]!, /newly initialized: \['cls\.predictions\.decoder\.bias', 'cls\.predictions\.decoder\.weight'\]/);
    const folder = fresh();
    await model.savePretrained(folder);
    texts.length = 0;
    assert.deepEqual(valuesOf(await BertForMaskedLM.fromPretrained(folder)), valuesOf(model));
    assert.deepEqual(texts, []);
  });
});

describe("a model of the hub", () => {
  it("is fetched once, config and weights, and is there without the hub afterwards", async () => {
    await using hub = await HubServer.start();
    const folder = family("GPT2LMHeadModel");
    const file = (name: string) => new Uint8Array(readFileSync(join(folder, name)));
    hub.commit("org/tiny-gpt2", { "config.json": file("config.json"), "model.safetensors": { lfs: file("model.safetensors") }, "README.md": "a model" });
    const cacheDir = join(root, "cache");
    mkdirSync(cacheDir);
    const options = { endpoint: hub.url, cacheDir, token: false, progress: false } as const;
    assert.equal((await AutoConfig.fromPretrained("org/tiny-gpt2", options)).model_type, "gpt2");
    assert.ok(!hub.requests.some(({ path }) => path.includes("model.safetensors") && !path.includes("/api/")), "a config needs no weights");
    const model = await AutoModelForCausalLM.fromPretrained("org/tiny-gpt2", options);
    assert.deepEqual(valuesOf(model), valuesOf(await GPT2LMHeadModel.fromPretrained(folder)));
    await hub.close();
    const again = await GPT2LMHeadModel.fromPretrained("org/tiny-gpt2", { ...options, localFilesOnly: true });
    assert.deepEqual(valuesOf(again), valuesOf(model));
    await assert.rejects(AutoModel.fromPretrained("org/other", { ...options, localFilesOnly: true }), { code: "ERR_HUB_LOCAL_ENTRY_NOT_FOUND" });
  });
});

describe("options of the task", () => {
  const bert = family("BertForSequenceClassification");
  it("name labels, count them, and say what they mean", async (t) => {
    warnings(t);
    const options = { ignoreMismatchedSizes: true } as const;
    const listed = await AutoModelForSequenceClassification.fromPretrained(bert, { ...options, id2label: ["ham", "spam"] });
    assert.deepEqual([listed.config.num_labels, listed.config.id2label, listed.config.label2id], [2, { 0: "ham", 1: "spam" }, { ham: 0, spam: 1 }]);
    const named = await BertForTokenClassification.fromPretrained(bert, { ...options, label2id: { O: 0, B: 1, I: 2 }, numLabels: 3 });
    assert.deepEqual(named.config.id2label, { 0: "O", 1: "B", 2: "I" });
    const many = await AutoModelForSequenceClassification.fromPretrained(bert, { problemType: "multi_label_classification" });
    assert.equal(many.config.problem_type, "multi_label_classification");
    assert.deepEqual(many.config.id2label, { 0: "no", 1: "yes", 2: "maybe" });
    const loss = many({ ...batch, labels: tensor([[0, 1, 1], [1, 0, 0]]) }).loss; // biome-ignore format: one row per line is more
    assert.ok((await loss.item()) > 0);
    const folder = fresh();
    await listed.savePretrained(folder);
    assert.deepEqual((await AutoConfig.fromPretrained(folder)).id2label, { 0: "ham", 1: "spam" });
    await assert.rejects(AutoModelForSequenceClassification.fromPretrained(bert, { numLabels: 3, id2label: ["a", "b"] }), {
      code: "ERR_CONFIG",
      message: /numLabels is 3, but there are names of 2 labels/,
    });
    await assert.rejects(AutoModelForSequenceClassification.fromPretrained(bert, { numLabels: 2.5 }), { code: "ERR_CONFIG", message: /numLabels is 2\.5/ });
    await assert.rejects(AutoModelForSequenceClassification.fromPretrained(bert, { num_labels: 3 } as object), {
      code: "ERR_OPTIONS",
      message: /no option num_labels: write numLabels/,
    });
    await assert.rejects(AutoModel.fromPretrained(undefined as unknown as string), { code: "ERR_HUB_NAME", message: /no folder undefined/ });
  });

  it("have no class where the library has none for a model_type", async () => {
    await assert.rejects(AutoModelForCausalLM.fromPretrained(bert), {
      code: "ERR_MODEL_TYPE",
      message: /there is no AutoModelForCausalLM for the model_type "bert": there is one for gpt2/,
    });
    await assert.rejects(AutoModelForMaskedLM.fromPretrained(family("GPT2Model")), { code: "ERR_MODEL_TYPE" });
    assert.throws(() => AutoModelForTokenClassification.fromConfig({ model_type: "llama" }), { code: "ERR_MODEL_TYPE", message: /"llama"/ });
  });
});

describe("AutoConfig", () => {
  it("gives the config of a kind, and models grow from it with random weights", async () => {
    setSeed(3);
    const config = AutoConfig.forModel("roberta", {
      vocab_size: 40,
      hidden_size: 8,
      num_hidden_layers: 1,
      num_attention_heads: 2,
      intermediate_size: 16,
      max_position_embeddings: 12,
    });
    assert.equal(config.pad_token_id, 1);
    const model = AutoModelForMaskedLM.fromConfig(config);
    assert.ok(model instanceof RobertaForMaskedLM && model.training);
    const words = model.inputEmbeddings().weight.values();
    assert.ok(maxAbs(words.subarray(8, 16)) === 0 && maxAbs(words.subarray(16)) > 0 && maxAbs(words) < 0.02 * 6);
    assert.deepEqual(model(batch).logits.shape, [2, 3, 40]);
    assert.equal(AutoModelForSequenceClassification.fromConfig({ ...config, id2label: { 0: "a", 1: "b", 2: "c" } }).config.num_labels, 3);
    assert.equal(AutoModelForSequenceClassification.fromConfig({ ...config, num_labels: 7 }).config.num_labels, 7);
    assert.equal(
      AutoModelForSequenceClassification.fromConfig({ model_type: "gpt2", n_layer: 1, n_embd: 8, n_head: 2, vocab_size: 9, num_labels: 5 }).config.num_labels,
      5,
    );
  });

  it("knows the common names of keys, and writes the architecture's own", async () => {
    const config = AutoConfig.forModel("gpt2", {
      hidden_size: 8,
      num_hidden_layers: 1,
      num_attention_heads: 2,
      vocab_size: 9,
      max_position_embeddings: 6,
      summary_type: "mean",
    });
    assert.deepEqual([config.hidden_size, config.n_embd, config.n_positions, config.num_hidden_layers, config.summary_type], [8, 8, 6, 1, "mean"]);
    const folder = fresh();
    await AutoModelForCausalLM.fromConfig(config).savePretrained(folder);
    const saved = JSON.parse(readFileSync(join(folder, "config.json"), "utf8")) as Record<string, unknown>;
    assert.deepEqual([saved.n_embd, saved.n_positions, saved.summary_type, "hidden_size" in saved, "num_labels" in saved], [8, 6, "mean", false, false]);
    assert.throws(() => AutoConfig.forModel("distilbert", { n_heads: 5 }), { code: "ERR_CONFIG", message: /dim 768 is no multiple of n_heads 5/ });
    assert.throws(() => AutoConfig.forModel("roberta", { pad_token_id: null }), { code: "ERR_CONFIG", message: /positions are counted from it/ });
    assert.throws(() => AutoConfig.forModel("bert", { pad_token_id: 30522 }), { code: "ERR_CONFIG", message: /pad_token_id 30522 is none of the 30522 words/ });
    assert.throws(() => AutoConfig.forModel("bert", { id2label: { first: "a" } }), { code: "ERR_CONFIG", message: /id2label\.first/ });
    // They would take all memory before a weight is looked at.
    assert.throws(() => AutoConfig.forModel("gpt2", { n_layer: 1e9 }), { code: "ERR_CONFIG", message: /n_layer: Too big/ });
    assert.throws(() => AutoConfig.forModel("bert", { vocab_size: 2e10 }), { code: "ERR_CONFIG", message: /vocab_size: Too big/ });
  });

  it("keeps what files of Python say, key by key", async (t) => {
    warnings(t);
    for (const name of readdirSync(goldenFile("families"))) {
      const model = await (name.includes("LMHead") ? AutoModelForCausalLM : AutoModel).fromPretrained(family(name), { config: {} });
      const folder = fresh();
      await model.savePretrained(folder);
      const [saved, original] = [folder, family(name)].map((f) => JSON.parse(readFileSync(join(f, "config.json"), "utf8")) as Record<string, unknown>);
      for (const [key, value] of Object.entries(original!)) if (key !== "architectures") assert.deepEqual(saved![key], value, `${name}: ${key}`);
    }
  });
});

describe("a fresh GPT-2", () => {
  it("has smaller weights where maps lead back into the residual path", () => {
    setSeed(1);
    const model = new GPT2LMHeadModel({ vocab_size: 50, n_embd: 64, n_layer: 2, n_head: 2, n_positions: 8 });
    const std = (values: Float32Array) => Math.sqrt(values.reduce((sum, x) => sum + x * x, 0) / values.length);
    const block = model.transformer.h[1]!;
    near(
      [std(block.attn.c_attn.weight.values()), std(block.mlp.c_fc.weight.values()), std(model.transformer.wte.weight.values())],
      [0.02, 0.02, 0.02],
      0.001,
      "std",
    );
    near([std(block.attn.c_proj.weight.values()), std(block.mlp.c_proj.weight.values())], [0.01, 0.01], 0.0005, "std of c_proj");
    assert.ok(maxAbs(block.attn.c_attn.bias.values()) === 0 && block.ln_1.weight.values()[0] === 1);
  });
});
