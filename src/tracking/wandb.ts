// The tracker "wandb": a W&B run that is kept on disk, for `wandb sync` to upload.
import { randomInt } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join, resolve } from "node:path";
import { ArgumentError } from "../errors.js";
import { version } from "../version.js";
import { AppendFile } from "./append-file.js";
import { type FinishOptions, type LogOptions, type Tracker, type TrackerContext, TrackingError } from "./tracker.js";
import { type ConfigValues, type FlatValue, flatValues, jsonText, type LogValues } from "./values.js";
import { config, exit, fileHeader, final, footer, header, history, type RecordBody, RecordFramer, record, run, summary } from "./wandb-records.js";

export interface WandbOptions {
  /** Runs lie in `<dir>/wandb`; the logging directory, or the current one, when left out. */
  readonly dir?: string;
  readonly entity?: string;
  /** Name that is shown; W&B makes one up when left out. */
  readonly name?: string;
  /** Id of the run, unique in the project; a new one when left out. */
  readonly id?: string;
  readonly group?: string;
  readonly jobType?: string;
  readonly notes?: string;
  readonly tags?: readonly string[];
}

const letters = "abcdefghijklmnopqrstuvwxyz0123456789";
const newId = (): string => Array.from({ length: 8 }, () => letters[randomInt(letters.length)]).join("");
const two = (n: number): string => String(n).padStart(2, "0");
const stamp = (t: Date): string =>
  `${t.getFullYear()}${two(t.getMonth() + 1)}${two(t.getDate())}_${two(t.getHours())}${two(t.getMinutes())}${two(t.getSeconds())}`;

/**
 * Writes `<dir>/wandb/offline-run-<date>_<time>-<id>/run-<id>.wandb`, the same file that W&B's own client writes in its offline mode: nothing is sent. `wandb sync <directory>` uploads the run, also
 * one whose process was killed. W&B takes steps in rising order only.
 *
 * @example
 * const trackers = new Trackers({ logWith: ["wandb"], loggingDir: "runs" });
 * await trackers.initTrackers("spam", { learningRate: 1e-3 }, { wandb: { name: "first", tags: ["bert"] } });
 * await trackers.log({ loss: 0.5 }, { step: 1 });
 * await trackers.endTraining();
 * // wandb sync runs/wandb/offline-run-*
 */
export class WandbTracker implements Tracker {
  readonly name = "wandb";
  readonly requiresLoggingDirectory = false;
  readonly id: string;
  readonly directory: string;
  readonly #context: TrackerContext;
  readonly #options: WandbOptions;
  readonly #startTime: number = Date.now();
  readonly #framer = new RecordFramer();
  readonly #summary = new Map<string, FlatValue>();
  #file: AppendFile | undefined;
  #records = 0;
  #step = -1;

  constructor(context: TrackerContext, options: WandbOptions = {}) {
    this.#context = context;
    this.#options = options;
    this.id = options.id ?? newId();
    if (!/^[\w.-]{1,128}$/.test(this.id))
      throw new ArgumentError(`the id of the W&B run is "${this.id}"`, { hint: "use up to 128 letters, digits, dashes, dots and underscores" });
    const root = resolve(options.dir ?? context.loggingDir ?? ".", "wandb");
    this.directory = join(root, `offline-run-${stamp(new Date(this.#startTime))}-${this.id}`);
  }

  /** The run file. */
  get path(): string {
    return join(this.directory, `run-${this.id}.wandb`);
  }

  async start(): Promise<void> {
    const { entity, name, group, jobType, notes, tags } = this.#options;
    await mkdir(join(this.directory, "files"), { recursive: true });
    this.#file = await AppendFile.open(this.path, { fresh: true });
    await this.#file.append(fileHeader);
    const { project } = this.#context;
    await this.#write(
      header(`accelerate-ts ${version}`),
      run({ id: this.id, project, entity, name, group, jobType, notes, tags, host: hostname(), startTime: this.#startTime }),
    );
  }
  async storeInitConfiguration(values: ConfigValues): Promise<void> {
    const entries = Object.entries(values).filter(([, value]) => value !== undefined);
    if (entries.length > 0) await this.#write(config(entries));
  }
  async log(values: LogValues, { step, wallTime = Date.now() / 1000 }: LogOptions): Promise<void> {
    const flat = flatValues(values);
    if (flat.size === 0) return;
    if (step < this.#step) this.#context.warn("wandb: steps went back; W&B leaves out values of steps that are lower than one it has");
    this.#step = Math.max(step, this.#step);
    const all = new Map<string, FlatValue>([...flat, ["_step", step], ["_timestamp", wallTime], ["_runtime", this.#runtime()]]);
    for (const [key, value] of all) this.#summary.set(key, value);
    await this.#write(history(step, all));
  }
  async finish({ status = "finished" }: FinishOptions = {}): Promise<void> {
    const file = this.#file;
    if (!file) return;
    try {
      const runtime = Math.floor(this.#runtime());
      await this.#write(summary(this.#summary), exit(status === "finished" ? 0 : 1, runtime), final, footer);
      await writeFile(join(this.directory, "files", "wandb-summary.json"), jsonText(Object.fromEntries(this.#summary)));
    } finally {
      this.#file = undefined;
      await file.close();
    }
  }

  /** Seconds since the tracker was made. */
  #runtime(): number {
    return (Date.now() - this.#startTime) / 1000;
  }
  async #write(...bodies: readonly RecordBody[]): Promise<void> {
    if (!this.#file) throw new TrackingError("ERR_TRACKER_STATE", "the W&B run is not open", { hint: "call start first, and log before finish" });
    const frames = bodies.map((body) => this.#framer.frame(record(++this.#records, body)));
    await this.#file.append(Buffer.concat(frames));
  }
}
