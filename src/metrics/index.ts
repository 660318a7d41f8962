// Metrics: as functions of two lists, and as collectors of batches.

export { type KnownMetrics, loadMetric, type Metric, type MetricArgs, type MetricInput } from "./metric.js";
export { accuracy, type F1Args, f1, type Labels, matthewsCorrelation, pearson, spearman, type Weighted } from "./scores.js";
