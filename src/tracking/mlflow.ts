// The tracker "mlflow": a run on an MLflow server, sent in batches while the training goes on.
import { mlflowSettings } from "../config.js";
import { MlflowClient, MlflowError, type MlflowNumber, type Metric, type Pair } from "./mlflow-client.js";
import { type FinishOptions, type LogOptions, type Tracker, type TrackerContext, TrackingError } from "./tracker.js";
import { type ConfigValues, type FlatValue, flatConfig, flatValues, type LogValues } from "./values.js";

export interface MlflowOptions {
  /** Address of the server; MLFLOW_TRACKING_URI or "http://127.0.0.1:5000" when left out. */
  readonly trackingUri?: string;
  /** Name of the experiment; MLFLOW_EXPERIMENT_NAME or the project when left out. */
  readonly experimentName?: string;
  /** Name of the run; MLflow makes one up when left out. */
  readonly runName?: string;
  /** A run to go on with; MLFLOW_RUN_ID or a new one when left out. Its parameters cannot change. */
  readonly runId?: string;
  readonly tags?: Readonly<Record<string, string>>;
  /** Left out: MLFLOW_TRACKING_TOKEN, MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD. */
  readonly token?: string;
  readonly username?: string;
  readonly password?: string;
  /** Deadline of one request, in milliseconds; 10000. */
  readonly timeoutMs?: number;
  /** How often a request is tried again when the server does not answer or is busy; 3. */
  readonly retries?: number;
  /** How long values wait for others to go with them, in milliseconds; 1000. */
  readonly flushMs?: number;
}

/** What one log-batch may hold, by MLflow's documentation. */
const limits = { metrics: 1000, params: 100, tags: 100, value: 6000, tag: 5000, key: 250 } as const;
/** What waits while the server does not take it; more is an error, not memory without end. */
const maxWaiting = 100_000;

const number = (value: number): MlflowNumber => (Number.isFinite(value) ? value : (String(value) as MlflowNumber));
/** Letters that MLflow takes in names; all others become underscores. */
const nameOf = (key: string): string => key.replace(/[^\p{L}\p{N}_\-. /]/gu, "_").slice(0, limits.key);
function* parts<T>(list: readonly T[], size: number): Generator<readonly T[]> {
  for (let i = 0; i < list.length; i += size) yield list.slice(i, i + size);
}

/**
 * Finds or makes the experiment, makes a run, sends numbers as metrics, texts as tags (the last one stays), the configuration as parameters, and ends the run as FINISHED or FAILED. `log` does not wait
 * for the server: values go out every second. What cannot be sent is told by the next `log` or by `finish`.
 *
 * @example
 * const trackers = new Trackers({ logWith: ["mlflow"] });
 * await trackers.initTrackers("spam", { learningRate: 1e-3 }, { initKwargs: { mlflow: { trackingUri: "http://127.0.0.1:5000" } } });
 * await trackers.log({ loss: 0.5 }, { step: 1 });
 * await trackers.endTraining();
 */
export class MlflowTracker implements Tracker {
  readonly name = "mlflow";
  readonly requiresLoggingDirectory = false;
  readonly #context: TrackerContext;
  readonly #options: MlflowOptions;
  readonly #client: MlflowClient;
  #runId: string | undefined;
  #metrics: Metric[] = [];
  #tags = new Map<string, string>();
  #timer: NodeJS.Timeout | undefined;
  #sending: Promise<void> | undefined;
  #failure: unknown;

