// TrainerCallback: what is told of a run's events, in the order of transformers.
import type { ModuleBase } from "../../nn/index.js";
import type { Optimizer, Scheduler } from "../../optim/index.js";
import type { TrainingArguments } from "../arguments/index.js";
import type { ProcessingClass } from "../options.js";
import type { TrainerControl, TrainerState } from "../state/index.js";
import type { Trainer } from "../trainer.js";

/** Batches that are being trained or evaluated on. A loader over a stream does not know how many there are. */
export type CallbackLoader = AsyncIterable<unknown> & { readonly length?: number };

/** What a handler is given beside arguments, state and control. */
export interface CallbackContext {
  readonly trainer: Trainer;
  readonly model: ModuleBase;
  readonly processingClass: ProcessingClass | undefined;
  readonly optimizer: Optimizer | undefined;
  readonly lrScheduler: Scheduler | undefined;
  /** The loader of the training that runs. */
  readonly trainDataloader: CallbackLoader | undefined;
  /** The loader of the latest evaluation or prediction. */
  readonly evalDataloader: CallbackLoader | undefined;
  /** In onEvaluate and onPredict: what was measured. */
  readonly metrics: Readonly<Record<string, number>> | undefined;
  /** In onLog: what is logged. */
  readonly logs: Readonly<Record<string, number>> | undefined;
}

// biome-ignore lint/suspicious/noConfusingVoidType: a handler without return is one
export type Handled = void | TrainerControl | Promise<void | TrainerControl>;

/**
 * Override the events that you need. A handler may be async: it is awaited before the next one is called. It changes `control`, or returns another one.
 *
 * @example
 * class LossWatch extends TrainerCallback {
 *   override onLog(_args: TrainingArguments, _state: TrainerState, control: TrainerControl, { logs }: CallbackContext) {
 *     if (logs?.loss !== undefined && logs.loss > 10) control.shouldTrainingStop = true;
 *   }
 * }
 * trainer.addCallback(new LossWatch());
 */
export abstract class TrainerCallback {
  /** The Trainer was made. An async handler is awaited by the first method that is. */
  onInitEnd?(args: TrainingArguments, state: TrainerState, control: TrainerControl, context: CallbackContext): Handled;
  onTrainBegin?(args: TrainingArguments, state: TrainerState, control: TrainerControl, context: CallbackContext): Handled;
  onTrainEnd?(args: TrainingArguments, state: TrainerState, control: TrainerControl, context: CallbackContext): Handled;
  onEpochBegin?(args: TrainingArguments, state: TrainerState, control: TrainerControl, context: CallbackContext): Handled;
  onEpochEnd?(args: TrainingArguments, state: TrainerState, control: TrainerControl, context: CallbackContext): Handled;
  /** Before the first micro-batch of an update. */
  onStepBegin?(args: TrainingArguments, state: TrainerState, control: TrainerControl, context: CallbackContext): Handled;
  /** After a micro-batch that is not the last of its update. */
  onSubstepEnd?(args: TrainingArguments, state: TrainerState, control: TrainerControl, context: CallbackContext): Handled;
  /** After clipping, before the optimizer's step. */
  onPreOptimizerStep?(args: TrainingArguments, state: TrainerState, control: TrainerControl, context: CallbackContext): Handled;
  /** After the optimizer's step, before gradients are cleared. */
  onOptimizerStep?(args: TrainingArguments, state: TrainerState, control: TrainerControl, context: CallbackContext): Handled;
  /** After an update. Logging, evaluating and saving follow, in this order. */
  onStepEnd?(args: TrainingArguments, state: TrainerState, control: TrainerControl, context: CallbackContext): Handled;
  /** After an evaluation; once for each of several named sets. */
  onEvaluate?(args: TrainingArguments, state: TrainerState, control: TrainerControl, context: CallbackContext): Handled;
  onPredict?(args: TrainingArguments, state: TrainerState, control: TrainerControl, context: CallbackContext): Handled;
  /** After a checkpoint was written. */
  onSave?(args: TrainingArguments, state: TrainerState, control: TrainerControl, context: CallbackContext): Handled;
  /** After a row was added to the log. */
  onLog?(args: TrainingArguments, state: TrainerState, control: TrainerControl, context: CallbackContext): Handled;
  /** After a batch of an evaluation or prediction. */
  onPredictionStep?(args: TrainingArguments, state: TrainerState, control: TrainerControl, context: CallbackContext): Handled;
}
export type CallbackEvent = keyof TrainerCallback;
export const callbackEvents: readonly CallbackEvent[] = [
  "onInitEnd",
  "onTrainBegin",
  "onTrainEnd",
  "onEpochBegin",
  "onEpochEnd",
  "onStepBegin",
  "onSubstepEnd",
  "onPreOptimizerStep",
  "onOptimizerStep",
  "onStepEnd",
  "onEvaluate",
  "onPredict",
  "onSave",
  "onLog",
  "onPredictionStep",
];
