// hyperparameterSearch: trials one after the other, on all workers alike, and the best of them.
import { Trackers } from "../../tracking/index.js";
import { trackingOptions } from "../callbacks/index.js";
import { say } from "../say.js";
import type { Trainer } from "../trainer.js";
import { isTrialValue } from "./distribution.js";
import { searchFault } from "./faults.js";
import { bestOf } from "./objective.js";
import { type BestRun, type HyperparameterSearchOptions, planOf, type SearchPlan } from "./options.js";
import { SearchStop } from "./search-stop.js";
import { type FinishedTrial, fixedTrial, Trial, type TrialParams } from "./trial.js";
import { argumentsAmong, argumentsOf, toldOther } from "./trial-arguments.js";
import { TrialPruned, TrialRun } from "./trial-run.js";

const what = "hyperparameterSearch";

/** What rank 0 has drawn for a trial. */
interface Drawn {
  readonly params: TrialParams;
  /** What hpSpace gives. */
  readonly values: Readonly<Record<string, unknown>>;
  readonly name: string | null;
}

function checkName(name: unknown, number: number, taken: ReadonlySet<string>): string {
  if (typeof name !== "string" || name === "" || name === "." || name === ".." || /[/\\\0]/.test(name))
    throw searchFault(`hpName named trial ${number} ${JSON.stringify(name) ?? typeof name}`, "give the name of a folder");
  if (taken.has(name)) throw searchFault(`hpName named two trials ${name}`, "let it use trial.number");
  return name;
}

class Search {
  readonly #trainer: Trainer;
  readonly #plan: SearchPlan;
  readonly #stop: SearchStop;
  readonly #finished: FinishedTrial[] = [];
  readonly #drawn: Drawn[] = [];
  readonly #names = new Set<string>();
  readonly #told = new Set<string>();

  constructor(trainer: Trainer, plan: SearchPlan, stop: SearchStop) {
    this.#trainer = trainer;
    this.#plan = plan;
    this.#stop = stop;
  }

