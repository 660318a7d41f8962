// When a training logs, evaluates, saves and ends: transformers' rules.
import type { TrainingArguments } from "../arguments/index.js";
import type { TrainerControl, TrainerState } from "../state/index.js";
import { TrainerCallback } from "./trainer-callback.js";

/**
 * The first callback of every Trainer: sets the flags of control as the arguments say. One that the user gives takes its place.
 *
 * @example
 * class ByStepsAlone extends DefaultFlowCallback {
 *   override onEpochEnd(): void {} // nothing at the ends of epochs
 * }
 * const trainer = new Trainer({ model, args, trainDataset, callbacks: [new ByStepsAlone()] });
 */
export class DefaultFlowCallback extends TrainerCallback {
  override onStepEnd(args: TrainingArguments, state: TrainerState, control: TrainerControl): void {
    const step = state.globalStep;
    const evaluates = args.evalStrategy === "steps" && args.evalDelay <= step;
    if (step === 1 && args.loggingFirstStep) control.shouldLog = true;
    if (args.loggingStrategy === "steps" && step % state.loggingSteps === 0) control.shouldLog = true;
    if (evaluates && step % state.evalSteps === 0) control.shouldEvaluate = true;
    if (args.saveStrategy === "steps" && state.saveSteps > 0 && step % state.saveSteps === 0) control.shouldSave = true;
    if (step < state.maxSteps) return;
    // The last step is evaluated and saved in any case.
    control.shouldTrainingStop = true;
    if (evaluates) control.shouldEvaluate = true;
    if (args.saveStrategy === "steps") control.shouldSave = true;
  }
  override onEpochEnd(args: TrainingArguments, state: TrainerState, control: TrainerControl): void {
    if (args.loggingStrategy === "epoch") control.shouldLog = true;
    if (args.evalStrategy === "epoch" && args.evalDelay <= state.epoch) control.shouldEvaluate = true;
    if (args.saveStrategy === "epoch") control.shouldSave = true;
  }
}
