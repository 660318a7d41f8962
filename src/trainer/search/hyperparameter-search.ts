// hyperparameterSearch: several runs with values of their own, and which of them was the best.
import { join } from "node:path";
import { ArgumentError } from "../../errors.js";
import type { TrainingArgumentsOptions } from "../arguments/index.js";
import type { Metrics, Trial } from "../options.js";
import { say } from "../say.js";
import type { Trainer } from "../trainer.js";
import { defaultSpace, type SearchSpace, trialsOf } from "./space.js";

export interface HyperparameterSearchOptions {
  /** Values by names of arguments; `modelInit` gets them, too. Default: transformers' for optuna. */
  readonly hpSpace?: SearchSpace | undefined;
  /** What of an evaluation's metrics is to be small, or large. Default: the loss where there is nothing else, else the sum of the scores. */
  readonly computeObjective?: ((metrics: Metrics) => number) | undefined;
  /** Default 20. */
  readonly nTrials?: number | undefined;
  /** Default "minimize". */
  readonly direction?: "minimize" | "maximize" | undefined;
  /** The folder of a trial in `outputDir`; default `run-<number>`. */
  readonly hpName?: ((trial: Trial, number: number) => string) | undefined;
}
export interface BestRun {
  /** The number of the trial, from 0. */
  readonly runId: string;
  readonly objective: number;
  readonly hyperparameters: Trial;
}

const speeds = /_(runtime|per_second)$/;

/** As transformers' default: eval_loss, or the sum of all other metrics where there are any. */
export function defaultObjective(metrics: Readonly<Metrics>): number {
  const { eval_loss: loss, epoch: _, ...others } = metrics;
  const scores = Object.entries(others).filter(([name]) => !speeds.test(name));
  return scores.length > 0 ? scores.reduce((sum, [, value]) => sum + value, 0) : (loss ?? Number.NaN);
}

/** Names that are no arguments are for `modelInit` alone. */
const ofArguments = (trial: Trial, args: object): TrainingArgumentsOptions => Object.fromEntries(Object.entries(trial).filter(([name]) => name in args));

/** Trials one after the other, on all workers alike; each begins with the model of `modelInit`. The Trainer keeps the model and the state of the last one, and has its own arguments again. */
export async function hyperparameterSearch(trainer: Trainer, options: HyperparameterSearchOptions): Promise<BestRun> {
  const {
    hpSpace = defaultSpace,
    computeObjective = defaultObjective,
    nTrials = 20,
    direction = "minimize",
    hpName = (_, number) => `run-${number}`,
  } = options;
  if (!trainer.modelInit)
    throw new ArgumentError("hyperparameterSearch begins each trial with a new model", { code: "ERR_TRAINER_SEARCH", hint: "give modelInit instead of model" });
  if (!Number.isInteger(nTrials) || nTrials < 1)
    throw new ArgumentError(`nTrials is ${nTrials}`, { code: "ERR_TRAINER_SEARCH", hint: "give a whole number from 1 on" });
  const own = trainer.args;
  const better = direction === "minimize" ? (a: number, b: number) => a < b : (a: number, b: number) => a > b;
  let best: BestRun | undefined;
  try {
    for (const [number, trial] of trialsOf(hpSpace, { nTrials, seed: own.seed }).entries()) {
      trainer.args = own.with({ ...ofArguments(trial, own), outputDir: join(own.outputDir, hpName(trial, number)) });
      trainer.trainBatchSize = trainer.args.trainBatchSize;
      say(trainer, "info", `trial ${number}: ${JSON.stringify(trial)}`);
      await trainer.train({ trial });
      const objective = computeObjective({ ...(lastEvaluation(trainer) ?? (await trainer.evaluate())) });
      say(trainer, "info", `trial ${number}: objective ${objective}`);
      if (Number.isFinite(objective) && (!best || better(objective, best.objective))) best = { runId: String(number), objective, hyperparameters: trial };
    }
  } finally {
    trainer.args = own;
    trainer.trainBatchSize = own.trainBatchSize;
  }
  if (best) return best;
  throw new ArgumentError("no trial has given an objective that is a number", {
    code: "ERR_TRAINER_SEARCH",
    hint: "look at computeObjective and at the losses",
  });
}

/** Metrics of the last evaluation of the run, without what the log adds. */
function lastEvaluation({ state }: Trainer): Metrics | undefined {
  const entry = state.logHistory.findLast((row) => Object.keys(row).some((name) => name.startsWith("eval_")));
  if (!entry) return undefined;
  const { step: _, ...metrics } = entry;
  return metrics;
}
