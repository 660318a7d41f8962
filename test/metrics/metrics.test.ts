// Scores against the values of Python's evaluate (scikit-learn, scipy), and metrics that collect batches.
import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import {
  accuracy,
  combine,
  exactMatch,
  f1,
  loadMetric,
  matthewsCorrelation,
  mse,
  pearson,
  perplexity,
  perplexityOfLosses,
  rocAuc,
  spearman,
} from "../../src/metrics/index.js";
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
  for (const task of ["mnli_matched", "mnli_mismatched", "qnli", "rte", "wnli", "hans"] as const)
    assert.deepEqual(loadMetric("glue", task).compute(args), { accuracy: 0.75 });
  const message =
    'You should supply a configuration name selected in ["sst2", "mnli", "mnli_mismatched", "mnli_matched", "cola", "stsb", "mrpc", "qqp", "qnli", "rte", "wnli", "hans"]';
  assert.throws(() => loadMetric("glue", "mrcp"), { code: "ERR_METRIC_UNKNOWN", message });
  assert.throws(() => loadMetric("glue"), { code: "ERR_METRIC_UNKNOWN", message });
  assert.throws(() => loadMetric("acuracy"), { code: "ERR_METRIC_UNKNOWN", message: /metrics are "accuracy", "f1"/ });
  assert.throws(() => loadMetric("f1", { numProcess: 2 } as never), { code: "ERR_METRIC_INPUT", message: /gatherForMetrics/ });
  assert.throws(() => loadMetric("f1", "multilist"), { code: "ERR_METRIC_UNKNOWN", message: /configurations "multilabel"/ });
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

