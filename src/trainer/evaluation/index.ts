// Evaluation: losses, predictions and metrics over a dataset.
import type { DataLoader } from "../../data/index.js";
import type { Tensor } from "../../tensor/index.js";
import type { EvalDatasets, Metrics, ModelInputs, TrainableModel, TrainerDataset } from "../options.js";
import type { Trainer } from "../trainer.js";
import { unfinished } from "../unfinished.js";

export interface EvalPrediction {
  readonly predictions: Tensor<2, "float32">;
  readonly labelIds: Tensor<1, "int64">;
}
export interface EvaluateOptions {
  /** In place of the Trainer's own: a dataset, several by name, or the name of one of the Trainer's. */
  readonly evalDataset?: EvalDatasets | string | undefined;
  readonly ignoreKeys?: readonly string[] | undefined;
  /** Default "eval". */
  readonly metricKeyPrefix?: string | undefined;
}
export interface PredictOptions {
  readonly ignoreKeys?: readonly string[] | undefined;
  /** Default "test". */
  readonly metricKeyPrefix?: string | undefined;
}
export interface EvaluationLoopOptions {
  readonly description: string;
  readonly predictionLossOnly?: boolean | undefined;
  readonly ignoreKeys?: readonly string[] | undefined;
  readonly metricKeyPrefix?: string | undefined;
}
export interface PredictionStepOptions {
  readonly predictionLossOnly: boolean;
  readonly ignoreKeys?: readonly string[] | undefined;
}
/** What one batch gives. */
export interface PredictionStepOutput {
  readonly loss: Tensor | undefined;
  readonly logits: Tensor | readonly Tensor[] | undefined;
  readonly labels: Tensor | readonly Tensor[] | undefined;
}
export interface EvalLoopOutput {
  readonly predictions: Tensor | readonly Tensor[] | undefined;
  readonly labelIds: Tensor | readonly Tensor[] | undefined;
  readonly metrics: Metrics;
  readonly numSamples: number;
}
export interface PredictionOutput {
  readonly predictions: Tensor<2>;
  readonly labelIds: Tensor<1>;
  readonly metrics: Metrics;
}

export async function evaluate(_trainer: Trainer, _options: EvaluateOptions): Promise<Metrics> {
  throw unfinished("evaluate");
}
export async function predict(_trainer: Trainer, _dataset: TrainerDataset, _options: PredictOptions): Promise<PredictionOutput> {
  throw unfinished("predict");
}
export async function evaluationLoop(_trainer: Trainer, _loader: DataLoader<ModelInputs>, _options: EvaluationLoopOptions): Promise<EvalLoopOutput> {
  throw unfinished("evaluationLoop");
}
export async function predictionStep(
  _trainer: Trainer,
  _model: TrainableModel,
  _inputs: ModelInputs,
  _options: PredictionStepOptions,
): Promise<PredictionStepOutput> {
  throw unfinished("predictionStep");
}
/** Prints metrics in a table, on the main process. */
export function logMetrics(_trainer: Trainer, _split: string, _metrics: Metrics): void {
  throw unfinished("logMetrics");
}
/** Writes `<split>_results.json`, and with `combined` adds to all_results.json. */
export async function saveMetrics(_trainer: Trainer, _split: string, _metrics: Metrics, _options: { readonly combined: boolean }): Promise<void> {
  throw unfinished("saveMetrics");
}

/** `<split>_runtime` and what was done per second. `startTime` as of performance.now(). */
export function speedMetrics(
  split: string,
  startTime: number,
  counts: { readonly numSamples?: number | undefined; readonly numSteps?: number | undefined; readonly numTokens?: number | undefined } = {},
): Metrics {
  const runtime = (performance.now() - startTime) / 1000;
  const rounded = (x: number, digits: number) => Math.round(x * 10 ** digits) / 10 ** digits;
  const metrics: Metrics = { [`${split}_runtime`]: rounded(runtime, 4) };
  if (runtime === 0) return metrics;
  if (counts.numSamples !== undefined) metrics[`${split}_samples_per_second`] = rounded(counts.numSamples / runtime, 3);
  if (counts.numSteps !== undefined) metrics[`${split}_steps_per_second`] = rounded(counts.numSteps / runtime, 3);
  if (counts.numTokens !== undefined) metrics[`${split}_tokens_per_second`] = rounded(counts.numTokens / runtime, 3);
  return metrics;
}
