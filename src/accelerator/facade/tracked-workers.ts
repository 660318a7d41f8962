// Workers whose run is tracked: what an Accelerator offers for it.
import type { Performance } from "../../tracking/rank-reports.js";
import type { FinishOptions, Tracker } from "../../tracking/tracker.js";
import type { InitOptions, TrackerLogOptions } from "../../tracking/trackers.js";
import type { ConfigValues, LogValues } from "../../tracking/values.js";
import type { AcceleratorOptions } from "../options.js";
import { Tracking } from "../tracking/tracking.js";
import { Workers } from "./workers.js";

/** Trackers run in the main process. The other workers may make these calls too: they are checked there and do nothing. */
export abstract class TrackedWorkers extends Workers {
  /** `stateDict` and `loadStateDict` of it belong to a checkpoint. */
  protected readonly tracking: Tracking;

  constructor(options: Pick<AcceleratorOptions, "logWith" | "trackPerformance" | "projectDir" | "projectConfig">) {
    super();
    const { projectDir, projectConfig } = options;
    const loggingDir = projectConfig?.loggingDir ?? projectDir ?? projectConfig?.projectDir;
    this.tracking = new Tracking(options, { loggingDir, isMain: this.isMainProcess, size: this.numProcesses, loaders: this.loaders });
  }

  /** Trackers that run in this process. */
  get trackers(): readonly Tracker[] {
    return this.tracking.trackers.running;
  }
  /** How fast the training is: what was logged last under `perf/...`. The same on every worker. */
  get performance(): Performance | undefined {
    return this.tracking.performance?.last;
  }
  /**
   * Starts the trackers of `logWith` for a run of this project, and gives them its settings. From then on the training's speed is logged, too: `perf/...`.
   *
   * @throws ArgumentError for trackers that there are none of, options that they do not have (ERR_OPTIONS) or that do not fit, and tensors among the settings. A tracker that fails is told of, once, and the training goes on.
   * @example
   * const accelerator = new Accelerator({ logWith: ["tensorboard", "wandb"], projectDir: "run" });
   * await accelerator.initTrackers("mrpc", { learningRate: 2e-5 }, { initKwargs: { wandb: { name: "first" } } });
   */
  async initTrackers(project: string, config: ConfigValues = {}, options: InitOptions = {}): Promise<void> {
    await this.tracking.init(project, config, options);
  }
  /**
   * Values of one step, to all trackers. Records inside are groups: `{ train: { loss } }` is `train/loss`.
   *
   * @throws ArgumentError for what cannot be logged, on every worker; TrackingError before `initTrackers`.
   * @example
   * await accelerator.log({ loss: await loss.item() }, { step });
   */
  async log(values: LogValues, options: TrackerLogOptions = {}): Promise<void> {
    await this.tracking.trackers.log(values, options);
  }
  /** The tracker of this name; one that does nothing where it does not run. With `unwrap` the object of a library that it stands before. @throws ArgumentError when there is none of this name. */
  getTracker(name: string, options?: { readonly unwrap?: false }): Tracker;
  getTracker(name: string, options: { readonly unwrap: boolean }): unknown;
  getTracker(name: string, { unwrap = false }: { readonly unwrap?: boolean } = {}): unknown {
    return this.tracking.trackers.getTracker(name, { unwrap });
  }
  /** Writes and sends what the trackers still hold, and ends their runs. Closing the Accelerator does so, too. */
  async endTraining(options: FinishOptions = {}): Promise<void> {
    await this.tracking.end(options);
  }
}
