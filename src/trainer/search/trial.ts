// A trial: one run of a search, and the values that it was given.
import { isDeepStrictEqual } from "node:util";
import { checkDistribution, contains, type Distribution, type TrialValue } from "./distribution.js";
import { spaceFault } from "./faults.js";

/** The values of a trial by name. */
export type TrialParams = Readonly<Record<string, TrialValue>>;

/** "complete": it has an objective. "pruned": it was ended early. "failed": its objective is no number. */
export type TrialOutcome = "complete" | "pruned" | "failed";

/** A trial that is over. */
export interface FinishedTrial {
  readonly number: number;
  readonly outcome: TrialOutcome;
  /** One number for each direction: of the last evaluation. */
  readonly values: readonly number[];
  readonly params: TrialParams;
  /** What its evaluations gave, by step; with one direction. */
  readonly intermediateValues: Readonly<Record<number, number>>;
}

export interface FloatOptions {
  /** Drawn evenly by size instead of by value. */
  readonly log?: boolean | undefined;
  /** Only low, low + step, low + 2 step, ... */
  readonly step?: number | undefined;
}

/** @internal Where a trial has its values from. */
export interface TrialSource {
  readonly number: number;
  /** Known before anything is suggested. */
  readonly params?: TrialParams | undefined;
  draw(name: string, distribution: Distribution): TrialValue;
  shouldPrune?(trial: Trial): boolean;
}

/**
 * One run of a search, as `hpSpace`, `hpName` and `modelInit` see it. The same name gives the same value, however often it is asked for.
 *
 * @example
 * const hpSpace = (trial: Trial) => ({
 *   learningRate: trial.suggestFloat("learningRate", 1e-5, 1e-3, { log: true }),
 *   numTrainEpochs: trial.suggestInt("numTrainEpochs", 1, 5),
 *   optim: trial.suggestCategorical("optim", ["adamw_torch", "lion_32bit"]),
 * });
 */
export class Trial {
  /** Counts from 0. */
  readonly number: number;
  readonly #source: TrialSource;
  readonly #params: Record<string, TrialValue>;
  readonly #distributions = new Map<string, Distribution>();
  readonly #values = new Map<number, number>();

  /** @internal */
  constructor(source: TrialSource) {
    this.number = source.number;
    this.#source = source;
    this.#params = { ...source.params };
  }

  /** The values so far, by the names under which they were suggested. */
  get params(): TrialParams {
    return { ...this.#params };
  }
  /** What was reported, by step. */
  get intermediateValues(): Readonly<Record<number, number>> {
    return Object.fromEntries(this.#values);
  }
  /** The step of the last report. */
  get lastStep(): number | undefined {
    return this.#values.size === 0 ? undefined : Math.max(...this.#values.keys());
  }

  /** A number of [low, high), of [low, high] in steps. @throws ArgumentError ERR_SEARCH_SPACE */
  suggestFloat(name: string, low: number, high: number, { log = false, step }: FloatOptions = {}): number {
    return this.#suggest(name, { kind: "float", low, high, log, step }) as number;
  }
  /** A whole number of [low, high]. @throws ArgumentError ERR_SEARCH_SPACE */
  suggestInt(name: string, low: number, high: number, { log = false, step = 1 }: FloatOptions = {}): number {
    return this.#suggest(name, { kind: "int", low, high, log, step }) as number;
  }
  /** One of a list. @throws ArgumentError ERR_SEARCH_SPACE */
  suggestCategorical<const T extends TrialValue>(name: string, choices: readonly T[]): T {
    return this.#suggest(name, { kind: "categorical", choices }) as T;
  }

  #suggest(name: string, distribution: Distribution): TrialValue {
    checkDistribution(name, distribution);
    const before = this.#distributions.get(name);
    if (before && !isDeepStrictEqual(before, distribution))
      throw spaceFault(`${name} is suggested twice, from different values`, "give one of them another name");
    const known = Object.hasOwn(this.#params, name);
    const value = known ? this.#params[name]! : this.#source.draw(name, distribution);
    if (!contains(distribution, value))
      throw spaceFault(`${name} is to be ${JSON.stringify(value)}, which is none of what is suggested for it`, "look at the backend");
    this.#distributions.set(name, distribution);
    this.#params[name] = value;
    return value;
  }

  /** Tells what the trial has come to at a step; the Trainer does after each evaluation. The first report of a step counts. */
  report(value: number, step: number): void {
    if (!this.#values.has(step)) this.#values.set(step, value);
  }
  /** Whether the pruner would end the trial now. */
  shouldPrune(): boolean {
    return this.#source.shouldPrune?.(this) ?? false;
  }
}

/** What `train` was given: values by name are a trial, too. */
export const trialOf = (given: Trial | TrialParams): Trial => (given instanceof Trial ? given : fixedTrial(0, given, "train was given its values by name"));

/** A trial whose values are all there. `why`: what to do about one that is not. */
export const fixedTrial = (number: number, params: TrialParams, why: string, shouldPrune?: TrialSource["shouldPrune"]): Trial =>
  new Trial({
    number,
    params,
    draw: (name) => {
      throw spaceFault(`${name} has no value in trial ${number}`, why);
    },
    ...(shouldPrune && { shouldPrune }),
  });