  async run(): Promise<void> {
    for (let number = 0; number < this.#plan.nTrials; number++) {
      await this.#stop.check();
      const drawn = await this.#draw(number);
      if (!drawn) return;
      const finished = await this.#runTrial(number, drawn);
      this.#finished.push(finished);
      this.#drawn.push(drawn);
      await this.#onMain(async () => {
        await this.#plan.backend.tell?.(finished);
        return null;
      });
      this.#tell(finished);
    }
  }

  /** @throws ArgumentError ERR_SEARCH_NO_TRIAL */
  best(): readonly BestRun<readonly number[]>[] {
    const best = bestOf(this.#finished, this.#plan.directions);
    if (best.length === 0)
      throw searchFault(
        this.#finished.length === 0 ? "the backend gave no trial" : `none of ${this.#finished.length} trials has an objective that is a number`,
        "look at computeObjective, at the losses and at the pruner",
        "ERR_SEARCH_NO_TRIAL",
      );
    return best.map(({ number, values, params }) => ({
      runId: String(number),
      objective: values,
      hyperparameters: params,
      runSummary: this.#finished,
      args: argumentsOf(this.#trainer.args, { number, values: this.#drawn[number]!.values }),
    }));
  }

  /** Runs a body on rank 0; all get what it gives, or throw what it threw. */
  async #onMain<T>(body: () => Promise<T> | T): Promise<T> {
    const trainer = this.#trainer;
    const [value] = await trainer.accelerator.checkpoints.together(what, () => (trainer.isWorldProcessZero() ? body() : null));
    return value as T;
  }

  async #draw(number: number): Promise<Drawn | null> {
    const { backend, space, hpName } = this.#plan;
    return this.#onMain(async () => {
      const asked = backend.ask ? await backend.ask(number, [...this.#finished]) : {};
      if (asked === undefined || asked === null) return null;
      this.#checkAsked(asked, number);
      const trial = this.#openTrial(number, asked);
      const values = space ? await space(trial) : asked;
      if (typeof values !== "object" || values === null)
        throw searchFault(`hpSpace gave ${JSON.stringify(values) ?? typeof values}`, "return the values by name: { learningRate: ... }", "ERR_SEARCH_SPACE");
      const name = hpName ? checkName(hpName(trial), number, this.#names) : null;
      return { params: trial.params, values, name };
    });
  }
  #checkAsked(asked: TrialParams, number: number): void {
    const wrong = typeof asked !== "object" ? asked : Object.entries(asked).find(([, value]) => !isTrialValue(value));
    if (wrong !== undefined)
      throw searchFault(`the backend's ask gave ${JSON.stringify(wrong)} for trial ${number}`, "give values by name", "ERR_SEARCH_BACKEND");
  }

  /** Its values are drawn when they are suggested. */
  #openTrial(number: number, params: TrialParams): Trial {
    const { backend } = this.#plan;
    return new Trial({
      number,
      params,
      draw: (name, distribution) => {
        if (backend.suggest) return backend.suggest(name, distribution, number);
        throw searchFault(`the backend has given no ${name} for trial ${number}`, "let ask give it, or give the backend a suggest", "ERR_SEARCH_BACKEND");
      },
      shouldPrune: this.#shouldPrune,
    });
  }
  /** As all workers see it. What is suggested later is drawn where there is one worker alone. */
  #trial(number: number, { params }: Drawn): Trial {
    if (this.#trainer.accelerator.numProcesses === 1) return this.#openTrial(number, params);
    return fixedTrial(number, params, "suggest it in hpSpace: there are several workers, and the first one draws for all", this.#shouldPrune);
  }
  readonly #shouldPrune = (trial: Trial): boolean => this.#plan.pruner?.shouldPrune(trial, [...this.#finished], this.#plan.directions[0]!) ?? false;

  async #runTrial(number: number, drawn: Drawn): Promise<FinishedTrial> {
    const trainer = this.#trainer;
    const base = trainer.args;
    const { trainBatchSize, labelSmoother, accelerator } = trainer;
    for (const name of argumentsAmong(base, drawn.values).others) this.#tellOther(name, name in drawn.params);
    const folder = drawn.name ?? `run-${number}`;
    this.#names.add(folder);
    const trial = this.#trial(number, drawn);
    const { logWith, loggingDir } = trackingOptions(base);
    const trackers = new Trackers({ logWith, loggingDir, enabled: trainer.isWorldProcessZero() });
    const run = new TrialRun({ plan: this.#plan, trial, name: drawn.name ?? undefined, stop: this.#stop, trackers });
    try {
      trainer.args = argumentsOf(base, { number, values: drawn.values, folder });
      trainer.trainBatchSize = trainer.args.trainBatchSize;
      accelerator.gradientAccumulationSteps = trainer.args.gradientAccumulationSteps;
      trainer.trialRun = run;
      // One model at a time, the constructor's included.
      trainer.releaseModel();
      const pruned = await this.#train(run);
      await release(trainer);
      const { values = [] } = run;
      const outcome = pruned ? "pruned" : values.some(Number.isNaN) ? "failed" : "complete";
      return { number, outcome, values, params: trial.params, intermediateValues: trial.intermediateValues };
    } finally {
      trainer.trialRun = undefined;
      Object.assign(trainer, { args: base, trainBatchSize, labelSmoother });
      accelerator.gradientAccumulationSteps = base.gradientAccumulationSteps;
      await trackers.endTraining();
    }
  }
  /** @returns whether the trial was ended early */
  async #train(run: TrialRun): Promise<boolean> {
    const trainer = this.#trainer;
    try {
      await trainer.train({ trial: run.trial, resumeFromCheckpoint: false });
    } catch (error) {
      if (error instanceof TrialPruned) return true;
      throw error;
    }
    if (!run.values) await run.evaluated(trainer, await trainer.evaluate());
    return false;
  }

  #tellOther(name: string, isParam: boolean): void {
    if (this.#told.has(name)) return;
    this.#told.add(name);
    say(this.#trainer, "warning", toldOther(this.#trainer.args, name, isParam));
  }
  #tell({ number, outcome, values, params }: FinishedTrial): void {
    const [best] = bestOf(this.#finished, this.#plan.directions);
    const soFar = this.#plan.several || !best ? "" : `; the best is trial ${best.number} with ${best.values[0]}`;
    say(this.#trainer, "info", `trial ${number} of ${this.#plan.nTrials} is ${outcome}: ${values.join(", ")} with ${JSON.stringify(params)}${soFar}`);
  }
}

/** Lets go of what a trial has made, and gives its memory back. */
async function release(trainer: Trainer): Promise<void> {
  const none = { trainDataloader: undefined, evalDataloader: undefined };
  Object.assign(trainer, { ...none, optimizer: undefined, lrScheduler: undefined });
  Object.assign(trainer.callbackHandler, none);
  trainer.releaseModel();
  await trainer.accelerator.returnMemory();
}

/** As transformers' hyperparameter_search, on all workers alike; all get what is found. `evaluates`: a subclass does so in its own way. */
export async function hyperparameterSearch(
  trainer: Trainer,
  options: HyperparameterSearchOptions,
  { evaluates }: { readonly evaluates: boolean },
): Promise<BestRun | BestRun<readonly number[]>[]> {
  const plan = planOf(trainer, options);
  if (!evaluates && trainer.evalDataset === undefined)
    throw searchFault("trials are compared by their evaluations, and there is no evalDataset", "give it to the Trainer");
  const search = new Search(trainer, plan, await SearchStop.of(trainer.accelerator, plan.signal));
  await search.run();
  const best = search.best();
  if (plan.several) return [...best];
  return { ...best[0]!, objective: best[0]!.objective[0]! };
}
