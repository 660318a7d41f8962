// Optimizers, learning rate schedules and gradient clipping.
export { Adam, type AdamOptions } from "./adam.js";
export { AdamW, type AdamWGroupOptions, type AdamWOptions, type AdamWVariant } from "./adamw.js";
export { clipGradNorm, type ClipGradNormOptions, clipGradValue } from "./clip.js";
export { GradScaler, type GradScalerOptions, type GradScalerState } from "./grad-scaler.js";
export type { GroupState, Hyperparameters, ParamGroup, Params } from "./groups.js";
export type { FollowingScheduler } from "./followers.js";
export { Optimizer, type StepDecision, type StepHook } from "./optimizer.js";
export { kernelsOf, maxSources, normKinds, type OptimizerKernels } from "./kernels.js";
export { decayedNames, type NamedModules, parameterGroups } from "./parameter-groups.js";
export { type PlateauOptions, PlateauScheduler } from "./plateau.js";
export { mergedRanges, type RowedSegment } from "./ranges.js";
export { type OneCycleOptions, OneCycleScheduler } from "./one-cycle.js";
export type { Pace } from "./pace.js";
export { getScheduler, LambdaScheduler, type SchedulerName, schedulerNames } from "./scheduler.js";
export { type Scheduler, SteppedScheduler } from "./stepped.js";
export { makeSchedule, type Ramp, type Schedule, type ScheduleName, type ScheduleOptions, schedules } from "./schedules.js";
export { SGD, type SGDGroupOptions, type SGDOptions } from "./sgd.js";
export type { OptimizerProgress, OptimizerState, ParameterState, SavedGroup, SavedValue, SchedulerState, StepSettings } from "./state.js";
