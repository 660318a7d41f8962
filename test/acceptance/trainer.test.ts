// The Trainer's chapter of the course, step by step, over the real MRPC, and the NSMC tutorial's run: what each step shows is what Python shows.
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { DataCollatorWithPadding, type DatasetDict, loadDataset, loadMetric, type MapDataset, tensor } from "accelerate-ts";
import { accuracy, f1 } from "accelerate-ts/metrics";
import { AutoModelForSequenceClassification, AutoTokenizer, type BatchEncoding, type PreTrainedTokenizer } from "accelerate-ts/models";
import { type EvalPrediction, PrinterCallback, Trainer, type TrainerOptions, TrainingArguments, type TrainingArgumentsOptions } from "accelerate-ts/trainer";
import { needs, shared } from "../data/files.js";
import { parquetOf, printed, tinyBert } from "./support.js";

const modelOf = async (checkpoint: string) =>
  (await printed("warn", () => AutoModelForSequenceClassification.fromPretrained(checkpoint, { numLabels: 2 }))).value;
const quiet = { disableTqdm: true, useCpu: true } as const;
const checkpointsOf = (folder: string) => readdirSync(folder).filter((name) => name.startsWith("checkpoint-")).sort(); // biome-ignore format: one thing

it("arguments need no more than a folder, and have Python's defaults", () => {
  const args = new TrainingArguments("test-trainer");
  const { outputDir, perDeviceTrainBatchSize, perDeviceEvalBatchSize, numTrainEpochs, maxSteps, learningRate, lrSchedulerType, warmupSteps } = args;
  assert.deepEqual(
    { outputDir, perDeviceTrainBatchSize, perDeviceEvalBatchSize, numTrainEpochs, maxSteps, learningRate, lrSchedulerType, warmupSteps },
    {
      outputDir: "test-trainer",
      perDeviceTrainBatchSize: 8,
      perDeviceEvalBatchSize: 8,
      numTrainEpochs: 3,
      maxSteps: -1,
      learningRate: 5e-5,
      lrSchedulerType: "linear",
      warmupSteps: 0,
    },
  );
  const { weightDecay, adamBeta1, adamBeta2, adamEpsilon, gradientAccumulationSteps, maxGradNorm, labelSmoothingFactor, averageTokensAcrossDevices } = args;
  assert.deepEqual(
    [weightDecay, adamBeta1, adamBeta2, adamEpsilon, gradientAccumulationSteps, maxGradNorm, labelSmoothingFactor, averageTokensAcrossDevices],
    [0, 0.9, 0.999, 1e-8, 1, 1, 0, true],
  );
  const { loggingStrategy, loggingSteps, loggingFirstStep, evalStrategy, saveStrategy, saveSteps, saveTotalLimit, seed, dataSeed, removeUnusedColumns } = args;
  assert.deepEqual(
    [loggingStrategy, loggingSteps, loggingFirstStep, evalStrategy, saveStrategy, saveSteps, saveTotalLimit, seed, dataSeed, removeUnusedColumns],
    ["steps", 500, false, "no", "steps", 500, undefined, 42, undefined, true],
  );
});

