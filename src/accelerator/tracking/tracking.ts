// The trackers of a run and what is measured for them, as an Accelerator uses them.
import { performanceAxis, performanceValues } from "../../tracking/rank-reports.js";
import type { FinishOptions } from "../../tracking/tracker.js";
import { type InitOptions, Trackers, type TrackersState } from "../../tracking/trackers.js";
import type { ConfigValues } from "../../tracking/values.js";
import type { LogWith } from "../../tracking/workshop.js";
import type { ActiveLoaders } from "../loaders/active-loaders.js";
import { type PerformanceOptions, PerformanceWatch } from "./tracking-performance.js";

export interface TrackingOptions {
  /** Trackers by name ("tensorboard", "wandb", "mlflow", "jsonl", "csv"), own ones, or "all": every one that is configured. Default: none. The same on every worker. */
  readonly logWith?: LogWith | readonly LogWith[];
  /** Log the training's speed under `perf/...`: every few seconds, or after so many steps. Default: yes, where there are trackers. */
  readonly trackPerformance?: boolean | PerformanceOptions;
}

export class Tracking {
  readonly trackers: Trackers;
  /** Undefined where nothing is measured. */
  readonly performance: PerformanceWatch | undefined;
  readonly #size: number;
  readonly #atEnd = (): void => void this.end();

  constructor(
    { logWith = [], trackPerformance = true }: TrackingOptions,
    {
      loggingDir,
      isMain,
      size,
      loaders,
    }: { readonly loggingDir: string | undefined; readonly isMain: boolean; readonly size: number; readonly loaders: ActiveLoaders },
  ) {
    this.#size = size;
    this.trackers = new Trackers({ logWith, loggingDir, enabled: isMain });
    const wanted = trackPerformance !== false && !(Array.isArray(logWith) && logWith.length === 0);
    const options = typeof trackPerformance === "object" ? trackPerformance : {};
    if (wanted)
      this.performance = new PerformanceWatch(options, loaders, (performance, step) => {
        // Rejects for nothing: trackers that fail are switched off and told of.
        void this.trackers.logBeside(performanceValues(performance), { step, axis: performanceAxis });
      });
  }

  /** Makes and starts the trackers. A program that ends without closing its Accelerator ends them all the same. */
  async init(project: string, config?: ConfigValues, options?: InitOptions): Promise<void> {
    await this.trackers.initTrackers(project, config, options);
    process.once("beforeExit", this.#atEnd);
  }
  async end(options: FinishOptions = {}): Promise<void> {
    process.off("beforeExit", this.#atEnd);
    this.performance?.flush(this.#size);
    await this.trackers.endTraining(options);
  }

  /** Work that belongs to no training step, such as writing a checkpoint: it does not count in their time. */
  aside<V>(work: () => Promise<V>): Promise<V> {
    return this.performance?.aside(work) ?? work();
  }

  /** For a checkpoint. */
  stateDict(): TrackersState {
    return this.trackers.stateDict();
  }
  /** @throws ArgumentError when it is no state of trackers. */
  loadStateDict(state: TrackersState): void {
    this.trackers.loadStateDict(state);
  }
}