test("what is no number or label is named, and scores nothing", () => {
  const wrong: readonly (() => unknown)[] = [
    () => accuracy({ predictions: [0, Number.NaN], references: [0, 1] }),
    () => f1({ predictions: [1n, 0n] as never, references: [1, 0] }),
    () => matthewsCorrelation({ predictions: [1, 0], references: [1, Number.NaN] }),
    () => spearman({ predictions: ["a", "b"] as never, references: [1, 2] }),
    () => mse({ predictions: [[1, null]] as never, references: [[1, 2]] }),
    () => rocAuc({ references: [1, 0, 1], predictionScores: [0.1, Number.NaN, 0.3] }),
    () => accuracy({} as never),
    () => combine([]),
  ];
  for (const score of wrong) assert.throws(score, { code: "ERR_METRIC_INPUT" });
  assert.throws(wrong[1]!, /row 0 of predictions is 1n/);
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

test("every name of evaluate leads to its score, with what compute takes", () => {
  const labels = { predictions: [0, 1, 1, 0], references: [0, 1, 0, 1] };
  assert.deepEqual(loadMetric("accuracy").compute({ ...labels, normalize: false }), { accuracy: 2 });
  assert.deepEqual(loadMetric("precision").compute(labels), { precision: 0.5 });
  assert.deepEqual(loadMetric("recall").compute({ ...labels, average: "macro" }), { recall: 0.5 });
  assert.deepEqual(loadMetric("confusion_matrix").compute(labels), {
    confusion_matrix: [
      [1, 1],
      [1, 1],
    ],
  });
  assert.deepEqual(loadMetric("matthews_correlation").compute(labels), { matthews_correlation: 0 });
  assert.deepEqual(loadMetric("mse").compute({ predictions: [2.5, 0, 2, 8], references: [3, -0.5, 2, 7] }), { mse: 0.375 });
  assert.deepEqual(loadMetric("mae").compute({ predictions: [2.5, 0, 2, 8], references: [3, -0.5, 2, 7] }), { mae: 0.5 });
  assert.deepEqual(loadMetric("pearsonr").compute({ predictions: [1, 2, 3], references: [2, 4, 6], returnPvalue: true }), { pearsonr: 1, "p-value": 0 });
  close(loadMetric("spearmanr").compute({ predictions: [10, 9, 2.5, 6, 4], references: [1, 2, 3, 4, 5] }).spearmanr, -0.7);
  close(loadMetric("roc_auc").compute({ references: [1, 0, 1, 1, 0, 0], predictionScores: [0.5, 0.2, 0.99, 0.3, 0.1, 0.7] }).roc_auc, 7 / 9);
  assert.deepEqual(loadMetric("f1", "multilabel").compute({ predictions: [[0, 1]], references: [[0, 1]], average: "macro", zeroDivision: 1 }), { f1: 1 });
  assert.deepEqual(loadMetric("mse", "multilist").compute({ predictions: [[0.5, 1]], references: [[0, 1]] }), { mse: 0.125 });
  assert.throws(() => loadMetric("mse").compute({ ...labels, sqared: true } as never), { code: "ERR_METRIC_INPUT", message: /no option sqared.*squared/ });
  assert.throws(() => loadMetric("glue", "mrpc").compute({ ...labels, average: "macro" } as never), { code: "ERR_METRIC_INPUT", message: /no option average/ });
});

test("exact match ignores what it is told to", () => {
  // The examples of evaluate's exact_match.
  const args = { references: ["the cat", "theater", "YELLING", "agent007"], predictions: ["cat?", "theater", "yelling", "agent"] };
  assert.deepEqual(exactMatch(args), { exact_match: 0.25 });
  const ignoring = { ...args, regexesToIgnore: ["the ", "yell"], ignoreCase: true, ignorePunctuation: true };
  assert.deepEqual(exactMatch(ignoring), { exact_match: 0.5 });
  assert.deepEqual(exactMatch({ ...ignoring, regexesToIgnore: ["the ", "yell", "YELL"] }), { exact_match: 0.75 });
  assert.deepEqual(loadMetric("exact_match").compute({ ...ignoring, regexesToIgnore: [/the /, "yell", "YELL"], ignoreNumbers: true }), { exact_match: 1 });
});

test("expressions to ignore are JavaScript's, with escapes that Python takes", () => {
  const args = { predictions: ["a-b \u{1f600}"], references: ["ab"] };
  assert.deepEqual(exactMatch({ ...args, regexesToIgnore: ["\\-", " .$"] }), { exact_match: 1 });
  assert.throws(() => exactMatch({ ...args, regexesToIgnore: ["("] }), { code: "ERR_METRIC_INPUT", message: /"\(" is no regular expression/ });
});

test("perplexity is exp of the mean loss of a text's tokens; padding does not count", async () => {
  // Two texts of 3 tokens over 2 words: the first is certain of nothing, of the second's two pairs one is padding.
  const logits = tensor([
    [
      [0, 0],
      [0, 0],
      [5, 5],
    ],
    [
      [0, Math.log(3)],
      [9, 9],
      [9, 9],
    ],
  ]);
  const labels = tensor(
    [
      [0, 1, 0],
      [0, 1, -100],
    ],
    { dtype: "int64" },
  );
  const { perplexities, mean_perplexity } = await perplexity({ logits, labels });
  close(perplexities[0]!, 2, 6);
  close(perplexities[1]!, 4 / 3, 6);
  close(mean_perplexity, (2 + 4 / 3) / 2, 6);
  const metric = loadMetric("perplexity");
  await metric.addBatch({ predictions: logits, references: labels });
  await metric.addBatch({ predictions: logits, references: labels });
  assert.deepEqual(metric.compute().perplexities, [...perplexities, ...perplexities]);
  close(perplexityOfLosses({ losses: [1, 2], tokens: [3, 1] }).perplexity, Math.exp(1.25));
  await assert.rejects(perplexity({ logits: labels, labels }), { code: "ERR_METRIC_INPUT", message: /logits are a tensor \[2,3\]/ });
});

test("rows are added one by one or in batches, and a score starts anew", async () => {
  const metric = loadMetric("f1");
  metric.add({ prediction: 1, reference: 1 });
  metric.add({ prediction: 1, reference: 0 });
  await metric.addBatch({ predictions: [0], references: [1] });
  assert.deepEqual(metric.compute(), { f1: 0.5 });
  metric.add({ prediction: 1, reference: 1 });
  assert.deepEqual(metric.compute(), { f1: 1 });
  assert.throws(() => metric.add({ prediction: "1" as never, reference: 1 }), { code: "ERR_METRIC_INPUT", message: /prediction is '1'/ });
  // What is wrong in the call loses nothing of what was collected.
  metric.add({ prediction: 2, reference: 1 });
  metric.add({ prediction: 0, reference: 1 });
  assert.throws(() => metric.compute(), { message: /labels are 0, 1, 2/ });
  assert.deepEqual(metric.compute({ average: "micro" }), { f1: 0 });
});

test("combined metrics are fed together; keys that are there twice get the metric's name", async () => {
  const metric = combine(["accuracy", "f1"]);
  metric.add({ prediction: 0, reference: 0 });
  await metric.addBatch({ predictions: tensor([1], { dtype: "int64" }), references: [0] });
  const scores = metric.compute({ predictions: [1], references: [1] });
  close(scores.accuracy, 2 / 3);
  close(scores.f1, 2 / 3);
  const labels = { predictions: [1, 0], references: [1, 1] };
  assert.deepEqual(combine([loadMetric("glue", "mrpc"), "accuracy", "accuracy"]).compute(labels), {
    glue_accuracy: 0.5,
    f1: 2 / 3,
    accuracy_0_accuracy: 0.5,
    accuracy_1_accuracy: 0.5,
  });
  assert.deepEqual(combine({ first: "accuracy", second: "recall" }, { forcePrefix: true }).compute(labels), { first_accuracy: 0.5, second_recall: 0.5 });
});

test("a metric is printed with its configuration", () => {
  assert.equal(inspect([loadMetric("glue", "mrpc"), loadMetric("accuracy")]), "[ Metric(glue, mrpc), Metric(accuracy) ]");
});
