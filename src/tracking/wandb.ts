// The tracker "wandb": a W&B run, kept on disk as W&B's own client keeps it and sent to the server while the training goes on.
import { randomInt } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join, resolve } from "node:path";
import { type WandbSettings, wandbSettings } from "../config.js";
import { ArgumentError } from "../errors.js";
import { version } from "../version.js";
import { AppendFile } from "./append-file.js";
import { extendedJson } from "./extended-json.js";
import { type FinishOptions, type LogOptions, type Tracker, type TrackerContext, TrackingError } from "./tracker.js";
import { type ConfigValues, type FlatValue, flatValues, type LogValues } from "./values.js";
import type { Before } from "./wandb-before.js";
import { WandbClient } from "./wandb-client.js";
import { defaultBaseUrl, findApiKey } from "./wandb-login.js";
import { config, exit, fileHeader, final, footer, header, history, metric, type RecordBody, RecordFramer, record, run, summary } from "./wandb-records.js";
import { WandbUpload } from "./wandb-upload.js";

/** What is left out is taken from the variables of W&B's own client: WANDB_MODE, WANDB_API_KEY, WANDB_BASE_URL, WANDB_ENTITY, WANDB_PROJECT, WANDB_NAME, WANDB_RUN_ID, ... */
export interface WandbOptions {
  /** "offline" sends nothing, "disabled" writes nothing either. Left out: "online" where there is an API key, else "offline". */
  readonly mode?: "online" | "offline" | "disabled";
  /** Left out: WANDB_API_KEY, or what `wandb login` has left in the netrc file. */
  readonly apiKey?: string;
  /** Of a server of one's own; "https://api.wandb.ai". */
  readonly baseUrl?: string;
  /** Runs lie in `<dir>/wandb`; the logging directory, or the current one, when left out. */
  readonly dir?: string;
  readonly entity?: string;
  /** The project that was given to `initTrackers` when left out. */
  readonly project?: string;
  /** Name that is shown; W&B makes one up when left out. */
  readonly name?: string;
  /** Id of the run, unique in the project; a new one when left out. */
  readonly id?: string;
  /** What happens with an id that the server knows: "allow" goes on with that run, "must" wants it to be there, "never" wants it not to be. "allow" when left out. */
  readonly resume?: "allow" | "must" | "never";
  readonly group?: string;
  readonly jobType?: string;
  readonly notes?: string;
  readonly tags?: readonly string[];
  /** Deadline of one request, in milliseconds; 20000. A request that fails is made again, with growing pauses, until the run ends. */
  readonly timeoutMs?: number;
  /** How long `initTrackers` waits for the server, in milliseconds; 10000. The connection goes on being made behind it. */
  readonly connectMs?: number;
  /** How long the end of the run waits for the server, in milliseconds; 30000. */
  readonly finishMs?: number;
  /** How long values wait for others to go with them, in milliseconds; 10000. */
  readonly flushMs?: number;
  /** A sign of life for the server after so many milliseconds without values; 30000. */
  readonly heartbeatMs?: number;
  /** Pause after the first request that failed, in milliseconds; it doubles up to a minute; 1000. */
  readonly retryMs?: number;
}

/** Runs of one id that begin in one second. */
const maxDirectories = 100;
const maxRetryMs = 60_000;
/** Requests that failed in a row before the user is told. */
const toldAfter = 3;
const letters = "abcdefghijklmnopqrstuvwxyz0123456789";
const newId = (): string => Array.from({ length: 8 }, () => letters[randomInt(letters.length)]).join("");
const two = (n: number): string => String(n).padStart(2, "0");
const stamp = (t: Date): string =>
  `${t.getFullYear()}${two(t.getMonth() + 1)}${two(t.getDate())}_${two(t.getHours())}${two(t.getMinutes())}${two(t.getSeconds())}`;

/**
 * Writes `<dir>/wandb/run-<date>_<time>-<id>/run-<id>.wandb` ("offline-run-..." in the offline mode), the same file that W&B's own client writes, and in the online mode sends the run to the server.
 * `log` never waits for the server. When it is away, its requests are made again; when it refuses, or is still away at the end, the user is told once, and nothing is lost: `wandb sync --include-online <directory>` uploads
 * the file, also that of a process that was killed. W&B takes steps in rising order only; values of one step become one row, which is written when the next step comes.
 *
 * @example
 * const trackers = new Trackers({ logWith: ["wandb"], loggingDir: "runs" });
 * await trackers.initTrackers("spam", { learningRate: 1e-3 }, { initKwargs: { wandb: { name: "first", tags: ["bert"], mode: "offline" } } });
 * await trackers.log({ loss: 0.5 }, { step: 1 });
 * await trackers.endTraining();
 * // wandb sync runs/wandb/offline-run-*
 */
