// Objectives: the numbers by which trials are compared, and which of the trials are best by them.
import type { Metrics } from "../options.js";
import { searchFault } from "./faults.js";
import type { SearchDirection } from "./pruners.js";
import type { FinishedTrial } from "./trial.js";

/**
 * The evaluation's loss where it has no other scores, else their sum; what it took does not count.
 *
 * @example
 * defaultComputeObjective({ eval_loss: 0.3, eval_accuracy: 0.9, eval_f1: 0.8, eval_runtime: 12 }); // 1.7
 */
export function defaultComputeObjective(metrics: Readonly<Metrics>): number {
  const { eval_loss: loss, epoch: _, ...others } = metrics;
  const scores = Object.entries(others).filter(([name]) => !name.endsWith("_runtime") && !name.endsWith("_per_second"));
  return scores.length > 0 ? scores.reduce((sum, [, value]) => sum + value, 0) : (loss ?? Number.NaN);
}

/** @throws ArgumentError ERR_SEARCH_OBJECTIVE for what is not one number for each direction */
export function checkedObjective(given: unknown, directions: readonly SearchDirection[], metrics: Metrics): readonly number[] {
  const values: readonly unknown[] = Array.isArray(given) ? given : [given];
  if (values.length === directions.length && values.every((value) => typeof value === "number")) return values as readonly number[];
  const wanted = directions.length === 1 ? "a number" : `${directions.length} numbers, one for each direction`;
  throw searchFault(
    `computeObjective gave ${JSON.stringify(given) ?? typeof given}`,
    `it must give ${wanted}, of ${Object.keys(metrics).join(", ")}`,
    "ERR_SEARCH_OBJECTIVE",
  );
}

const isBetter = (a: number, b: number, direction: SearchDirection): boolean => (direction === "minimize" ? a < b : a > b);

/** Whether a is better in something and worse in nothing. */
function dominates(a: readonly number[], b: readonly number[], directions: readonly SearchDirection[]): boolean {
  return directions.some((direction, i) => isBetter(a[i]!, b[i]!, direction)) && !directions.some((direction, i) => isBetter(b[i]!, a[i]!, direction));
}

/** The trials that no other one dominates: the first of the best where there is one direction. */
export function bestOf(trials: readonly FinishedTrial[], directions: readonly SearchDirection[]): readonly FinishedTrial[] {
  const complete = trials.filter(({ outcome }) => outcome === "complete");
  const best = complete.filter(({ values }) => !complete.some((other) => dominates(other.values, values, directions)));
  return directions.length === 1 ? best.slice(0, 1) : best;
}
