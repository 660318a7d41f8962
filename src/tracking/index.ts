// Tracking: values of a training, kept in files or sent to servers.
export { CsvTracker, type CsvOptions } from "./csv.js";
export { JsonlTracker, type JsonlOptions } from "./jsonl.js";
export type { TrackerName, TrackerOptions } from "./known.js";
export { MlflowTracker, type MlflowOptions } from "./mlflow.js";
export { combined, type Performance, performanceValues, type RankReport, type RankSkew, rankSkew } from "./rank-reports.js";
export { type Phase, type StepReport, StepTimer, type StepTimerOptions, type StepWork, type TimerMark } from "./step-timer.js";
export { TensorBoardTracker, type TensorBoardOptions } from "./tensorboard.js";
export {
  type FinishOptions,
  type LogOptions,
  type RunStatus,
  type Tracker,
  type TrackerContext,
  type TrackerFactory,
  TrackingError,
  type TrackingErrorCode,
} from "./tracker.js";
export { type InitOptions, type LogKwargs, type TrackerLogOptions, Trackers, type TrackersOptions, type TrackersState } from "./trackers.js";
export type { ConfigValues, FlatValue, LogValue, LogValues } from "./values.js";
export { WandbTracker, type WandbOptions } from "./wandb.js";
export type { InitKwargs, LogWith } from "./workshop.js";