describe("the course's Trainer on MRPC", needs("data/mrpc"), () => {
  const root = mkdtempSync(join(tmpdir(), "acceptance-"));
  let checkpoint: string;
  let tokenizer: PreTrainedTokenizer;
  let tokenized: DatasetDict<
    { sentence1: string; sentence2: string; label: number; idx: number; input_ids: number[]; token_type_ids: number[]; attention_mask: number[] },
    "train" | "validation"
  >;
  before(async () => {
    checkpoint = await tinyBert(root, "bert-base-uncased");
    tokenizer = await AutoTokenizer.fromPretrained(checkpoint);
    const features = { sentence1: "string", sentence2: "string", label: "int64", idx: "int32" } as const;
    const raw = await loadDataset("parquet", { dataFiles: { train: parquetOf("train"), validation: parquetOf("validation") }, features });
    tokenized = await raw.map(tokenizer.mapper("sentence1", "sentence2", { truncation: true }), { batched: true });
  });
  after(() => rmSync(root, { recursive: true }));
  const trainerOf = async (options: TrainingArgumentsOptions, more: Partial<TrainerOptions> = {}, rows = 3668) => {
    const trainer = new Trainer({
      model: await modelOf(checkpoint),
      args: new TrainingArguments(join(root, "test-trainer"), { ...quiet, ...options }),
      trainDataset: tokenized.train.slice(0, rows),
      evalDataset: tokenized.validation,
      dataCollator: new DataCollatorWithPadding(tokenizer),
      processingClass: tokenizer,
      ...more,
    });
    trainer.removeCallback(PrinterCallback);
    return trainer;
  };

  it("makes 1,377 steps of 3,668 pairs, in batches of what the model takes", async () => {
    const trainer = await trainerOf({});
    const loader = await trainer.getTrainDataloader();
    assert.equal(3 * loader.length, 1377);
    for await (const batch of loader) {
      assert.deepEqual(Object.keys(batch).sort(), ["attention_mask", "input_ids", "labels", "token_type_ids"]);
      assert.deepEqual(batch.labels!.shape, [8]);
      break;
    }
  });

  it("reports the loss and saves a checkpoint every so many steps, and at the last", async () => {
    const trainer = await trainerOf({ maxSteps: 13, loggingSteps: 5, saveSteps: 5 }, {}, 64);
    await trainer.train();
    const reported = trainer.state.logHistory.filter((entry) => "loss" in entry);
    assert.deepEqual(
      reported.map(({ step }) => step),
      [5, 10],
    );
    assert.ok(reported.every(({ loss }) => Math.abs((loss as number) - Math.LN2) < 0.2));
    assert.deepEqual(checkpointsOf(join(root, "test-trainer")), ["checkpoint-10", "checkpoint-13", "checkpoint-5"]);
  });

  it("predicts the 408 pairs: logits and labels, scores of the loss and of the speed", async () => {
    const trainer = await trainerOf({});
    const { predictions, labelIds, metrics } = await trainer.predict(tokenized.validation);
    assert.deepEqual([predictions.shape, labelIds.shape], [[408, 2], [408]]);
    assert.deepEqual(Object.keys(metrics), ["test_loss", "test_runtime", "test_samples_per_second", "test_steps_per_second"]);
    assert.ok(Math.abs(metrics.test_loss! - Math.LN2) < 0.1);
    const guesses = predictions.argmax(-1);
    const scores = loadMetric("glue", "mrpc").compute({ predictions: await guesses.toArray(), references: await labelIds.toArray() });
    const right = (await guesses.toArray()).filter((guess, i) => guess === tokenized.validation.at(i).label).length;
    assert.equal(scores.accuracy, right / 408);
  });

  it("scores with a function that takes predictions and labels by place or by name", async () => {
    const seen: number[][] = [];
    const computeMetrics = async (prediction: EvalPrediction) => {
      const [logits, labels] = prediction;
      assert.equal(logits, prediction.predictions);
      assert.equal(labels, prediction.labelIds);
      seen.push([...logits.shape], [...labels.shape]);
      return loadMetric("glue", "mrpc").compute({ predictions: await logits.argmax(-1).toArray(), references: await labels.toArray() });
    };
    const trainer = await trainerOf({}, { computeMetrics });
    const scores = await trainer.evaluate();
    assert.deepEqual(seen, [[408, 2], [408]]);
    const keys = ["eval_loss", "eval_accuracy", "eval_f1", "eval_runtime", "eval_samples_per_second", "eval_steps_per_second", "epoch"];
    assert.deepEqual(Object.keys(scores), keys);
  });
});

/** As the tutorial writes it: a class of one's own over encodings. */
class NsmcDataset implements MapDataset<Record<string, unknown>> {
  readonly encodings: BatchEncoding;
  readonly labels: readonly number[];
  constructor(encodings: BatchEncoding, labels: readonly number[]) {
    this.encodings = encodings;
    this.labels = labels;
  }
  get length(): number {
    return this.labels.length;
  }
  at(index: number): Record<string, unknown> {
    return { ...this.encodings.at(index), labels: tensor(this.labels[index]!, { dtype: "int64" }) };
  }
}

