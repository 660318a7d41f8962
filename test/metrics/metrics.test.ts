// Scores against the values of Python's evaluate (scikit-learn, scipy), and metrics that collect batches.
import assert from "node:assert/strict";
import { test } from "node:test";
import { accuracy, f1, loadMetric, matthewsCorrelation, pearson, spearman } from "../../src/metrics/index.js";
import { tensor } from "../../src/tensor/index.js";

const close = (a: number, b: number, digits = 12) => assert.ok(Math.abs(a - b) < 10 ** -digits, `${a} is not ${b}`);

test("accuracy is that of scikit-learn, weighted too", () => {
  assert.deepEqual(accuracy({ predictions: [0, 1, 1, 2, 1, 0], references: [0, 1, 2, 0, 1, 2] }), { accuracy: 0.5 });
  close(accuracy({ references: [0, 1, 2, 0, 1, 2], predictions: [0, 1, 1, 2, 1, 0], sampleWeight: [0.5, 2, 0.7, 0.5, 9, 0.4] }).accuracy, 0.8778625954198473);
});

test("f1 is that of scikit-learn in every average", () => {
  const two = { references: [0, 1, 0, 1, 0], predictions: [0, 0, 1, 1, 0] };
  assert.deepEqual(f1(two), { f1: 0.5 });
  close(f1({ ...two, posLabel: 0 }).f1, 2 / 3);
  close(f1({ ...two, sampleWeight: [0.9, 0.5, 3.9, 1.2, 0.3] }).f1, 0.3529411764705882);
  const three = { predictions: [0, 2, 1, 0, 0, 1], references: [0, 1, 2, 0, 1, 2] };
  close(f1({ ...three, average: "macro" }).f1, 0.26666666666666666);
  close(f1({ ...three, average: "micro" }).f1, 1 / 3);
  close(f1({ ...three, average: "weighted" }).f1, 0.26666666666666666);
  assert.deepEqual(f1({ ...three, average: null }), { f1: [0.8, 0, 0] });
  assert.throws(() => f1(three), { code: "ERR_METRIC_INPUT", message: /labels are 0, 1, 2/ });
  assert.deepEqual(f1({ predictions: [0], references: [0] }), { f1: 0 });
});

test("correlations are those of scikit-learn and scipy", () => {
  // sklearn.metrics.matthews_corrcoef, scipy.stats.pearsonr, scipy.stats.spearmanr
  close(matthewsCorrelation({ references: [1, 3, 2, 0, 3, 2], predictions: [1, 2, 2, 0, 3, 3] }).matthews_correlation, 0.5384615384615384);
  assert.equal(matthewsCorrelation({ references: [1, 1], predictions: [0, 1] }).matthews_correlation, 0);
  close(pearson({ references: [0, 1, 2, 3, 4, 5], predictions: [0, 1, 2, 3, 3, 7] }).pearson, 0.9268715709799871);
  close(spearman({ references: [1, 2, 3, 4, 5], predictions: [5, 6, 7, 8, 7] }).spearmanr, 0.8207826816681233);
});

test("glue/mrpc over batches gives the course's numbers for the course's counts", async () => {
  const metric = loadMetric("glue", "mrpc");
  // 344 of 408 right: 261 true positives, 83 true negatives, 46 false positives, 18 false negatives.
  const rows = [
    ...Array.from({ length: 261 }, () => [1, 1]),
    ...Array.from({ length: 83 }, () => [0, 0]),
    ...Array.from({ length: 64 }, (_, i) => (i < 46 ? [1, 0] : [0, 1])),
  ];
  for (let i = 0; i < rows.length; i += 50) {
    const batch = rows.slice(i, i + 50);
    await metric.addBatch({
      predictions: tensor(
        batch.map(([p]) => p!),
        { dtype: "int64" },
      ),
      references: batch.map(([, r]) => r!),
    });
  }
  assert.deepEqual(metric.compute(), { accuracy: 0.8431372549019608, f1: 0.8907849829351535 });
  assert.throws(() => metric.compute(), { code: "ERR_METRIC_INPUT", message: /nothing to score/ });
});

test("the names of glue's tasks lead to their scores", async () => {
  const args = { predictions: [1, 0, 1, 1], references: [1, 0, 0, 1] };
  assert.deepEqual(Object.keys(loadMetric("glue", "sst2").compute(args)), ["accuracy"]);
  assert.deepEqual(Object.keys(loadMetric("glue", "cola").compute(args)), ["matthews_correlation"]);
  assert.deepEqual(Object.keys(loadMetric("glue", "stsb").compute(args)), ["pearson", "spearmanr"]);
  assert.deepEqual(loadMetric("f1").compute(args), { f1: 0.8 });
  assert.throws(() => loadMetric("glue", "mrcp"), { code: "ERR_METRIC_UNKNOWN", message: /"glue", "mrpc"/ });
});

test("sides of different length are refused", async () => {
  await assert.rejects(loadMetric("accuracy").addBatch({ predictions: [1], references: [1, 0] }), {
    code: "ERR_METRIC_INPUT",
    message: /1 predictions and 2 references/,
  });
  await assert.rejects(loadMetric("accuracy").addBatch({ predictions: ["a" as never], references: [1] }), { code: "ERR_METRIC_INPUT" });
});

test("f1 refuses a positive label that neither side knows, as scikit-learn does", () => {
  const labels = { predictions: [0, 2, 0], references: [0, 2, 2] };
  assert.throws(() => f1(labels), { code: "ERR_METRIC_INPUT", message: /posLabel 1/ });
  assert.deepEqual(f1({ ...labels, posLabel: 2 }), { f1: 2 / 3 });
  assert.deepEqual(f1({ predictions: [0, 0], references: [0, 0] }), { f1: 0 });
});

test("predictions that are no numbers any more give no rank correlation", () => {
  assert.ok(Number.isNaN(spearman({ predictions: [1, Number.NaN, 3], references: [1, 2, 3] }).spearmanr));
  assert.ok(Number.isNaN(spearman({ predictions: [1, 2, 3], references: [Number.NaN, Number.NaN, 3] }).spearmanr));
});

test("typed arrays are scored like lists", async () => {
  const metric = loadMetric("accuracy");
  await metric.addBatch({ predictions: Int32Array.of(1, 0) as never, references: Float32Array.of(1, 1) as never });
  assert.deepEqual(metric.compute(), { accuracy: 0.5 });
});

test("what is neither list nor tensor is refused, and tensors belong to addBatch", async () => {
  const metric = loadMetric("accuracy");
  for (const predictions of [undefined, null, 5, {}])
    await assert.rejects(metric.addBatch({ predictions: predictions as never, references: [1] }), { code: "ERR_METRIC_INPUT", message: /predictions are/ });
  assert.throws(() => metric.compute({ predictions: tensor([1]) as never, references: [1] }), { code: "ERR_METRIC_INPUT", message: /addBatch/ });
});
