// Backends: where the values of trials come from.
import { createHash } from "node:crypto";
import { didYouMean } from "../../similar.js";
import { checkDistribution, type Distribution, type TrialValue, valueAt, valuesOf } from "./distribution.js";
import { searchFault, spaceFault } from "./faults.js";
import { checkLists, distributionOf, type SearchLists } from "./spaces.js";
import type { FinishedTrial, TrialParams } from "./trial.js";

/**
 * A source of values, called on the main process alone; the other workers are told what it says. It needs `ask` or `suggest`.
 *
 * @example
 * const backend: SearchBackend = {
 *   ask: (number, finished) => optimizer.next(),
 *   tell: ({ params, values: [objective] }) => optimizer.learn(params, objective),
 * };
 */
export interface SearchBackend {
  /** How many trials there are, where `nTrials` says nothing. */
  readonly size?: number | undefined;
  /** The values of a trial before it begins; undefined: the search is over. */
  ask?(number: number, finished: readonly FinishedTrial[]): TrialParams | undefined | Promise<TrialParams | undefined>;
  /** A value that `hpSpace` suggests, and `ask` has not given. */
  suggest?(name: string, distribution: Distribution, number: number): TrialValue;
  /** A trial is over. */
  tell?(trial: FinishedTrial): void | Promise<void>;
}
export type AskFunction = NonNullable<SearchBackend["ask"]>;

const fault = (message: string, hint: string): Error => searchFault(message, hint, "ERR_SEARCH_BACKEND");

const reasons: Readonly<Record<string, string>> = {
  optuna: "it is a Python library",
  ray: "it is a Python library",
  sigopt: "its service has ended, and transformers has taken it out",
  wandb: "its sweeps are led by a Python agent",
};

/** Draws each value for itself: a trial has the same ones whatever came before it, and whatever else is suggested. */
export const randomBackend = (seed: number): SearchBackend => ({
  suggest: (name, distribution, number) => {
    const digest = createHash("sha256")
      .update(JSON.stringify([seed, number, name]))
      .digest();
    // 53 bits, as many as a number has.
    return valueAt(distribution, Number(digest.readBigUInt64LE() >> 11n) / 2 ** 53);
  },
});

/** All combinations; the last name changes first. */
export function gridBackend(lists: SearchLists): SearchBackend {
  checkLists(lists);
  const all = Object.entries(lists).map(([name, given]) => {
    const distribution = distributionOf(name, given);
    checkDistribution(name, distribution);
    const values = valuesOf(distribution);
    if (!values) throw spaceFault(`${name} is a range without a step, which no grid can hold`, "give a list or a step");
    return [name, values] as const;
  });
  const size = all.reduce((product, [, values]) => product * values.length, 1);
  return {
    size,
    ask: (number) => {
      if (number >= size) return undefined;
      let rest = number;
      const chosen = all.toReversed().map(([name, values]): [string, TrialValue] => {
        const value = values[rest % values.length]!;
        rest = Math.floor(rest / values.length);
        return [name, value];
      });
      return Object.fromEntries(chosen.reverse());
    },
  };
}

export interface BackendChoice {
  readonly backend: string | SearchBackend | AskFunction;
  readonly hpSpace: unknown;
  readonly seed: number;
}

/** @throws ArgumentError ERR_SEARCH_BACKEND for what is none; ERR_SEARCH_SPACE */
export function chosenBackend({ backend, hpSpace, seed }: BackendChoice): SearchBackend {
  if (typeof backend === "function") return { ask: backend };
  if (backend === "random") return randomBackend(seed);
  if (backend === "grid") {
    if (typeof hpSpace === "object" && hpSpace !== null) return gridBackend(hpSpace as SearchLists);
    throw fault('backend "grid" needs lists', "give hpSpace: { learningRate: [1e-5, 3e-5], seed: [1, 2] }");
  }
  if (typeof backend === "string") {
    const reason = Object.hasOwn(reasons, backend) ? reasons[backend] : undefined;
    const known = ["random", "grid"];
    if (reason === undefined)
      throw fault(`there is no backend "${backend}"${didYouMean(backend, known)}`, 'give "random", "grid", or an object with ask or suggest');
    throw fault(`backend "${backend}" is not supported: ${reason}`, '"random" and "grid" are here; an object with ask and tell can be any other');
  }
  if (typeof backend?.ask === "function" || typeof backend?.suggest === "function") return backend;
  throw fault("the backend has neither ask nor suggest", "give an object with one of them");
}