export class WandbTracker implements Tracker {
  readonly name = "wandb";
  readonly requiresLoggingDirectory = false;
  readonly id: string;
  readonly mode: "online" | "offline" | "disabled";
  readonly #context: TrackerContext;
  readonly #options: WandbOptions;
  readonly #project: string;
  #directory: string;
  readonly #framer = new RecordFramer();
  readonly #summary = new Map<string, unknown>();
  readonly #axes = new Map<string, Set<string>>();
  readonly #upload: WandbUpload | undefined;
  #startTime: number = Date.now();
  #file: AppendFile | undefined;
  #records = 0;
  #step = -1;
  /** The row of the last step: more may come to it. */
  #row: { readonly step: number; readonly values: Map<string, FlatValue> } | undefined;
  #url: string | undefined;
  #told = false;

  constructor(context: TrackerContext, options: WandbOptions = {}, settings: WandbSettings = wandbSettings()) {
    this.#context = context;
    const given = { ...Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined)), ...options } as WandbOptions;
    this.#options = given;
    const { id, mode } = given;
    this.id = id ?? newId();
    if (!/^[\w.-]{1,128}$/.test(this.id))
      throw new ArgumentError(`the id of the W&B run is "${this.id}"`, { hint: "use up to 128 letters, digits, dashes, dots and underscores" });
    this.#project = given.project ?? context.project;
    const apiKey = findApiKey(options, settings);
    this.mode = mode ?? (apiKey === undefined ? "offline" : "online");
    if (this.mode === "online" && apiKey === undefined) {
      context.warn("wandb: there is no API key (WANDB_API_KEY, wandb login): the run is kept on disk");
      this.mode = "offline";
    }
    const root = resolve(given.dir ?? context.loggingDir ?? ".", "wandb");
    this.#directory = join(root, `${this.mode === "online" ? "" : "offline-"}run-${stamp(new Date(this.#startTime))}-${this.id}`);
    if (this.mode === "online") this.#upload = this.#online(apiKey!);
  }

  get directory(): string {
    return this.#directory;
  }
  /** The run file. */
  get path(): string {
    return join(this.directory, `run-${this.id}.wandb`);
  }
  get runId(): string {
    return this.id;
  }
  /** Where a browser finds the run, once the server has it. */
  get url(): string | undefined {
    return this.#url;
  }

  async start(): Promise<void> {
    if (this.mode === "disabled") return;
    const { entity, name, group, jobType, notes, tags, connectMs = 10_000 } = this.#options;
    this.#file = await this.#create();
    await this.#file.append(fileHeader);
    const project = this.#project;
    await this.#write(
      header(`accelerate-ts ${version}`),
      run({ id: this.id, project, entity, name, group, jobType, notes, tags, host: hostname(), startTime: this.#startTime }),
    );
    // A run without telemetry counts as one that has not begun, and could not be gone on with.
    this.#upload?.config({ _wandb: this.#internal() });
    await this.#upload?.start(connectMs);
  }
  async storeInitConfiguration(values: ConfigValues): Promise<void> {
    const entries = Object.entries(values).filter(([, value]) => value !== undefined);
    if (entries.length === 0 || this.mode === "disabled") return;
    this.#upload?.config(Object.fromEntries(entries));
    await this.#write(config(entries));
  }
  async log(values: LogValues, { step, axis, wallTime = Date.now() / 1000 }: LogOptions): Promise<void> {
    const flat = flatValues(values);
    if (flat.size === 0 || this.mode === "disabled") return;
    if (axis !== undefined) {
      await this.#define(axis, flat.keys());
      // Steps are the user's: such values go to the row of the last one, and one that comes later takes the place of an earlier one.
      this.#row ??= { step: this.#step + 1, values: new Map() };
      for (const [key, value] of [...flat, [axis, step], ...this.#times(wallTime)] as const) this.#row.values.set(key, value);
      return;
    }
    if (step < this.#step) this.#context.warn("wandb: steps went back; W&B leaves out values of steps that are lower than one it has");
    const row = this.#row;
    this.#row = { step, values: new Map<string, FlatValue>([...(row?.step === step ? row.values : []), ...flat, ...this.#times(wallTime)]) };
    this.#step = Math.max(step, this.#step);
    if (row && row.step !== step) await this.#writeRow(row.step, row.values);
  }
  /** A line for the tab "Logs" of the run. Sent in the online mode only. */
  output(text: string): void {
    for (const line of text.split("\n")) this.#upload?.line("output", `${new Date().toISOString().replace("Z", "000")} ${line}`);
  }
  async finish({ status = "finished" }: FinishOptions = {}): Promise<void> {
    const file = this.#file;
    if (!file) return;
    const code = status === "finished" ? 0 : 1;
    try {
      if (this.#row) await this.#writeRow(this.#row.step, this.#row.values);
      await this.#write(summary(this.#summary), exit(code, Math.floor(this.#runtime())), final, footer);
      await writeFile(join(this.directory, "files", "wandb-summary.json"), extendedJson(Object.fromEntries(this.#summary)));
    } finally {
      this.#row = undefined;
      this.#file = undefined;
      await file.close();
    }
    await this.#upload?.finish(code, this.#options.finishMs ?? 30_000);
    if (this.#upload?.unsent) this.#kept("the server has not taken all of the run");
  }

  /** A run that is gone on with in the same second has a directory of that name already. */
  async #create(): Promise<AppendFile> {
    const name = this.#directory;
    for (let n = 0; n < maxDirectories; n++) {
      if (n > 0) this.#directory = `${name}-${n}`;
      await mkdir(join(this.directory, "files"), { recursive: true });
      try {
        return await AppendFile.open(this.path, { fresh: true });
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      }
    }
    throw new TrackingError("ERR_TRACKER", `there are ${maxDirectories} runs ${name}`, { hint: "leave out the id, or give each run one of its own" });
  }
  #online(apiKey: string): WandbUpload {
    const { baseUrl = defaultBaseUrl, entity, name, group, jobType, notes, tags, id, resume = "allow" } = this.#options;
    const { timeoutMs = 20_000, retryMs = 1000, flushMs = 10_000, heartbeatMs = 30_000 } = this.#options;
    const client = new WandbClient({ baseUrl, apiKey }, { timeoutMs, pauseMs: retryMs, maxPauseMs: maxRetryMs }, (what, tries) => {
      if (tries === toldAfter) this.#kept(`${what}; it is asked again`);
    });
    return new WandbUpload({
      client,
      run: { name: this.id, project: this.#project, entity, groupName: group, displayName: name, notes, jobType, tags, host: hostname() },
      resume: id === undefined ? undefined : resume,
      flushMs,
      heartbeatMs,
      onConnected: (made, before) => this.#connected(client.page(made), before),
      onRefused: (error) => this.#kept(error.message),
    });
  }
  /** Of a run that is gone on with, the server knows values and times that the file of this process does not have. */
  #connected(url: string, before: Before | undefined): void {
    this.#url = url;
    if (!before) return;
    this.#step = Math.max(this.#step, before.step);
    this.#startTime -= before.runtime * 1000;
    for (const [key, value] of Object.entries(before.summary)) if (!this.#summary.has(key)) this.#summary.set(key, value);
  }
  /** Told once: what there is of the run lies in its file. */
  #kept(what: string): void {
    if (this.#told) return;
    this.#told = true;
    this.#context.warn(`wandb: ${what}. The training goes on, and the run is kept whole: wandb sync --include-online ${this.directory}`);
  }

  /** Values of a clock of their own are drawn over that clock. */
  async #define(axis: string, names: Iterable<string>): Promise<void> {
    const known = this.#axes.get(axis) ?? new Set<string>();
    const fresh = [...names].filter((name) => name !== axis && !known.has(name));
    if (fresh.length === 0) return;
    const records: RecordBody[] = known.size === 0 ? [metric(axis)] : [];
    for (const name of fresh) known.add(name);
    this.#axes.set(axis, known);
    await this.#write(...records, ...fresh.map((name) => metric(name, axis)));
    this.#upload?.config({ _wandb: this.#internal() });
  }
  /** What W&B keeps of a run beside the user's configuration: fields of TelemetryRecord and MetricRecord by number. */
  #internal(): object {
    const metrics: object[] = [];
    for (const [axis, names] of this.#axes) {
      metrics.push({ "1": axis, "6": [3], "7": [] });
      const index = metrics.length;
      for (const name of names) metrics.push({ "1": name, "5": index, "6": [1, 3], "7": [] });
    }
    return { cli_version: `accelerate-ts ${version}`, t: { "3": [] }, m: metrics };
  }

  #times(wallTime: number): readonly (readonly [string, number])[] {
    return [
      ["_timestamp", wallTime],
      ["_runtime", this.#runtime()],
    ];
  }
  /** Seconds since the run began. */
  #runtime(): number {
    return (Date.now() - this.#startTime) / 1000;
  }
  async #writeRow(step: number, values: ReadonlyMap<string, FlatValue>): Promise<void> {
    const all = new Map<string, FlatValue>([...values, ["_step", step]]);
    for (const [key, value] of all) this.#summary.set(key, value);
    await this.#write(history(step, all));
    this.#upload?.line("history", extendedJson(Object.fromEntries(all)), () => extendedJson(Object.fromEntries(this.#summary)));
  }
  async #write(...bodies: readonly RecordBody[]): Promise<void> {
    if (!this.#file) throw new TrackingError("ERR_TRACKER_STATE", "the W&B run is not open", { hint: "call start first, and log before finish" });
    const frames = bodies.map((body) => this.#framer.frame(record(++this.#records, body)));
    await this.#file.append(Buffer.concat(frames));
  }
}
