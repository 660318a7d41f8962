// The tracker "csv": one table per project, with a column per name.
import { randomBytes } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AppendFile } from "./append-file.js";
import { parseCsv, row, widen } from "./csv-text.js";
import { projectDirectory, writeConfig } from "./directory.js";
import { type LogOptions, type Tracker, type TrackerContext, TrackingError } from "./tracker.js";
import { type ConfigValues, type FlatValue, flatValues, type LogValues } from "./values.js";

/** Has no options yet. */
export type CsvOptions = Readonly<Record<string, never>>;

const firstColumns = ["_step", "_timestamp"] as const;

/**
 * Writes `<loggingDir>/<project>/metrics.csv` (RFC 4180): `_step`, `_timestamp` (seconds since 1970) and a column per name; the configuration goes to `config.json` beside it. A name that comes later
 * adds a column at the end: the table is written anew beside the old one and takes its place, so a reader never sees half of it. A run that goes on appends to the table that is there.
 *
 * @example
 * const trackers = new Trackers({ logWith: ["csv"], loggingDir: "runs" });
 * await trackers.initTrackers("first");
 * await trackers.log({ loss: 0.5 }, { step: 1 });
 * await trackers.log({ loss: 0.4, accuracy: 0.9 }, { step: 2 });
 * await trackers.endTraining();
 */
export class CsvTracker implements Tracker {
  readonly name = "csv";
  readonly requiresLoggingDirectory = true;
  readonly directory: string;
  #columns: string[] = [];
  #file: AppendFile | undefined;
  /** Rows in the order of the calls, also when they are not awaited: a new column changes the file under them. */
  #last: Promise<void> = Promise.resolve();

  constructor(context: TrackerContext, _options: CsvOptions = {}) {
    this.directory = projectDirectory(context, this.name);
  }

  get path(): string {
    return join(this.directory, "metrics.csv");
  }

  async start(): Promise<void> {
    await mkdir(this.directory, { recursive: true });
    const header = parseCsv(await this.#text())[0];
    this.#columns = header ?? [...firstColumns];
    const added = firstColumns.filter((name) => !this.#columns.includes(name));
    if (!header || added.length > 0) await this.#widen(added);
    else this.#file = await this.#open();
  }
  async storeInitConfiguration(values: ConfigValues): Promise<void> {
    await writeConfig(this.directory, values);
  }
  log(values: LogValues, { step, wallTime = Date.now() / 1000 }: LogOptions): Promise<void> {
    const entries = new Map<string, FlatValue>([["_step", step], ["_timestamp", wallTime], ...flatValues(values)]);
    this.#last = this.#last.then(() => this.#write(entries));
    return this.#last;
  }
  async finish(): Promise<void> {
    const file = this.#file;
    if (!file) return;
    try {
      await this.#last;
    } finally {
      // The last write may have changed the file.
      await this.#file?.close();
      this.#file = undefined;
    }
  }

  async #write(entries: ReadonlyMap<string, FlatValue>): Promise<void> {
    if (!this.#file) throw new TrackingError("ERR_TRACKER_STATE", `${this.path} is not open`, { hint: "call start first, and log before finish" });
    const added = [...entries.keys()].filter((name) => !this.#columns.includes(name));
    if (added.length > 0) await this.#widen(added);
    await this.#file.append(row(this.#columns.map((name) => entries.get(name))));
  }

  async #widen(added: readonly string[]): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
    const columns = [...this.#columns, ...added];
    const draft = `${this.path}.${randomBytes(6).toString("hex")}`;
    await writeFile(draft, widen(await this.#text(), columns), { flag: "wx", flush: true });
    await rename(draft, this.path);
    this.#columns = columns;
    this.#file = await this.#open();
  }
  #open(): Promise<AppendFile> {
    return AppendFile.open(this.path, { lineEnd: "\n" });
  }
  #text(): Promise<string> {
    return readFile(this.path, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return "";
      throw error;
    });
  }
}
