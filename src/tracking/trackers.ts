// All trackers of a run, as one: made by name, called on the main process only, and none of them able to end the training.
import { ArgumentError } from "../errors.js";
import { GuardedTracker } from "./guarded.js";
import { knownTrackers, type TrackerName, type TrackerOptions } from "./known.js";
import { type FinishOptions, type Tracker, type TrackerContext, type TrackerFactory, TrackingError } from "./tracker.js";
import { type ConfigValues, flatConfig, flatValues, type LogValues } from "./values.js";

/** A tracker by name, one that is made already, or several names at once. */
export type LogWith = TrackerName | Tracker | (string & {});

export interface TrackersOptions {
  readonly logWith: LogWith | readonly LogWith[];
  /** Where trackers of files write. */
  readonly loggingDir?: string | undefined;
  /** False on all processes but the main one: every call is checked there and then does nothing. */
  readonly enabled?: boolean;
  /** Deadline of every call of a tracker, in milliseconds; 60000. */
  readonly timeoutMs?: number;
  /** Takes what must be told of trackers that fail; stderr when left out. */
  readonly report?: (message: string) => void;
}

/** Options of trackers by name. */
export type InitKwargs = { readonly [N in TrackerName]?: TrackerOptions[N] } & { readonly [name: string]: object | undefined };
/** More for the `log` of single trackers, by name. */
export type LogKwargs = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** What a checkpoint keeps of the trackers. */
export interface TrackersState {
  /** Of the last values; -1 before there were any. */
  readonly step: number;
}

/** Stands where a tracker is off, or on another process: takes everything and does nothing. */
class SilentTracker implements Tracker {
  readonly name: string;
  readonly requiresLoggingDirectory = false;
  constructor(name: string) {
    this.name = name;
  }
  async start(): Promise<void> {}
  async storeInitConfiguration(): Promise<void> {}
  async log(): Promise<void> {}
  async finish(): Promise<void> {}
}

const isTracker = (value: LogWith): value is Tracker => typeof value === "object" && value !== null;
const tell = (message: string): void => console.error(message);

/**
 * The trackers of a run. A tracker that fails is told of on stderr, once, and switched off; the training and the other trackers go on.
 *
 * @example
 * await using trackers = new Trackers({ logWith: ["tensorboard", "jsonl"], loggingDir: "runs" });
 * await trackers.initTrackers("mrpc", { learningRate: 2e-5, batchSize: 16 });
 * await trackers.log({ train: { loss: 0.61 } }, { step: 10 }); // train/loss
 * await trackers.endTraining();
 */
export class Trackers implements AsyncDisposable {
  readonly enabled: boolean;
  readonly #logWith: readonly LogWith[];
  readonly #loggingDir: string | undefined;
  readonly #timeoutMs: number;
  readonly #report: (message: string) => void;
  readonly #factories = new Map<string, TrackerFactory>(Object.entries(knownTrackers) as [string, TrackerFactory][]);
  readonly #told = new Set<string>();
  #active: ReadonlyMap<string, GuardedTracker> | undefined;
  #starting = false;
  #ended = false;
  #step = -1;

  constructor({ logWith, loggingDir, enabled = true, timeoutMs = 60_000, report = tell }: TrackersOptions) {
    this.enabled = enabled;
    this.#logWith = Array.isArray(logWith) ? [...(logWith as readonly LogWith[])] : [logWith as LogWith];
    this.#loggingDir = loggingDir;
    if (!(timeoutMs > 0 && timeoutMs < 2 ** 31)) throw new ArgumentError(`timeoutMs is ${timeoutMs}`, { hint: "give milliseconds, more than 0" });
    this.#timeoutMs = timeoutMs;
    this.#report = report;
  }

  /** Names of the trackers, in the order in which they were given. */
  get names(): readonly string[] {
    return this.#logWith.map((item) => (isTracker(item) ? item.name : item));
  }

