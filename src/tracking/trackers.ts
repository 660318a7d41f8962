// All trackers of a run, as one: made by name, called on the main process only, and none of them able to end the training.
import { ArgumentError } from "../errors.js";
import { checkNames } from "../option-names.js";
import { GuardedTracker } from "./guarded.js";
import { type FinishOptions, type Tracker, type TrackerContext, type TrackerFactory, TrackingError } from "./tracker.js";
import { type ConfigValues, flatConfig, flatValues, type LogValues } from "./values.js";
import { type InitKwargs, type LogWith, nameOf, Workshop } from "./workshop.js";

export interface TrackersOptions {
  readonly logWith: LogWith | readonly LogWith[];
  /** Where trackers of files write. */
  readonly loggingDir?: string | undefined;
  /** False on all processes but the main one: calls are checked there, and reach only trackers that run in every process. */
  readonly enabled?: boolean;
  /** Deadline of every call of a tracker, in milliseconds; 60000. */
  readonly timeoutMs?: number;
  /** Takes what must be told of trackers that fail; stderr when left out. */
  readonly report?: (message: string) => void;
}

export interface InitOptions {
  /** Options of trackers, by name. */
  readonly initKwargs?: InitKwargs;
}
/** More for the `log` of single trackers, by name. */
export type LogKwargs = Readonly<Record<string, Readonly<Record<string, unknown>>>>;
export interface TrackerLogOptions {
  /** Whole number, 0 or more; the one after the last when left out. */
  readonly step?: number;
  readonly logKwargs?: LogKwargs;
}

/** What a checkpoint keeps of the trackers. */
export interface TrackersState {
  /** Of the last values; -1 before there were any. */
  readonly step: number;
  /** Ids of runs on servers, by tracker. */
  readonly runs?: Readonly<Record<string, string>>;
}

