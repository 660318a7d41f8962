// What a value is drawn from: numbers between two bounds, or a list.
import { spaceFault } from "./faults.js";

/** A value that a trial can have. */
export type TrialValue = string | number | boolean | null;

/** Numbers from low to high, both included where there is a step; `log`: drawn evenly by size, 1e-6 to 1e-5 as often as 1e-5 to 1e-4. */
export interface FloatDistribution {
  readonly kind: "float";
  readonly low: number;
  readonly high: number;
  readonly log: boolean;
  readonly step: number | undefined;
}
/** Whole numbers from low to high, both included. */
export interface IntDistribution {
  readonly kind: "int";
  readonly low: number;
  readonly high: number;
  readonly log: boolean;
  readonly step: number;
}
/** One of a list. */
export interface CategoricalDistribution {
  readonly kind: "categorical";
  readonly choices: readonly TrialValue[];
}
export type Distribution = FloatDistribution | IntDistribution | CategoricalDistribution;

export const isTrialValue = (value: unknown): value is TrialValue =>
  value === null || ["string", "boolean"].includes(typeof value) || (typeof value === "number" && Number.isFinite(value));

/** @throws ArgumentError ERR_SEARCH_SPACE */
export function checkDistribution(name: string, distribution: Distribution): void {
  if (typeof name !== "string" || name === "")
    throw spaceFault(`a value has the name ${JSON.stringify(name) ?? String(name)}`, "name it for a training argument");
  if (distribution.kind === "categorical") {
    const { choices } = distribution;
    if (!Array.isArray(choices) || choices.length === 0) throw spaceFault(`${name} has no values`, "give a list of at least one");
    const wrong = choices.findIndex((choice) => !isTrialValue(choice));
    if (wrong >= 0) throw spaceFault(`value ${wrong} of ${name} is ${typeof choices[wrong]}`, "give finite numbers, texts, true, false or null");
    return;
  }
  const { low, high, log, step, kind } = distribution;
  const fits = kind === "int" ? Number.isSafeInteger : Number.isFinite;
  if (!fits(low) || !fits(high) || low > high)
    throw spaceFault(`${name} goes from ${low} to ${high}`, `give ${kind === "int" ? "whole" : "finite"} numbers, the lower one first`);
  if (log && !(low > 0)) throw spaceFault(`${name} goes from ${low} on, by size`, "give a low above 0, or leave log out");
  if (step !== undefined && !(fits(step) && step > 0))
    throw spaceFault(`${name} has the step ${step}`, `give a ${kind === "int" ? "whole " : ""}number above 0`);
  if (log && step !== undefined && !(kind === "int" && step === 1)) throw spaceFault(`${name} has both log and step`, "give one of them");
}

const between = (value: number, low: number, high: number): number => Math.min(high, Math.max(low, value));
/** What sums of steps may be beside the number that is meant: 0.1 + 4.8 is below 4.9, the last of tenths. */
const lostIn = (step: number | undefined): number => (step ?? 0) * 1e-9;
const stepsIn = (low: number, high: number, step: number): number => Math.floor((high - low + lostIn(step)) / step);
/** Without the last bits that additions leave: 0.1 + 2 * 0.1 is 0.3. */
const stepAt = (low: number, step: number, index: number): number => Number((low + index * step).toPrecision(15));
const bySize = (low: number, high: number, part: number): number => Math.exp(Math.log(low) + part * (Math.log(high) - Math.log(low)));

/** All values, where there are finitely many and they are few. */
export function valuesOf(distribution: Distribution): readonly TrialValue[] | undefined {
  if (distribution.kind === "categorical") return distribution.choices;
  const { low, high, step } = distribution;
  if (step === undefined) return low === high ? [low] : undefined;
  return Array.from({ length: stepsIn(low, high, step) + 1 }, (_, index) => stepAt(low, step, index));
}

/** The value at a point of 0 to (not including) 1: points that are spread evenly give draws of the distribution. */
export function valueAt(distribution: Distribution, point: number): TrialValue {
  if (distribution.kind === "categorical") return distribution.choices[Math.floor(point * distribution.choices.length)]!;
  const { kind, low, high, log, step } = distribution;
  // Each whole number has the room of half a step on both sides.
  if (log) return kind === "int" ? between(Math.round(bySize(low - 0.5, high + 0.5, point)), low, high) : between(bySize(low, high, point), low, high);
  if (step !== undefined) return stepAt(low, step, Math.floor(point * (stepsIn(low, high, step) + 1)));
  return between(low + point * (high - low), low, high);
}

/** Whether a value could have been drawn. Steps are not asked for: other backends have grids of their own. */
export function contains(distribution: Distribution, value: TrialValue): boolean {
  if (distribution.kind === "categorical") return distribution.choices.includes(value);
  if (typeof value !== "number" || (distribution.kind === "int" && !Number.isInteger(value))) return false;
  const { low, high, step } = distribution;
  return value >= low - lostIn(step) && value <= high + lostIn(step);
}
