// Flags by which callbacks steer the training.
import type { CallbackState, ExportableState } from "./exportable.js";

/**
 * What the training does next. A callback changes the flags of the object that it is given, or returns another one. All workers must set the same flags: what only one of them can know, such as its
 * clock, they agree on first.
 *
 * @example
 * class StopAtNoon extends TrainerCallback {
 *   override async onStepEnd(_args: TrainingArguments, _state: TrainerState, control: TrainerControl, { trainer }: CallbackContext) {
 *     if (new Date().getHours() >= 12) trainer.accelerator.setTrigger();
 *     if (await trainer.accelerator.checkTrigger()) control.shouldTrainingStop = true;
 *   }
 * }
 */
export class TrainerControl implements ExportableState {
  /** The training ends after this step; cleared when a training begins. */
  shouldTrainingStop: boolean;
  /** The epoch ends after this step; cleared when an epoch begins. */
  shouldEpochStop: boolean;
  /** Save at this step; cleared by saving and at the next step. */
  shouldSave: boolean;
  /** Evaluate at this step; cleared by evaluating and at the next step. */
  shouldEvaluate: boolean;
  /** Log at this step; cleared by logging and at the next step. */
  shouldLog: boolean;

  constructor(flags: Partial<Pick<TrainerControl, "shouldTrainingStop" | "shouldEpochStop" | "shouldSave" | "shouldEvaluate" | "shouldLog">> = {}) {
    this.shouldTrainingStop = flags.shouldTrainingStop ?? false;
    this.shouldEpochStop = flags.shouldEpochStop ?? false;
    this.shouldSave = flags.shouldSave ?? false;
    this.shouldEvaluate = flags.shouldEvaluate ?? false;
    this.shouldLog = flags.shouldLog ?? false;
  }

  state(): CallbackState {
    return {
      args: {
        should_training_stop: this.shouldTrainingStop,
        should_epoch_stop: this.shouldEpochStop,
        should_save: this.shouldSave,
        should_evaluate: this.shouldEvaluate,
        should_log: this.shouldLog,
      },
      attributes: {},
    };
  }
}
