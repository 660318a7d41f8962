// The losses between two logs, and what follows a step: logs, evaluation, checkpoint.
import { isOutOfMemory } from "../../accelerator/memory/memory-errors.js";
import { ArgumentError } from "../../errors.js";
import { determineBestMetric, saveCheckpoint } from "../checkpoints/index.js";
import type { Metrics } from "../options.js";
import { fromData } from "../../tensor/index.js";
import type { Trainer } from "../trainer.js";
import { storeFlos } from "./flops.js";

/** Sums losses as numbers: no graph is kept. */
export class LossesLogged {
  /** Since the last log, of this worker. */
  sum = 0;
  /** Of all that was logged. */
  total = 0;
  /** The step of the last log. */
  lastStep = 0;
  /** Where this call of `train` began. */
  firstStep = 0;
  firstTokens = 0;

  begin({ globalStep, numInputTokensSeen }: { readonly globalStep: number; readonly numInputTokensSeen: number }): void {
    [this.sum, this.total] = [0, 0];
    [this.firstStep, this.lastStep] = [globalStep, globalStep];
    this.firstTokens = numInputTokensSeen;
  }
  /** With `filters` a loss that is not finite counts as the mean of those before it. */
  add(loss: number, { step, filters }: { readonly step: number; readonly filters: boolean }): void {
    this.sum += filters && !Number.isFinite(loss) ? this.sum / (1 + step - this.lastStep) : loss;
  }
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

/** The mean over the workers. */
async function overWorkers({ accelerator }: Trainer, sum: number): Promise<number> {
  if (accelerator.numProcesses === 1) return sum;
  const [mean] = await accelerator.reduce([fromData(Float64Array.of(sum), [1], "float64")], "mean");
  return Number((await mean!.data())[0]);
}

async function logLosses(trainer: Trainer, { gradNorm, learningRate, startTime }: StepResults): Promise<void> {
  const { lossesLogged: losses, state } = trainer;
  const sum = await overWorkers(trainer, losses.sum);
  losses.sum = 0;
  const logs: Metrics = { loss: sum / (state.globalStep - losses.lastStep) };
  if (gradNorm !== undefined) logs.grad_norm = gradNorm;
  logs.learning_rate = learningRate ?? trainer.getLearningRate();
  losses.total += sum;
  losses.lastStep = state.globalStep;
  await storeFlos(trainer);
  await trainer.log(logs, startTime);
}

/** Evaluates, and steps a scheduler that follows a metric. */
export async function evaluateInTraining(
  trainer: Trainer,
  ignoreKeys: readonly string[] | undefined,
  { stepsScheduler }: { readonly stepsScheduler: boolean },
): Promise<Metrics> {
  const metrics = await trainer.evaluate({ ignoreKeys }).catch((cause: unknown) => {
    // A smaller batch to train on would not help: this error must not look like one of memory, nor be caused by one.
    if (!trainer.args.autoFindBatchSize || !isOutOfMemory(cause)) throw cause;
    throw new ArgumentError("an evaluation does not fit into memory, and autoFindBatchSize is for the batches of the training alone", {
      code: "ERR_TRAINER_EVALUATION_MEMORY",
      hint: `lower perDeviceEvalBatchSize, ${trainer.args.perDeviceEvalBatchSize}`,
    });
  });
  const given: unknown = metrics;
  if (typeof given !== "object" || given === null)
    throw new ArgumentError(`evaluate gave ${String(given)}`, { code: "ERR_METRIC_VALUES", hint: "return the metrics: return super.evaluate(options)" });
  await trainer.trialRun?.report(trainer, metrics);
  if (stepsScheduler) trainer.stepPlateau(metrics);
  return metrics;
}

export async function maybeLogSaveEvaluate(trainer: Trainer, results: StepResults): Promise<void> {
  if (trainer.control.shouldLog && trainer.state.globalStep > trainer.lossesLogged.lastStep) await logLosses(trainer, results);
  if (trainer.control.shouldEvaluate) {
    const metrics = await evaluateInTraining(trainer, results.ignoreKeysForEval, { stepsScheduler: true });
    const isBest = determineBestMetric(trainer, metrics);
    if (trainer.args.saveStrategy === "best") trainer.control.shouldSave = isBest;
  }
  if (trainer.control.shouldSave) {
    await saveCheckpoint(trainer);
    await trainer.callEvent("onSave");
  }
}
