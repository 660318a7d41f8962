// Training on several workers.
export { Accelerator } from "./accelerator.js";
export { padInputTensors } from "./pad-input.js";
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
export type { Joinable, JoinOptions } from "./join-uneven.js";
export { LocalSGD, type LocalSgdOptions } from "./local-sgd.js";
export type { GradientAccumulationPlugin } from "./accumulation.js";
export { debugLauncher, type LauncherOptions, notebookLauncher } from "./launchers.js";
export type { BatchSizeOptions, Fits } from "./batch-size.js";
export type { LoadStateHookContext, LoadStatePreHook, SaveStateHookContext, SaveStatePreHook } from "./checkpoint-hooks.js";
export type { SaveStateOptions } from "./checkpointing.js";
export type { PadOptions } from "./exchange-tensors.js";
export { getLogger, type InOrder, Logger, type LoggerOptions, type LogLevel, type LogOptions, type LogRecord, type LogSink } from "./logger.js";
export type { Gathered, Same, Tensors } from "./nested.js";
export type { DataloaderConfig } from "./dataloader-config.js";
export type { AcceleratorOptions } from "./options.js";
export type { Preparable, Prepared } from "./prepare.js";
export type { ProjectConfiguration } from "./project-config.js";
export type { ResumePoint } from "./restore.js";
export type { SaveModelOptions } from "./save-model.js";
export { type SeedOptions, setSeed } from "./seed.js";
export type { Part, SplitOptions, Splittable } from "./split.js";
export type { Checkpointable } from "./saved-objects.js";
export type { SchedulerStepping } from "./scheduler-pace.js";
export { StoppedError } from "./stopping.js";
export type { TrackingOptions } from "./tracking.js";
export type { BackwardOptions } from "./weighted-backward.js";