  constructor(context: TrackerContext, options: MlflowOptions = {}) {
    this.#context = context;
    const { trackingUri = "http://127.0.0.1:5000", experimentName = context.project, runId, ...login } = mlflowSettings();
    this.#options = {
      ...options,
      experimentName: options.experimentName ?? experimentName,
      ...((options.runId ?? runId) && { runId: (options.runId ?? runId)! }),
    };
    const { timeoutMs = 10_000, retries = 3, token = login.token, username = login.username, password = login.password } = options;
    this.#client = new MlflowClient({ trackingUri: options.trackingUri ?? trackingUri, token, username, password, timeoutMs, retries });
  }

  /** Id of the run on the server; undefined before `start`. */
  get runId(): string | undefined {
    return this.#runId;
  }

  async start(): Promise<void> {
    const { experimentName = this.#context.project, runName, runId, tags = {} } = this.#options;
    if (runId !== undefined) {
      await this.#client.call("runs/update", { run_id: runId, status: "RUNNING" });
      this.#runId = runId;
      return;
    }
    const experiment = await this.#experiment(experimentName);
    const { run } = await this.#client.call("runs/create", {
      experiment_id: experiment,
      start_time: Date.now(),
      ...(runName === undefined ? {} : { run_name: runName }),
      tags: Object.entries(tags).map(([key, value]) => ({ key, value })),
    });
    this.#runId = this.#known(run?.info?.run_id, "runs/create gave no run_id");
  }

  async storeInitConfiguration(values: ConfigValues): Promise<void> {
    const params: Pair[] = [...flatConfig(values)].map(([key, value]) => ({ key: nameOf(key), value: this.#cut(key, String(value), limits.value) }));
    for (const part of parts(params, limits.params)) await this.#client.call("runs/log-batch", { run_id: this.#open(), params: part });
  }

  async log(values: LogValues, { step, wallTime = Date.now() / 1000 }: LogOptions): Promise<void> {
    this.#open();
    this.#check();
    const timestamp = Math.round(wallTime * 1000);
    for (const [key, value] of flatValues(values)) this.#keep(nameOf(key), key, value, { timestamp, step });
    if (this.#metrics.length > maxWaiting)
      throw new TrackingError("ERR_TRACKER", `${this.#metrics.length} values wait for the MLflow server`, {
        hint: "log less often, or use a server that is nearer",
      });
    // Nothing of ours keeps the process: what waits is sent by finish.
    if (!this.#sending) this.#timer ??= setTimeout(() => this.#send(), this.#options.flushMs ?? 1000).unref();
  }

  async finish({ status = "finished" }: FinishOptions = {}): Promise<void> {
    if (this.#runId === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    await this.#sending;
    if (this.#failure === undefined) await this.#send();
    const run = this.#runId;
    this.#runId = undefined;
    // A server that refused values is there, and is told that the run is over; one that does not answer is not asked again.
    if (this.#failure === undefined || this.#failure instanceof MlflowError)
      await this.#client.call("runs/update", { run_id: run, status: status === "finished" ? "FINISHED" : "FAILED", end_time: Date.now() });
    this.#check();
  }

  #keep(name: string, key: string, value: FlatValue, at: { readonly timestamp: number; readonly step: number }): void {
    if (typeof value === "string") this.#tags.set(name, this.#cut(key, value, limits.tag));
    else this.#metrics.push({ key: name, value: number(Number(value)), ...at });
  }

  /** Sends all that waits; a failure is kept for the next call. Never rejects. */
  #send(): Promise<void> {
    this.#timer = undefined;
    this.#sending ??= this.#sendAll()
      .catch((error: unknown) => {
        this.#failure = error;
      })
      .finally(() => {
        this.#sending = undefined;
      });
    return this.#sending;
  }
  async #sendAll(): Promise<void> {
    const run = this.#open();
    while (this.#metrics.length > 0 || this.#tags.size > 0) {
      const metrics = this.#metrics.splice(0, limits.metrics - limits.tags);
      const tags = [...this.#tags].slice(0, limits.tags).map(([key, value]) => ({ key, value }));
      for (const { key } of tags) this.#tags.delete(key);
      await this.#client.call("runs/log-batch", { run_id: run, metrics, tags });
    }
  }

  async #experiment(name: string): Promise<string> {
    const found = await this.#find(name);
    if (found !== undefined) return found;
    try {
      const { experiment_id } = await this.#client.call("experiments/create", { name });
      return this.#known(experiment_id, "experiments/create gave no experiment_id");
    } catch (error) {
      // Another process was faster.
      if (!(error instanceof MlflowError) || error.errorCode !== "RESOURCE_ALREADY_EXISTS") throw error;
      return this.#known(await this.#find(name), `the experiment ${name} is there and cannot be found; it may have been deleted`);
    }
  }
  async #find(name: string): Promise<string | undefined> {
    try {
      const { experiment } = await this.#client.call("experiments/get-by-name", { experiment_name: name });
      return this.#known(experiment?.experiment_id, "experiments/get-by-name gave no experiment_id");
    } catch (error) {
      if (error instanceof MlflowError && error.errorCode === "RESOURCE_DOES_NOT_EXIST") return undefined;
      throw error;
    }
  }

  #cut(key: string, value: string, characters: number): string {
    if (value.length <= characters) return value;
    this.#context.warn(`mlflow: the value of "${key}" has ${value.length} characters, MLflow takes ${characters}; the rest is left out`);
    return value.slice(0, characters);
  }
  #known(id: string | undefined, what: string): string {
    if (id) return id;
    throw new TrackingError("ERR_TRACKER", what, { hint: "is this address an MLflow server?" });
  }
  #open(): string {
    if (this.#runId !== undefined) return this.#runId;
    throw new TrackingError("ERR_TRACKER_STATE", "the MLflow run is not open", { hint: "call start first, and log before finish" });
  }
  #check(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }
}
