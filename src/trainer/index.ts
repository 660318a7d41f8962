// The Trainer: training, evaluation, checkpoints and logs of a model in one object.
export * from "./arguments/index.js";
export * from "./callbacks/index.js";
export {
  type EvalLoopOutput,
  type EvalExtras,
  EvalPrediction,
  type EvaluateOptions,
  type EvaluationLoopOptions,
  type PredictionOutput,
  type PredictionStepOptions,
  type PredictionStepOutput,
  type Predictions,
  type PredictOptions,
  speedMetrics,
} from "./evaluation/index.js";
export { getLastCheckpoint } from "./checkpoints/index.js";
export type {
  ComputedLoss,
  ComputeLossFunction,
  ComputeLossOptions,
  ComputeMetrics,
  DataCollator,
  EvalDatasets,
  Metrics,
  ModelInit,
  ModelInputs,
  OptimizerChoice,
  PreprocessLogits,
  ProcessingClass,
  TrainableModel,
  TrainerDataset,
  TrainerOptions,
  TrainerOutput,
  TrainerScheduler,
  TrainOptions,
  TrainOutput,
  Trial,
} from "./options.js";
export * from "./state/index.js";
export { Trainer } from "./trainer.js";
