// What a search is told, and what it gives.
import { checkNames, type OptionNames } from "../../option-names.js";
import type { TrainingArguments } from "../arguments/index.js";
import type { Metrics } from "../options.js";
import type { Trainer } from "../trainer.js";
import { type AskFunction, chosenBackend, type SearchBackend } from "./backends.js";
import { searchFault } from "./faults.js";
import { defaultComputeObjective } from "./objective.js";
import { MedianPruner, type Pruner, type SearchDirection } from "./pruners.js";
import { defaultHpSpace, functionOf, type SearchFunction, type SearchLists } from "./spaces.js";
import type { FinishedTrial, Trial, TrialParams } from "./trial.js";

export type ComputeObjective = (metrics: Metrics) => number | readonly number[] | Promise<number | readonly number[]>;

export interface HyperparameterSearchOptions<D extends SearchDirection | readonly SearchDirection[] = SearchDirection | readonly SearchDirection[]> {
  /**
   * What is tried: a function that suggests values and gives those of training arguments by name, or lists and ranges. Default: `defaultHpSpace`; all that a backend with `ask` gives. Names that are
   * no training arguments are for `modelInit` alone.
   */
  readonly hpSpace?: SearchFunction | SearchLists | undefined;
  /** What of an evaluation's metrics is to be small, or large; a number for each direction. Default: `defaultComputeObjective`. */
  readonly computeObjective?: ComputeObjective | undefined;
  /** Default 20; a grid: all of it. */
  readonly nTrials?: number | undefined;
  /** Default "minimize". Several: the search gives all runs that no other run is better than in everything. */
  readonly direction?: D | undefined;
  /** "random" (the default), "grid" for all combinations of lists, or a source of one's own. */
  readonly backend?: "random" | "grid" | SearchBackend | AskFunction | undefined;
  /** The name of a trial: of its folder in `outputDir`, and in trainer_state.json. Default: the folder is `run-<number>`. */
  readonly hpName?: ((trial: Trial) => string) | undefined;
  /** Ends trials early that evaluate badly. Default: none does. */
  readonly pruner?: "median" | Pruner | undefined;
  /** Of "random"; default: the arguments' seed. */
  readonly seed?: number | undefined;
  /** Ends the search after the step that runs, on whichever workers it is given: it throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** The best run of a search. */
export interface BestRun<O = number> {
  /** The number of the trial, from 0. */
  readonly runId: string;
  /** Of the trial's last evaluation. */
  readonly objective: O;
  readonly hyperparameters: TrialParams;
  /** All trials, in order. */
  readonly runSummary: readonly FinishedTrial[];
  /** The Trainer's arguments with the values of the run: `trainer.args = best.args` and `train()` make it again. */
  readonly args: TrainingArguments;
}

/** @internal What a search goes by. */
export interface SearchPlan {
  readonly nTrials: number;
  readonly directions: readonly SearchDirection[];
  readonly backend: SearchBackend;
  /** undefined: what the backend says, as it is. */
  readonly space: SearchFunction | undefined;
  readonly computeObjective: ComputeObjective;
  readonly hpName: ((trial: Trial) => string) | undefined;
  readonly pruner: Pruner | undefined;
  readonly signal: AbortSignal | undefined;
  /** `direction` was a list. */
  readonly several: boolean;
}

const names: OptionNames<HyperparameterSearchOptions> = {
  hpSpace: true,
  computeObjective: true,
  nTrials: true,
  direction: true,
  backend: true,
  hpName: true,
  pruner: true,
  seed: true,
  signal: true,
};

function directionsOf(direction: SearchDirection | readonly SearchDirection[]): readonly SearchDirection[] {
  const all: readonly unknown[] = Array.isArray(direction) ? direction : [direction];
  const wrong = all.find((one) => one !== "minimize" && one !== "maximize");
  if (wrong === undefined && all.length > 0) return all as readonly SearchDirection[];
  throw searchFault(`direction is ${JSON.stringify(direction)}`, 'give "minimize", "maximize", or a list of them');
}

function prunerOf(pruner: HyperparameterSearchOptions["pruner"], directions: readonly SearchDirection[]): Pruner | undefined {
  if (pruner === undefined) return undefined;
  if (directions.length > 1) throw searchFault("a pruner compares one number, and there are several directions", "leave pruner out");
  if (pruner === "median") return new MedianPruner();
  if (typeof pruner?.shouldPrune === "function") return pruner;
  throw searchFault(`pruner is ${JSON.stringify(pruner)}`, 'give "median" or an object with shouldPrune');
}

function spaceOf(hpSpace: HyperparameterSearchOptions["hpSpace"], backend: SearchBackend): SearchFunction | undefined {
  if (typeof hpSpace === "function") return hpSpace;
  if (hpSpace !== undefined) return functionOf(hpSpace);
  return backend.ask ? undefined : defaultHpSpace;
}

function checkFunctions(options: HyperparameterSearchOptions): void {
  for (const name of ["computeObjective", "hpName"] as const)
    if (options[name] !== undefined && typeof options[name] !== "function") throw searchFault(`${name} is ${JSON.stringify(options[name])}`, "give a function");
  const { seed, signal } = options;
  if (seed !== undefined && !Number.isSafeInteger(seed)) throw searchFault(`seed is ${seed}`, "give a whole number");
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw searchFault("signal is no AbortSignal", "give controller.signal, or AbortSignal.timeout(ms)");
}

/** What must be there before the first trial takes its time. @throws ArgumentError ERR_OPTIONS, ERR_SEARCH_OPTIONS, ERR_SEARCH_BACKEND, ERR_SEARCH_SPACE */
export function planOf(trainer: Trainer, options: HyperparameterSearchOptions): SearchPlan {
  checkNames("trainer.hyperparameterSearch", options, names);
  checkFunctions(options);
  const { hpSpace, computeObjective = defaultComputeObjective, direction = "minimize", backend: given = "random", hpName, signal } = options;
  if (!trainer.modelInit)
    throw searchFault("each trial begins with a new model, and the Trainer has only one", "give new Trainer({ modelInit }) instead of model");
  const directions = directionsOf(direction);
  const backend = chosenBackend({ backend: given, hpSpace, seed: options.seed ?? trainer.args.seed });
  const nTrials = options.nTrials ?? backend.size ?? 20;
  if (!Number.isSafeInteger(nTrials) || nTrials < 1) throw searchFault(`nTrials is ${nTrials}`, "give a whole number from 1 on");
  return {
    nTrials,
    directions,
    backend,
    space: spaceOf(hpSpace, backend),
    computeObjective,
    hpName,
    pruner: prunerOf(options.pruner, directions),
    signal,
    several: Array.isArray(direction),
  };
}
