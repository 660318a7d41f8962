// hpSpace: which values a search tries, said as a function or as lists and ranges.
import type { Distribution, TrialValue } from "./distribution.js";
import { spaceFault } from "./faults.js";
import type { Trial } from "./trial.js";

/** Numbers from low to high: in steps where there is a step. */
export interface SearchRange {
  readonly low: number;
  readonly high: number;
  readonly log?: boolean | undefined;
  readonly step?: number | undefined;
}
/** Lists and ranges by name. */
export type SearchLists = Readonly<Record<string, readonly TrialValue[] | SearchRange>>;
/** Suggests values and gives those of training arguments, by their names in either spelling. */
export type SearchFunction = (trial: Trial) => Readonly<Record<string, unknown>> | Promise<Readonly<Record<string, unknown>>>;

/**
 * What is tried where nothing is said: transformers' space for optuna.
 *
 * @example
 * const hpSpace = (trial: Trial) => ({ ...defaultHpSpace(trial), weightDecay: trial.suggestFloat("weightDecay", 0, 0.1) });
 */
export const defaultHpSpace = (trial: Trial): { learningRate: number; numTrainEpochs: number; seed: number; perDeviceTrainBatchSize: number } => ({
  learningRate: trial.suggestFloat("learningRate", 1e-6, 1e-4, { log: true }),
  numTrainEpochs: trial.suggestInt("numTrainEpochs", 1, 5),
  seed: trial.suggestInt("seed", 1, 40),
  perDeviceTrainBatchSize: trial.suggestCategorical("perDeviceTrainBatchSize", [4, 8, 16, 32, 64]),
});

const isList = (given: readonly TrialValue[] | SearchRange): given is readonly TrialValue[] => Array.isArray(given);

/** @throws ArgumentError ERR_SEARCH_SPACE */
export function distributionOf(name: string, given: readonly TrialValue[] | SearchRange): Distribution {
  if (isList(given)) return { kind: "categorical", choices: given };
  if (typeof given !== "object" || given === null || !("low" in given) || !("high" in given))
    throw spaceFault(`${name} is ${JSON.stringify(given) ?? typeof given}`, "give a list of values, or { low, high }");
  const { low, high, log = false, step } = given;
  return { kind: "float", low, high, log, step };
}

/** @throws ArgumentError ERR_SEARCH_SPACE for a space without names */
export function checkLists(lists: SearchLists): void {
  if (typeof lists !== "object" || lists === null || Array.isArray(lists))
    throw spaceFault("it is no function and no record", "give { learningRate: [1e-5, 3e-5] }");
  if (Object.keys(lists).length === 0) throw spaceFault("it is empty", "name at least one argument and its values");
}

const suggested = (trial: Trial, name: string, distribution: Distribution): TrialValue =>
  distribution.kind === "categorical"
    ? trial.suggestCategorical(name, distribution.choices)
    : trial.suggestFloat(name, distribution.low, distribution.high, { log: distribution.log, step: distribution.step });

/** A function that suggests all of them. */
export function functionOf(lists: SearchLists): SearchFunction {
  checkLists(lists);
  const all = Object.entries(lists).map(([name, given]) => [name, distributionOf(name, given)] as const);
  return (trial) => Object.fromEntries(all.map(([name, distribution]) => [name, suggested(trial, name, distribution)]));
}
