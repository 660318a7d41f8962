// The losses between two logs, and what follows a step: logs, evaluation, checkpoint.
import type { Trainer } from "../trainer.js";

/** Sums losses without keeping their graphs. */
export class LossesLogged {
  /** Since the last log. */
  sum = 0;
  /** Of all that was logged. */
  total = 0;
  /** The step of the last log. */
  lastStep = 0;
  /** Where this call of `train` began. */
  firstStep = 0;
  firstTokens = 0;
}

/** What the last step had. */
export interface StepResults {
  readonly gradNorm: number | undefined;
  /** The rate that it was made with. */
  readonly learningRate: number | undefined;
  /** As of performance.now(). */
  readonly startTime: number;
  readonly ignoreKeysForEval: readonly string[] | undefined;
}

export async function maybeLogSaveEvaluate(_trainer: Trainer, _results: StepResults): Promise<void> {}
