// Metrics: as functions of two lists, and as collectors of batches.

export { accuracy, type ConfusionArgs, confusionMatrix, matthewsCorrelation } from "./classification.js";
export { combine } from "./combine.js";
export { type CorrelationArgs, pearson, pearsonr, spearman, spearmanr } from "./correlation.js";
export { type ExactMatchArgs, exactMatch } from "./exact-match.js";
export type { Labels, RowLabels, Weighted, WeightedRows } from "./inputs.js";
export type { KnownMetricInputs, KnownMetricOptions, KnownMetrics, MetricArgs, MetricInput, RowsInput } from "./known.js";
export { type KnownMetric, loadMetric, type Metric } from "./metric.js";
export { type PerplexityArgs, perplexity, perplexityOfLosses } from "./perplexity.js";
export { type Average, type F1Args, f1, type LabelScores, precision, recall } from "./precision-recall.js";
export { type ErrorArgs, mae, maeOfOutputs, mse, mseOfOutputs } from "./regression.js";
export { type RocAucArgs, rocAuc } from "./roc-auc.js";
