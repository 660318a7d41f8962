// Evaluation: losses, predictions and metrics over a dataset.
export { EvalPrediction, type EvalExtras, type Predictions } from "./eval-prediction.js";
export { evaluate, predict } from "./evaluate.js";
export { evaluationLoop } from "./evaluation-loop.js";
export { logMetrics, saveMetrics } from "./metrics-files.js";
export { predictionStep } from "./prediction-step.js";
export { type SpeedCounts, speedMetrics } from "./speed-metrics.js";
export type {
  EvalLoopOutput,
  EvaluateOptions,
  EvaluationLoopOptions,
  PredictionOutput,
  PredictionStepOptions,
  PredictionStepOutput,
  PredictOptions,
} from "./types.js";