describe("the Trainer on the reviews of NSMC", needs("data/nsmc"), () => {
  const root = mkdtempSync(join(tmpdir(), "acceptance-"));
  const file = (split: string) => join(shared, "data/nsmc", `ratings_${split}.txt`);
  after(() => rmSync(root, { recursive: true }));

  it("has 63 steps an epoch of 2,000 reviews, keeps two checkpoints, counts its operations, and evaluates", async () => {
    const checkpoint = await tinyBert(root, "bert-base-multilingual-cased");
    const tokenizer = await AutoTokenizer.fromPretrained(checkpoint);
    const features = { id: "string", document: "string", label: "int64" } as const;
    const raw = await loadDataset("csv", { dataFiles: { train: file("train"), test: file("test") }, delimiter: "\t", features, cacheDir: root });
    const part = (split: "train" | "test", rows: number) => raw[split].shuffle({ seed: 42 }).slice(0, rows);
    const sets = await Promise.all(
      [part("train", 2000), part("test", 500)].map(async (rows) => {
        const encodings = await tokenizer(rows.column("document"), { padding: true, truncation: true, maxLength: 16, returnTensors: true });
        return new NsmcDataset(encodings, rows.column("label"));
      }),
    );
    const model = await modelOf(checkpoint);
    const settings = { perDeviceTrainBatchSize: 32, perDeviceEvalBatchSize: 32, loggingSteps: 50, saveSteps: 50, saveTotalLimit: 2 };
    const trainer = new Trainer({
      model,
      args: new TrainingArguments(join(root, "results"), { ...quiet, ...settings, numTrainEpochs: 10, maxSteps: 126 }),
      trainDataset: sets[0]!,
      evalDataset: sets[1]!,
      computeMetrics: async ({ predictions, labelIds }) => {
        const pairs = { predictions: await predictions.argmax(-1).toArray(), references: await labelIds.toArray() };
        return { ...accuracy(pairs), ...f1(pairs) };
      },
    });
    trainer.removeCallback(PrinterCallback);
    assert.equal((await trainer.getTrainDataloader()).length, 63);
    const { globalStep, trainingLoss, metrics } = await trainer.train();
    assert.equal(globalStep, 126);
    assert.deepEqual(checkpointsOf(join(root, "results")), ["checkpoint-100", "checkpoint-126"]);
    const losses = trainer.state.logHistory.filter((entry) => "loss" in entry);
    for (const [i, epoch] of [50 / 63, 100 / 63].entries()) {
      assert.equal(losses[i]!.step, 50 * (i + 1));
      assert.ok(Math.abs((losses[i]!.epoch as number) - epoch) < 1e-9);
    }
    const outside = model.numParameters({ excludeEmbeddings: true });
    assert.equal(metrics.total_flos, 6 * outside * (2000 * 2 * 16));
    assert.equal(metrics.epoch, 2);
    assert.equal(metrics.train_loss, trainingLoss);
    assert.deepEqual(Object.keys(metrics), ["train_runtime", "train_samples_per_second", "train_steps_per_second", "total_flos", "train_loss", "epoch"]);
    const { train_runtime: runtime, train_samples_per_second: rows, train_steps_per_second: steps } = metrics;
    assert.ok(Math.abs(rows! / ((126 * 32) / runtime!) - 1) < 0.01 && Math.abs(steps! / (126 / runtime!) - 1) < 0.01, JSON.stringify(metrics));
    const scores = await trainer.evaluate();
    const keys = ["eval_loss", "eval_accuracy", "eval_f1", "eval_runtime", "eval_samples_per_second", "eval_steps_per_second", "epoch"];
    assert.deepEqual(Object.keys(scores), keys);
    assert.ok(Number.isInteger(Math.round(scores.eval_accuracy! * 500 * 1e6) / 1e6), "of 500 reviews");
  });
});
