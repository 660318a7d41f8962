// The tracker "tensorboard": event files that TensorBoard shows.
import { hostname } from "node:os";
import { join } from "node:path";
import { ArgumentError } from "../errors.js";
import { AppendFile } from "./append-file.js";
import { projectDirectory } from "./directory.js";
import { type SummaryValue, scalar, sessionEnd, sessionStart, summaryEvent, text, versionEvent } from "./tensorboard-events.js";
import { tfrecord } from "./tfrecord.js";
import { type FinishOptions, type LogOptions, type Tracker, type TrackerContext, TrackingError } from "./tracker.js";
import { type ConfigValues, flatConfig, flatValues, type LogValues } from "./values.js";

export interface TensorBoardOptions {
  /** Ends the name of the event file. */
  readonly filenameSuffix?: string;
}

/** Files of one process in one second. */
const maxFiles = 1000;
const now = (): number => Date.now() / 1000;

/**
 * Writes `<loggingDir>/<project>/events.out.tfevents...`: numbers and booleans as scalars (float32, TensorBoard's precision), texts under the tab Text, the configuration under HParams. Every process and
 * every start has a file of its own, so nothing that is there is touched.
 *
 * @example
 * const trackers = new Trackers({ logWith: ["tensorboard"], loggingDir: "runs" });
 * await trackers.initTrackers("first", { learningRate: 1e-3 });
 * await trackers.log({ loss: 0.5, note: "warm" }, { step: 1 });
 * await trackers.endTraining();
 * // tensorboard --logdir runs
 */
export class TensorBoardTracker implements Tracker {
  readonly name = "tensorboard";
  readonly requiresLoggingDirectory = true;
  readonly directory: string;
  readonly #suffix: string;
  #file: AppendFile | undefined;
  #configured = false;

  constructor(context: TrackerContext, options: TensorBoardOptions = {}) {
    this.directory = projectDirectory(context, this.name);
    this.#suffix = options.filenameSuffix ?? "";
    if (/[/\\\0]/.test(this.#suffix)) throw new ArgumentError(`filenameSuffix is "${this.#suffix}"`, { hint: "it is a part of a file's name" });
  }

  /** The event file; undefined before `start`. */
  get path(): string | undefined {
    return this.#file?.path;
  }

  async start(): Promise<void> {
    const wallTime = now();
    const name = `events.out.tfevents.${Math.floor(wallTime)}.${hostname()}.${process.pid}`;
    this.#file = await this.#create(join(this.directory, name));
    await this.#file.append(tfrecord(versionEvent(wallTime)));
  }
  async #create(base: string): Promise<AppendFile> {
    for (let n = 0; n < maxFiles; n++) {
      try {
        return await AppendFile.open(`${base}.${n}${this.#suffix}`, { fresh: true });
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      }
    }
    throw new TrackingError("ERR_TRACKER", `${this.directory} holds ${maxFiles} event files of this second`, { hint: "give each run a project of its own" });
  }

  async storeInitConfiguration(values: ConfigValues): Promise<void> {
    const wallTime = now();
    this.#configured = true;
    await this.#write([sessionStart(flatConfig(values), wallTime)], { step: 0, wallTime });
  }

  async log(values: LogValues, { step, wallTime = now() }: LogOptions): Promise<void> {
    const summaries = [...flatValues(values)].map(([tag, value]) => (typeof value === "string" ? text(tag, value) : scalar(tag, Number(value))));
    if (summaries.length > 0) await this.#write(summaries, { step, wallTime });
  }

  async finish({ status = "finished" }: FinishOptions = {}): Promise<void> {
    const file = this.#file;
    if (!file) return;
    const wallTime = now();
    try {
      if (this.#configured) await this.#write([sessionEnd(status, wallTime)], { step: 0, wallTime });
    } finally {
      this.#file = undefined;
      await file.close();
    }
  }

  async #write(values: readonly SummaryValue[], at: { readonly step: number; readonly wallTime: number }): Promise<void> {
    if (!this.#file) throw new TrackingError("ERR_TRACKER_STATE", "the event file is not open", { hint: "call start first, and log before finish" });
    await this.#file.append(tfrecord(summaryEvent(values, at)));
  }
}
