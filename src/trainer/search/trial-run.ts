// The trial that a Trainer runs: told of the model and of evaluations, it keeps the objective, and ends the run early where it is to.
import type { Trackers } from "../../tracking/index.js";
import type { Metrics } from "../options.js";
import { say } from "../say.js";
import type { Trainer } from "../trainer.js";
import { labelSmootherOf } from "../training/setup.js";
import { checkedObjective } from "./objective.js";
import type { SearchPlan } from "./options.js";
import type { SearchStop } from "./search-stop.js";
import type { Trial } from "./trial.js";

/** @internal Thrown through `train` for a trial that is ended early. */
export class TrialPruned extends Error {
  override readonly name = "TrialPruned";
}

export interface TrialRunOptions {
  readonly plan: SearchPlan;
  readonly trial: Trial;
  /** What `hpName` has said. */
  readonly name: string | undefined;
  readonly stop: SearchStop;
  readonly trackers: Trackers;
}

/** @internal */
export class TrialRun {
  readonly trial: Trial;
  readonly name: string | undefined;
  /** A run for each trial. */
  readonly trackers: Trackers;
  /** Of the last evaluation. */
  values: readonly number[] | undefined;
  readonly #plan: SearchPlan;
  readonly #stop: SearchStop;

  constructor({ plan, trial, name, stop, trackers }: TrialRunOptions) {
    this.#plan = plan;
    this.trial = trial;
    this.name = name;
    this.#stop = stop;
    this.trackers = trackers;
  }

  /** The model of the trial is there. */
  begin(trainer: Trainer): void {
    trainer.labelSmoother = labelSmootherOf(trainer, trainer.traits);
  }

  /** After a step. @throws the reason of the search's signal */
  async heed(): Promise<void> {
    await this.#stop.check();
  }

  /** The objective of an evaluation: rank 0's, so that all workers go by the same. */
  async evaluated(trainer: Trainer, metrics: Metrics): Promise<void> {
    const [values] = await trainer.accelerator.checkpoints.together("hyperparameterSearch", async () =>
      trainer.isWorldProcessZero() ? toJson(checkedObjective(await this.#plan.computeObjective({ ...metrics }), this.#plan.directions, metrics)) : [],
    );
    this.values = fromJson(values!);
  }

  /** After an evaluation while training. @throws TrialPruned, on all workers */
  async report(trainer: Trainer, metrics: Metrics): Promise<void> {
    await this.evaluated(trainer, metrics);
    if (this.#plan.directions.length > 1) return;
    const { trial } = this;
    const { globalStep } = trainer.state;
    trial.report(this.values![0]!, globalStep);
    if (!this.#plan.pruner) return;
    const [prunes] = await trainer.accelerator.checkpoints.together("hyperparameterSearch", () => trainer.isWorldProcessZero() && trial.shouldPrune());
    if (!prunes) return;
    say(trainer, "info", `trial ${trial.number} is ended at step ${globalStep}: ${this.values![0]} is worse than others were there`);
    await trainer.callEvent("onTrainEnd");
    throw new TrialPruned(`trial ${trial.number} was ended at step ${globalStep}`);
  }
}

// Numbers that JSON cannot hold go as text.
const toJson = (values: readonly number[]): readonly string[] => values.map(String);
const fromJson = (texts: readonly string[]): readonly number[] => texts.map(Number);
