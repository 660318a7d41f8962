// Arguments that differ from those of the run that is gone on: said once, as transformers does.
import type { TrainerState } from "../state/index.js";
import type { Trainer } from "../trainer.js";
import { tell } from "./tell.js";

/** Tells what differs between the arguments and a checkpoint's state. */
export function compareArguments(trainer: Trainer, state: TrainerState): void {
  const { args } = trainer;
  const pairs = [
    ["loggingSteps", args.loggingSteps, state.loggingSteps],
    ["evalSteps", args.evalSteps, state.evalSteps],
    ["saveSteps", args.saveSteps, state.saveSteps],
    ["perDeviceTrainBatchSize", args.perDeviceTrainBatchSize, state.trainBatchSize],
  ] as const;
  // What was given as a part of all steps is a number of them in the state.
  const differ = pairs.filter(([, mine, theirs]) => mine !== undefined && mine !== null && theirs !== undefined && mine !== theirs && !(mine < 1 && mine > 0));
  if (differ.length === 0) return;
  const lines = differ.map(([name, mine, theirs]) => `\n\t${name}: ${mine} (from args) != ${theirs} (from trainer_state.json)`);
  tell(trainer, `Warning: The following arguments do not match the ones in the trainer_state.json within the checkpoint directory: ${lines.join("")}`);
}
