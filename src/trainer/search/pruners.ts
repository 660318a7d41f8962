// Pruners: which trials are ended early.
import { ArgumentError } from "../../errors.js";
import type { FinishedTrial, Trial } from "./trial.js";

export type SearchDirection = "minimize" | "maximize";

/** Asked after each evaluation of a trial, on the main process. */
export interface Pruner {
  /** `finished`: the trials before it, pruned ones included. */
  shouldPrune(trial: Trial, finished: readonly FinishedTrial[], direction: SearchDirection): boolean;
}

export interface MedianPrunerOptions {
  /** So many trials run to their end first; default 5. */
  readonly nStartupTrials?: number | undefined;
  /** No trial ends before this step; default 0. */
  readonly nWarmupSteps?: number | undefined;
  /** Steps between two looks at a trial; default 1. */
  readonly intervalSteps?: number | undefined;
  /** So many trials must have been evaluated at the same step; default 1. */
  readonly nMinTrials?: number | undefined;
}

const count = (name: string, value: number, least: number): number => {
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new ArgumentError(`MedianPruner: ${name} is ${value}`, { code: "ERR_SEARCH_OPTIONS", hint: `give a whole number from ${least} on` });
};

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return sorted.length % 2 === 1 ? sorted[Math.floor(middle)]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/**
 * Ends a trial whose best evaluation so far is worse than the median of the others at the same step, as optuna's pruner of this name does.
 *
 * @example
 * await trainer.hyperparameterSearch({ hpSpace, pruner: new MedianPruner({ nStartupTrials: 3 }) });
 */
export class MedianPruner implements Pruner {
  readonly #startup: number;
  readonly #warmup: number;
  readonly #interval: number;
  readonly #least: number;

  constructor({ nStartupTrials = 5, nWarmupSteps = 0, intervalSteps = 1, nMinTrials = 1 }: MedianPrunerOptions = {}) {
    this.#startup = count("nStartupTrials", nStartupTrials, 0);
    this.#warmup = count("nWarmupSteps", nWarmupSteps, 0);
    this.#interval = count("intervalSteps", intervalSteps, 1);
    this.#least = count("nMinTrials", nMinTrials, 1);
  }

  shouldPrune(trial: Trial, finished: readonly FinishedTrial[], direction: SearchDirection): boolean {
    const complete = finished.filter(({ outcome }) => outcome === "complete");
    const step = trial.lastStep;
    if (complete.length === 0 || complete.length < this.#startup || step === undefined || step < this.#warmup) return false;
    if (!this.#looks(trial, step)) return false;
    const own = Object.values(trial.intermediateValues).filter((value) => !Number.isNaN(value));
    if (own.length === 0) return true;
    const others = complete.flatMap(({ intermediateValues }) => (Object.hasOwn(intermediateValues, step) ? [intermediateValues[step]!] : []));
    const numbers = others.filter((value) => !Number.isNaN(value));
    if (others.length < this.#least || numbers.length === 0) return false;
    return direction === "maximize" ? Math.max(...own) < median(numbers) : Math.min(...own) > median(numbers);
  }

  /** The first report of an interval. */
  #looks(trial: Trial, step: number): boolean {
    const begin = Math.floor((step - this.#warmup) / this.#interval) * this.#interval + this.#warmup;
    const earlier = Object.keys(trial.intermediateValues)
      .map(Number)
      .filter((other) => other !== step);
    return Math.max(-1, ...earlier) < begin;
  }
}
