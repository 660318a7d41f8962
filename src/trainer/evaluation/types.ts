// What evaluations are asked for, and what they give.
import type { Tensor } from "../../tensor/index.js";
import type { EvalDatasets, Metrics } from "../options.js";
import type { Predictions } from "./eval-prediction.js";

export interface EvaluateOptions {
  /** In place of the Trainer's own: a dataset, several by name, or the name of one of the Trainer's. */
  readonly evalDataset?: EvalDatasets | string | undefined;
  /** Outputs of the model that are no predictions; default the config's `keys_to_ignore_at_inference`. */
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
  /** "Evaluation" or "Prediction". */
  readonly description: string;
  /** Brings out the losses alone; default the argument of that name. */
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
  /** The mean of the batch; undefined without labels. */
  readonly loss: Tensor | undefined;
  /** The outputs beside the loss: of one the tensor itself. Undefined where only the loss is asked for. */
  readonly logits: Predictions | undefined;
  readonly labels: Predictions | undefined;
}
export interface EvalLoopOutput {
  readonly predictions: Predictions | undefined;
  readonly labelIds: Predictions | undefined;
  readonly metrics: Metrics;
  readonly numSamples: number;
}
/** Predictions of a dataset, rows in its order; labels where it has some. */
export interface PredictionOutput<P = Tensor<2, "float32">, L = Tensor<1, "int64">> {
  readonly predictions: P;
  readonly labelIds: L;
  readonly metrics: Metrics;
}
