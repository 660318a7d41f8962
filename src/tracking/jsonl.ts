// The tracker "jsonl": one line of JSON per step.
import { join } from "node:path";
import { AppendFile } from "./append-file.js";
import { projectDirectory, writeConfig } from "./directory.js";
import { type LogOptions, type Tracker, type TrackerContext, TrackingError } from "./tracker.js";
import { type ConfigValues, flatValues, jsonText, type LogValues } from "./values.js";

/** Has no options yet. */
export type JsonlOptions = Readonly<Record<string, never>>;

/**
 * Appends `{"_step":1,"_timestamp":1700000000.5,"loss":0.5}` to `<loggingDir>/<project>/metrics.jsonl`; the configuration goes to `config.json` beside it. Numbers that JSON has no form for are the
 * texts "NaN", "Infinity" and "-Infinity". A run that goes on appends; a last line that a killed process left unfinished is closed first, and is then the only one that does not parse.
 *
 * @example
 * const trackers = new Trackers({ logWith: ["jsonl"], loggingDir: "runs" });
 * await trackers.initTrackers("first");
 * await trackers.log({ loss: 0.5 }, { step: 1 });
 * await trackers.endTraining();
 */
export class JsonlTracker implements Tracker {
  readonly name = "jsonl";
  readonly requiresLoggingDirectory = true;
  readonly directory: string;
  #file: AppendFile | undefined;

  constructor(context: TrackerContext, _options: JsonlOptions = {}) {
    this.directory = projectDirectory(context, this.name);
  }

  get path(): string {
    return join(this.directory, "metrics.jsonl");
  }

  async start(): Promise<void> {
    this.#file = await AppendFile.open(this.path, { lineEnd: "\n" });
  }
  async storeInitConfiguration(values: ConfigValues): Promise<void> {
    await writeConfig(this.directory, values);
  }
  async log(values: LogValues, { step, wallTime = Date.now() / 1000 }: LogOptions): Promise<void> {
    if (!this.#file) throw new TrackingError("ERR_TRACKER_STATE", `${this.path} is not open`, { hint: "call start first, and log before finish" });
    await this.#file.append(`${jsonText({ _step: step, _timestamp: wallTime, ...Object.fromEntries(flatValues(values)) })}\n`);
  }
  async finish(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }
}
