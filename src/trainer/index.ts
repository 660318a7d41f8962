// The Trainer: training, evaluation, checkpoints and logs of a model in one object.
export * from "./arguments/index.js";
export {
  type CallbackContext,
  CallbackError,
  type CallbackEvent,
  CallbackHandler,
  type CallbackLoader,
  DefaultFlowCallback,
  EarlyStoppingCallback,
  type EarlyStoppingOptions,
  type EventDetails,
  type GivenCallback,
  type Handled,
  PrinterCallback,
  type PrinterCallbackOptions,
  ProgressCallback,
  type ProgressCallbackOptions,
  rewriteLogs,
  TrackingCallback,
  TrainerCallback,
} from "./callbacks/index.js";
export { plotHistory } from "./display/index.js";
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
export { getLastCheckpoint, type ModelCardOptions } from "./checkpoints/index.js";
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
export {
  type CallbackState,
  type CallbackStates,
  type ExportableState,
  type LogEntry,
  TrainerControl,
  TrainerState,
  type TrainingReferences,
} from "./state/index.js";
export type { BestRun, HyperparameterSearchOptions, SearchRange, SearchSpace } from "./search/index.js";
export { Trainer } from "./trainer.js";
