// Training on several workers.
export { Accelerator } from "./accelerator.js";
export { padInputTensors } from "./collectives/pad-input.js";
export {
  batchedPowerSgd,
  type BucketGradient,
  type CommHook,
  type DdpOptions,
  type GradientBucket,
  type HostLink,
  powerSgd,
  type PowerSgdOptions,
} from "./comm-hooks/index.js";
export type { Joinable, JoinOptions } from "./modes/join-uneven.js";
export { LocalSGD, type LocalSgdOptions } from "./modes/local-sgd.js";
export type { GradientAccumulationPlugin } from "./gradients/accumulation.js";
export { debugLauncher, type LauncherOptions, notebookLauncher } from "./launchers/launchers.js";
export type { BatchSizeOptions, Fits } from "./memory/batch-size.js";
export type { LoadStateHookContext, LoadStatePreHook, SaveStateHookContext, SaveStatePreHook } from "./checkpoints/checkpoint-hooks.js";
export type { SaveStateOptions } from "./checkpoints/checkpointing.js";
export type { PadOptions } from "./collectives/exchange-tensors.js";
export { getLogger, type InOrder, Logger, type LoggerOptions, type LogLevel, type LogOptions, type LogRecord, type LogSink } from "./logger.js";
export type { Gathered, Same, Tensors } from "./collectives/nested.js";
export type { DataloaderConfig } from "./loaders/dataloader-config.js";
export type { AcceleratorOptions, CompilerSettings } from "./options.js";
export type { Preparable, Prepared } from "./prepare.js";
export type { ProjectConfiguration } from "./checkpoints/project-config.js";
export type { ResumePoint } from "./checkpoints/restore.js";
export type { SaveModelOptions } from "./saving/save-model.js";
export { type SeedOptions, setSeed } from "./seed.js";
export type { Part, SplitOptions, Splittable } from "./collectives/split.js";
export type { Checkpointable } from "./checkpoints/saved-objects.js";
export type { SchedulerStepping } from "./gradients/scheduler-pace.js";
export { StoppedError } from "./stopping.js";
export type { TrackingOptions } from "./tracking/tracking.js";
export type { BackwardOptions } from "./gradients/weighted-backward.js";