  /**
   * Adds a kind of tracker under a name, for this run only. Before `initTrackers`.
   *
   * @example
   * const trackers = new Trackers({ logWith: ["console"] });
   * trackers.registerTracker("console", () => myTracker);
   */
  registerTracker<O extends object>(name: string, factory: TrackerFactory<O>): void {
    if (this.#starting) throw new TrackingError("ERR_TRACKER_STATE", `the tracker ${name} comes after initTrackers`, { hint: "register it before" });
    if (name === "" || this.#factories.has(name))
      throw new ArgumentError(`a tracker named "${name}" cannot be added`, {
        hint: `take a name that is free; taken are ${[...this.#factories.keys()].join(", ")}`,
      });
    this.#factories.set(name, factory as TrackerFactory);
  }

  /**
   * Makes and starts the trackers, and gives them the settings of the run. `initKwargs` holds options by tracker.
   * @throws ArgumentError on every process for names that nobody has registered and options that do not fit; what fails in a tracker itself only switches it off.
   */
  async initTrackers(project: string, config: ConfigValues = {}, initKwargs: InitKwargs = {}): Promise<void> {
    if (this.#starting) throw new TrackingError("ERR_TRACKER_STATE", "initTrackers was called before", { hint: "make new Trackers for another run" });
    if (typeof project !== "string" || project === "") throw new ArgumentError("the project has no name", { hint: 'write initTrackers("mrpc")' });
    flatConfig(config);
    const made = this.#make(project, initKwargs);
    this.#starting = true;
    if (!this.enabled) {
      this.#active = new Map();
      return;
    }
    const guard = { timeoutMs: this.#timeoutMs, report: this.#report };
    this.#active = new Map(made.map((tracker) => [tracker.name, new GuardedTracker(tracker, guard)]));
    await this.#each(async (guarded) => {
      await guarded.start();
      await guarded.storeInitConfiguration(config);
    });
  }

  /**
   * Values of one step, to all trackers; `logKwargs` holds more for single ones. Without a step it is the one after the last. Returns when the trackers have the values, which for servers is before they
   * are sent.
   * @throws ArgumentError for values that cannot be logged, on every process.
   */
  async log(values: LogValues, options: { readonly step?: number; readonly logKwargs?: LogKwargs } = {}): Promise<void> {
    if (this.#ended || !this.#active) {
      const [when, hint] = this.#ended ? ["after endTraining", "log before it"] : ["before initTrackers", 'call await initTrackers("project") first'];
      throw new TrackingError("ERR_TRACKER_STATE", `log ${when}`, { hint });
    }
    const { step = this.#step + 1, logKwargs = {} } = options;
    if (!Number.isSafeInteger(step) || step < 0) throw new ArgumentError(`step is ${step}`, { hint: "give a whole number, 0 or more" });
    const unknown = Object.keys(logKwargs).find((name) => !this.names.includes(name));
    if (unknown !== undefined) throw new ArgumentError(`logKwargs names "${unknown}"`, { hint: `the trackers are ${this.names.join(", ")}` });
    flatValues(values);
    this.#step = step;
    // Taken now: the caller may change its record before the trackers come to it.
    const taken = structuredClone(values);
    await this.#each((guarded) => guarded.log(taken, { ...logKwargs[guarded.tracker.name], step }));
  }

  /**
   * The tracker of this name, to use what only it has (`instanceof` tells which it is). On other processes than the main one, and when it is switched off, one that does nothing.
   * @throws ArgumentError when there is none of this name.
   */
  getTracker(name: string): Tracker {
    if (!this.names.includes(name)) throw new ArgumentError(`there is no tracker "${name}"`, { hint: `the trackers are ${this.names.join(", ") || "none"}` });
    const guarded = this.#active?.get(name);
    return guarded?.on ? guarded.tracker : new SilentTracker(name);
  }

  /** For a checkpoint: a run that goes on counts its steps from here. */
  stateDict(): TrackersState {
    return { step: this.#step };
  }
  /** @throws ArgumentError when it is no state of trackers. */
  loadStateDict(state: TrackersState): void {
    if (!Number.isSafeInteger(state.step) || state.step < -1)
      throw new ArgumentError(`the state of the trackers has the step ${state.step}`, { hint: "give what stateDict gave" });
    this.#step = state.step;
  }

  /** Writes and sends what is left and closes the run. Further calls do nothing. */
  async endTraining(options: FinishOptions = {}): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    await this.#each((guarded) => guarded.finish(options));
  }
  /** `endTraining`, unless it was called. */
  close(): Promise<void> {
    return this.endTraining();
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #make(project: string, initKwargs: InitKwargs): Tracker[] {
    const { names } = this;
    const twice = names.find((name, i) => names.indexOf(name) !== i);
    if (twice !== undefined) throw new ArgumentError(`the tracker ${twice} is given twice`, { hint: "give each once" });
    const stray = Object.keys(initKwargs).find((name) => !names.includes(name));
    if (stray !== undefined) throw new ArgumentError(`initKwargs names "${stray}"`, { hint: `the trackers are ${names.join(", ") || "none"}` });
    return this.#logWith.map((item) => {
      const tracker = isTracker(item) ? item : this.#create(item, project, initKwargs[item] ?? {});
      if (tracker.requiresLoggingDirectory && this.#loggingDir === undefined)
        throw new ArgumentError(`the tracker ${tracker.name} writes files and has no place for them`, { hint: "give loggingDir (or projectDir)" });
      return tracker;
    });
  }
  #create(name: string, project: string, options: object): Tracker {
    const factory = this.#factories.get(name);
    if (!factory)
      throw new ArgumentError(`there is no tracker "${name}"`, {
        hint: `there are ${[...this.#factories.keys()].join(", ")}; others are added with registerTracker`,
      });
    const context: TrackerContext = { project, loggingDir: this.#loggingDir, warn: (message) => this.#warn(message) };
    const tracker = factory(context, options);
    // Under one name it is found, called and reported.
    if (tracker.name !== name)
      throw new ArgumentError(`the tracker registered as "${name}" calls itself "${tracker.name}"`, { hint: "give both the same name" });
    return tracker;
  }
  #warn(message: string): void {
    if (this.#told.has(message)) return;
    this.#told.add(message);
    this.#report(message);
  }
  async #each(work: (guarded: GuardedTracker) => Promise<void>): Promise<void> {
    await Promise.all([...(this.#active?.values() ?? [])].map(work));
  }
}