/** Stands where a tracker is off, or on another process: takes everything and does nothing. */
class SilentTracker implements Tracker {
  readonly name: string;
  readonly tracker = undefined;
  readonly requiresLoggingDirectory = false;
  constructor(name: string) {
    this.name = name;
  }
  async start(): Promise<void> {}
  async storeInitConfiguration(): Promise<void> {}
  async log(): Promise<void> {}
  async finish(): Promise<void> {}
}

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
  readonly #workshop = new Workshop();
  readonly #told = new Set<string>();
  #active: ReadonlyMap<string, GuardedTracker> | undefined;
  #names: readonly string[];
  #starting = false;
  #ended = false;
  #step = -1;
  #runs: Readonly<Record<string, string>> = {};

  constructor({ logWith, loggingDir, enabled = true, timeoutMs = 60_000, report = tell }: TrackersOptions) {
    this.enabled = enabled;
    this.#logWith = Array.isArray(logWith) ? [...(logWith as readonly LogWith[])] : [logWith as LogWith];
    this.#names = this.#logWith.map(nameOf);
    this.#loggingDir = loggingDir;
    if (!(timeoutMs > 0 && timeoutMs < 2 ** 31)) throw new ArgumentError(`timeoutMs is ${timeoutMs}`, { hint: "give milliseconds, more than 0" });
    this.#timeoutMs = timeoutMs;
    this.#report = report;
  }

  /** Names of the trackers, in the order in which they were given; "all" becomes theirs with `initTrackers`. */
  get names(): readonly string[] {
    return this.#names;
  }
  /** Trackers that run in this process: on others than the main one only those that ask for it. */
  get running(): readonly Tracker[] {
    return [...(this.#active?.values() ?? [])].flatMap((guarded) => (guarded.on ? [guarded.tracker] : []));
  }
  /** Whether values can be logged here. */
  get open(): boolean {
    return this.#active !== undefined && !this.#ended;
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
    this.#workshop.register(name, factory as TrackerFactory);
  }

  /**
   * Makes and starts the trackers, and gives them the settings of the run.
   * @throws ArgumentError on every process for names that nobody has registered and options that do not fit; what fails in a tracker itself only switches it off.
   */
  async initTrackers(project: string, config: ConfigValues = {}, options: InitOptions = {}): Promise<void> {
    const { initKwargs = {} } = options;
    if (this.#starting) throw new TrackingError("ERR_TRACKER_STATE", "initTrackers was called before", { hint: "make new Trackers for another run" });
    if (typeof project !== "string" || project === "") throw new ArgumentError("the project has no name", { hint: 'write initTrackers("mrpc")' });
    checkNames("initTrackers", options, { initKwargs: true }, { initKwargs: Object.fromEntries(this.names.map((name) => [name, true])) });
    flatConfig(config);
    this.#starting = true;
    const context: TrackerContext = { project, loggingDir: this.#loggingDir, warn: (message) => (this.enabled ? this.#warn(message) : undefined) };
    let made: readonly Tracker[];
    try {
      made = await this.#workshop.make(this.#logWith, context, initKwargs, this.#runs);
    } catch (error) {
      this.#starting = false;
      throw error;
    }
    this.#names = made.map(({ name }) => name);
    const guard = { timeoutMs: this.#timeoutMs, report: this.#report };
    const here = made.filter((tracker) => this.enabled || tracker.mainProcessOnly === false);
    this.#active = new Map(here.map((tracker) => [tracker.name, new GuardedTracker(tracker, guard)]));
    await this.#each(async (guarded) => {
      await guarded.start();
      await guarded.storeInitConfiguration(config);
    });
  }

  /**
   * Values of one step, to all trackers. Returns when the trackers have the values, which for servers is before they are sent.
   * @throws ArgumentError for values that cannot be logged, on every process; TrackingError before `initTrackers` and after `endTraining`, on the main process.
   */
  async log(values: LogValues, { step = this.#step + 1, logKwargs = {} }: TrackerLogOptions = {}): Promise<void> {
    if (this.enabled && !this.open) {
      const [when, hint] = this.#ended ? ["after endTraining", "log before it"] : ["before initTrackers", 'call await initTrackers("project") first'];
      throw new TrackingError("ERR_TRACKER_STATE", `log ${when}`, { hint });
    }
    if (!Number.isSafeInteger(step) || step < 0) throw new ArgumentError(`step is ${step}`, { hint: "give a whole number, 0 or more" });
    const unknown = this.#active && Object.keys(logKwargs).find((name) => !this.names.includes(name));
    if (unknown !== undefined) throw new ArgumentError(`logKwargs names "${unknown}"`, { hint: `the trackers are ${this.names.join(", ")}` });
    flatValues(values);
    this.#step = step;
    // Taken now: the caller may change its record before the trackers come to it.
    const taken = structuredClone(values);
    await this.#each((guarded) => guarded.log(taken, { ...logKwargs[guarded.tracker.name], step }));
  }
  /** Values that count by a clock of their own, whatever steps the user counts by; nothing while no tracker runs. */
  async logBeside(values: LogValues, { step, axis }: { readonly step: number; readonly axis: string }): Promise<void> {
    if (this.open) await this.#each((guarded) => guarded.log(values, { step, axis }));
  }

  /**
   * The tracker of this name, to use what only it has (`instanceof` tells which it is). On other processes than the main one, and when it is switched off, one that does nothing. With `unwrap` the
   * object that it stands before, if there is one.
   * @throws ArgumentError when there is none of this name.
   */
  getTracker(name: string, options?: { readonly unwrap?: false }): Tracker;
  getTracker(name: string, options: { readonly unwrap: boolean }): unknown;
  getTracker(name: string, { unwrap = false }: { readonly unwrap?: boolean } = {}): unknown {
    if (!this.names.includes(name)) throw new ArgumentError(`there is no tracker "${name}"`, { hint: `the trackers are ${this.names.join(", ") || "none"}` });
    const guarded = this.#active?.get(name);
    const tracker = guarded?.on ? guarded.tracker : new SilentTracker(name);
    return unwrap ? (tracker.tracker ?? tracker) : tracker;
  }

  /** For a checkpoint: a run that goes on counts its steps from here, and is the same one on servers when the state is loaded before `initTrackers`. */
  stateDict(): TrackersState {
    const runs = this.running.flatMap(({ name, runId }) => (runId === undefined ? [] : [[name, runId] as const]));
    return { step: this.#step, runs: { ...this.#runs, ...Object.fromEntries(runs) } };
  }
  /** @throws ArgumentError when it is no state of trackers. */
  loadStateDict(state: TrackersState): void {
    const { step, runs = {} } = state;
    if (!Number.isSafeInteger(step) || step < -1 || Object.values(runs).some((run) => typeof run !== "string"))
      throw new ArgumentError(`the state of the trackers has the step ${step}`, { hint: "give what stateDict gave" });
    this.#step = step;
    if (!this.#starting) this.#runs = runs;
    for (const { name, runId } of this.running)
      if (runs[name] !== undefined && runs[name] !== runId)
        this.#warn(
          `the checkpoint was tracked in run ${runs[name]} of ${name}, and this run is ${runId}: to go on in the same one, load it before initTrackers`,
        );
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

  #warn(message: string): void {
    if (this.#told.has(message)) return;
    this.#told.add(message);
    this.#report(message);
  }
  async #each(work: (guarded: GuardedTracker) => Promise<void>): Promise<void> {
    await Promise.all([...(this.#active?.values() ?? [])].map(work));
  }
}
