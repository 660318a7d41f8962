// The Hugging Face course's training loop, step by step, over the real MRPC: what each step shows is what Python shows.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { inspect } from "node:util";
import { AdamW, DataCollatorWithPadding, DataLoader, getScheduler, loadDataset, loadMetric, tensor } from "accelerate-ts";
import { AutoModelForSequenceClassification, AutoTokenizer } from "accelerate-ts/models";
import { tryGpu } from "accelerate-ts/d2l";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { needs } from "../data/files.js";
import { HubServer } from "../support/hub-server.js";
import { glue, printed, tinyBert } from "./support.js";

const variables = ["HF_ENDPOINT", "HF_HOME", "HF_HUB_OFFLINE", "HF_HUB_DISABLE_PROGRESS_BARS"] as const;
const shapes = (batch: object) => Object.fromEntries(Object.entries(batch).map(([name, x]) => [name, (x as { shape: number[] }).shape]));

describe("the course's loop", needs("data/mrpc"), () => {
  const root = mkdtempSync(join(tmpdir(), "acceptance-"));
  const known = variables.map((name) => [name, process.env[name]] as const);
  let hub: HubServer;
  let checkpoint: string;
  before(async () => {
    hub = await HubServer.start();
    hub.commit("nyu-mll/glue", glue(), { type: "dataset" });
    Object.assign(process.env, { HF_ENDPOINT: hub.url, HF_HOME: root, HF_HUB_DISABLE_PROGRESS_BARS: "1" });
    delete process.env.HF_HUB_OFFLINE;
    checkpoint = await tinyBert(root, "bert-base-uncased");
  });
  after(async () => {
    await hub.close();
    rmSync(root, { recursive: true });
    for (const [name, value] of known) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  });
  const load = async () => {
    const tokenizer = await AutoTokenizer.fromPretrained(checkpoint);
    const raw = await loadDataset("glue", "mrpc");
    const tokenized = await raw.map((rows) => tokenizer(rows.sentence1, rows.sentence2, { truncation: true }), { batched: true });
    return { tokenizer, raw, tokenized };
  };

  it("loads glue, mrpc by its id, once, and again where there is no hub", async () => {
    const raw = await loadDataset("glue", "mrpc");
    assert.deepEqual(raw.numRows, { train: 3668, validation: 408, test: 1725 });
    const asked = hub.requests.length;
    process.env.HF_HUB_OFFLINE = "1";
    assert.deepEqual((await loadDataset("glue", "mrpc")).numRows, raw.numRows);
    delete process.env.HF_HUB_OFFLINE;
    assert.equal(hub.requests.length, asked);
  });

  it("tokenizes all splits with a function of batches, and batches are padded to their longest row", async () => {
    const { tokenizer, tokenized } = await load();
    assert.deepEqual(tokenized.validation.columnNames, ["sentence1", "sentence2", "label", "idx", "input_ids", "token_type_ids", "attention_mask"]);
    const ready = tokenized.removeColumns(["sentence1", "sentence2", "idx"]).renameColumn("label", "labels");
    ready.setFormat("tensor");
    assert.deepEqual([...ready.train.columnNames].sort(), ["attention_mask", "input_ids", "labels", "token_type_ids"]);
    assert.deepEqual(ready.train.format, { type: "tensor" });
    assert.deepEqual(tokenized.train.format, { type: "plain" });
    const collateFn = new DataCollatorWithPadding(tokenizer);
    const train = new DataLoader(ready.train, { shuffle: true, batchSize: 8, collateFn });
    const evaluation = new DataLoader(ready.validation, { batchSize: 8, collateFn });
    assert.deepEqual([train.length, evaluation.length, 3 * train.length], [459, 51, 1377]);
    const first = new DataLoader(ready.train, { batchSize: 8, collateFn });
    for await (const batch of first) {
      assert.deepEqual(shapes(batch), { labels: [8], input_ids: [8, 67], token_type_ids: [8, 67], attention_mask: [8, 67] });
      break;
    }
    for (const times of [1, 2]) {
      let count = 0;
      for await (const _ of evaluation) count++;
      assert.equal(count, 51, `pass ${times}`);
    }
  });

  it("puts a new head on the checkpoint and says which weights are new and which were left out, in evaluation mode", async () => {
    const { value: model, lines } = await printed("warn", () => AutoModelForSequenceClassification.fromPretrained(checkpoint, { numLabels: 2 }));
    assert.match(lines.join("\n"), /were not used when initializing BertForSequenceClassification: \['cls\.predictions\./);
    assert.match(lines.join("\n"), /newly initialized: \[.*'classifier\.bias', 'classifier\.weight'.*\]\nYou should probably TRAIN this model/);
    assert.equal(model.training, false);
  });

  it("trains with decaying rates and scores the validation, with a loss near ln 2 before the first step", async () => {
    const { tokenizer, tokenized } = await load();
    const ready = tokenized.removeColumns(["sentence1", "sentence2", "idx"]).renameColumn("label", "labels");
    const collateFn = new DataCollatorWithPadding(tokenizer);
    const train = new DataLoader(ready.train.slice(0, 32), { batchSize: 8, collateFn });
    const { value: model } = await printed("warn", () => AutoModelForSequenceClassification.fromPretrained(checkpoint, { numLabels: 2 }));
    for await (const batch of train) {
      const outputs = model(batch);
      assert.ok(Math.abs((await outputs.loss.item()) - Math.LN2) < 0.1);
      assert.deepEqual(outputs.logits.shape, [8, 2]);
      break;
    }
    const optimizer = new AdamW(model.parameters(), { lr: 5e-5 });
    const { betas, eps, weightDecay } = optimizer.paramGroups[0] as unknown as Record<string, unknown>;
    assert.deepEqual({ betas, eps, weightDecay }, { betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0.01 });
    const scheduler = getScheduler("linear", optimizer, { numWarmupSteps: 0, numTrainingSteps: 4 });
    model.train();
    const rates: number[] = [];
    for await (const batch of train) {
      const { loss } = model(batch);
      await loss.backward();
      rates.push(scheduler.getLastLr()[0]!);
      await optimizer.step();
      scheduler.step();
      optimizer.zeroGrad();
    }
    assert.deepEqual(
      rates,
      [1, 0.75, 0.5, 0.25].map((part) => 5e-5 * part),
    );
    assert.deepEqual(scheduler.getLastLr(), [0]);
    const metric = loadMetric("glue", "mrpc");
    model.eval();
    const predicted: number[] = [];
    for await (const batch of new DataLoader(ready.validation.slice(0, 40), { batchSize: 8, collateFn })) {
      const predictions = model(batch).logits.argmax(-1);
      predicted.push(...(await predictions.toArray()));
      await metric.addBatch({ predictions, references: batch.labels });
    }
    const labels = ready.validation.slice(0, 40).column("labels");
    assert.equal(metric.compute().accuracy, labels.filter((label, i) => label === predicted[i]).length / 40);
  });

  it("gives the course's scores for the course's counts", () => {
    const outcome = (counts: readonly (readonly [times: number, prediction: number, reference: number])[]) => {
      const rows = counts.flatMap(([times, prediction, reference]) => Array.from({ length: times }, () => [prediction, reference] as const));
      return loadMetric("glue", "mrpc").compute({ predictions: rows.map(([p]) => p), references: rows.map(([, r]) => r) });
    };
    assert.deepEqual(outcome([[261, 1, 1], [83, 0, 0], [46, 1, 0], [18, 0, 1]]), { accuracy: 0.8431372549019608, f1: 0.8907849829351535 }); // biome-ignore format: counts
    assert.deepEqual(outcome([[260, 1, 1], [90, 0, 0], [39, 1, 0], [19, 0, 1]]), { accuracy: 0.8578431372549019, f1: 0.8996539792387542 }); // biome-ignore format: counts
    assert.deepEqual(outcome([[279, 1, 1], [129, 1, 0]]), { accuracy: 279 / 408, f1: 558 / 687 }); // biome-ignore format: counts
  });

  it("names its device as PyTorch does, and moves models and batches to it", async () => {
    const device = tryGpu();
    assert.equal(inspect(device), "device(type='cpu')");
    const { value: model } = await printed("warn", () => AutoModelForSequenceClassification.fromPretrained(checkpoint));
    assert.equal(model.to(device), model);
    const batch = { input_ids: tensor([[101, 2023, 102]], { dtype: "int64" }) };
    const moved = Object.fromEntries(Object.entries(batch).map(([name, x]) => [name, x.to(device)]));
    assert.deepEqual(model(moved).logits.shape, [1, 2]);
  });
});
