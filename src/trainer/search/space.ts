// Which values a search tries: all combinations of lists, or draws from lists and ranges.
import { Pcg64 } from "../../data/index.js";
import { ArgumentError } from "../../errors.js";
import type { Trial } from "../options.js";

type Value = string | number | boolean;
/** Numbers from min to max, both included. */
export interface SearchRange {
  readonly min: number;
  readonly max: number;
  /** Whole multiples of it above min; 1 for whole numbers. */
  readonly step?: number;
  /** Drawn evenly by size (1e-6 to 1e-5 as often as 1e-5 to 1e-4) instead of by value. */
  readonly log?: boolean;
}
/** Values by the names of training arguments, or of whatever `modelInit` makes of them. */
export type SearchSpace = Readonly<Record<string, readonly Value[] | SearchRange>>;

/** What transformers tries with optuna where nothing is said. */
export const defaultSpace: SearchSpace = {
  learningRate: { min: 1e-6, max: 1e-4, log: true },
  numTrainEpochs: { min: 1, max: 5, step: 1 },
  seed: { min: 1, max: 40, step: 1 },
  perDeviceTrainBatchSize: [4, 8, 16, 32, 64],
};

const isList = (values: readonly Value[] | SearchRange): values is readonly Value[] => Array.isArray(values);

/** @throws ArgumentError ERR_SEARCH_SPACE */
function check(space: SearchSpace): void {
  const fault = (name: string, what: string, hint: string) => new ArgumentError(`hpSpace: ${name} ${what}`, { code: "ERR_SEARCH_SPACE", hint });
  if (Object.keys(space).length === 0)
    throw new ArgumentError("hpSpace is empty", { code: "ERR_SEARCH_SPACE", hint: "name at least one argument and its values" });
  for (const [name, values] of Object.entries(space)) {
    if (isList(values)) {
      if (values.length === 0) throw fault(name, "has no values", "give at least one");
    } else if (!(values.min <= values.max)) throw fault(name, `goes from ${values.min} to ${values.max}`, "give { min, max } with min at most max");
    else if (values.log && !(values.min > 0)) throw fault(name, `goes from ${values.min} on, by size`, "give a min above 0, or leave log out");
    else if (values.step !== undefined && !(values.step > 0)) throw fault(name, `has the step ${values.step}`, "give a number above 0");
  }
}

function drawn(values: readonly Value[] | SearchRange, random: Pcg64): Value {
  if (isList(values)) return values[Math.floor(random.nextDouble() * values.length)]!;
  const { min, max, step, log = false } = values;
  if (step !== undefined) return min + step * Math.floor(random.nextDouble() * (Math.floor((max - min) / step + 1e-9) + 1));
  if (!log) return min + random.nextDouble() * (max - min);
  return Math.min(max, Math.max(min, Math.exp(Math.log(min) + random.nextDouble() * (Math.log(max) - Math.log(min)))));
}

/** The trials of a search, the same for the same seed. Lists alone make a grid, of which all are tried where `nTrials` is enough for it; else each trial is drawn. */
export function trialsOf(space: SearchSpace, { nTrials, seed }: { readonly nTrials: number; readonly seed: number }): Trial[] {
  check(space);
  const entries = Object.entries(space);
  const size = entries.reduce((product, [, values]) => product * (isList(values) ? values.length : Number.POSITIVE_INFINITY), 1);
  if (size <= nTrials)
    return entries.reduce<Trial[]>(
      (trials, [name, values]) => trials.flatMap((trial) => (values as readonly Value[]).map((value) => ({ ...trial, [name]: value }))),
      [{}],
    );
  const random = new Pcg64(seed);
  return Array.from({ length: nTrials }, () => Object.fromEntries(entries.map(([name, values]) => [name, drawn(values, random)])));
}
