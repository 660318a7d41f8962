// What a tracker is: the interface that every tracker keeps, and what it is made from.
import { AccelerateError, type AccelerateErrorOptions } from "../errors.js";
import type { ConfigValues, LogValues } from "./values.js";

/** How a run ended. */
export type RunStatus = "finished" | "failed";

/** Goes with the values of one step. Keys beyond `step` are what the user gave in `logKwargs` for this tracker. */
export interface LogOptions {
  /** Whole number, 0 or more. */
  readonly step: number;
  /** When the values were taken, in seconds since 1970; now when left out. */
  readonly wallTime?: number;
  /** The values count by a clock of their own: `step` is its reading, and does not say how far the user's steps are. The name under which the reading is shown: "perf/step". */
  readonly axis?: string;
  readonly [key: string]: unknown;
}

export interface FinishOptions {
  readonly status?: RunStatus;
}

/**
 * Takes the values of a training and keeps or sends them. Its methods are called one after the other.
 *
 * A method that throws switches this tracker off; the training and the other trackers go on.
 *
 * @example
 * const console: Tracker = {
 *   name: "console",
 *   requiresLoggingDirectory: false,
 *   async start() {},
 *   async storeInitConfiguration(values) { globalThis.console.log("config", values); },
 *   async log(values, { step }) { globalThis.console.log(step, values); },
 *   async finish() {},
 * };
 * const trackers = new Trackers({ logWith: [console] });
 */
export interface Tracker {
  readonly name: string;
  /** Whether it cannot do without `loggingDir`. */
  readonly requiresLoggingDirectory: boolean;
  /** false: it runs in every process, not in the main one only. */
  readonly mainProcessOnly?: boolean;
  /** Under which its server knows the run: a checkpoint keeps it, and a run that goes on is the same one there. */
  readonly runId?: string | undefined;
  /** What `getTracker(name, { unwrap: true })` gives: the object of a library that this tracker stands before. */
  readonly tracker?: unknown;
  /** Opens the run: makes files, tells servers. */
  start(): Promise<void>;
  /** The settings of the run, once, after `start`. */
  storeInitConfiguration(values: ConfigValues): Promise<void>;
  log(values: LogValues, options: LogOptions): Promise<void>;
  /** Writes what is left and closes the run. */
  finish(options?: FinishOptions): Promise<void>;
}

/** What a tracker is made from. */
export interface TrackerContext {
  /** Name of the project or run, as given to `initTrackers`. */
  readonly project: string;
  readonly loggingDir: string | undefined;
  /** Tells the user of something that is left out or cut, once per text. */
  readonly warn: (message: string) => void;
}

/** Makes a tracker for one run from the options that `initKwargs` holds under its name. */
export type TrackerFactory<O extends object = object> = (context: TrackerContext, options: O) => Tracker | Promise<Tracker>;

export type TrackingErrorCode =
  /** A file, directory or server of a tracker does not do what it must. */
  | "ERR_TRACKER"
  /** A tracker did not come back in time. */
  | "ERR_TRACKER_TIMEOUT"
  /** A call before `initTrackers` or after `endTraining`. */
  | "ERR_TRACKER_STATE";

/** A failure of a tracker. */
export class TrackingError extends AccelerateError {
  declare readonly code: TrackingErrorCode;
  constructor(code: TrackingErrorCode, message: string, options: AccelerateErrorOptions = {}) {
    super(code, message, options);
  }
}
