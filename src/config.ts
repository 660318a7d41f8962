// The settings that come from the environment; the only file outside launcher/ that reads process.env. Nothing is cached, so a launcher or a test may change them.
import { availableParallelism, homedir } from "node:os";
import { join } from "node:path";
import { ArgumentError } from "./errors.js";
import { type Environment, readWorkerSettings, type WorkerSettings } from "./launched.js";
import { type Device, parseDevice } from "./runtime/device.js";
import { MAX_ACCUMULATION, type ProgramDefaults, precisions, programVariables, readChoice, readSwitch, readWhole } from "./settings.js";
import { gpuOfProcess, visibleGpus } from "./visible-gpus.js";

export type { WorkerSettings } from "./launched.js";

const maxThreads = 1024;

/**
 * Threads of one process for kernels: ACCELERATE_TS_NUM_THREADS, else OMP_NUM_THREADS; undefined: as many as cores are usable.
 * @throws ArgumentError when our own variable holds no number.
 */
export function configuredThreads(env: Environment = process.env): number | undefined {
  const own = env.ACCELERATE_TS_NUM_THREADS;
  if (own) {
    const threads = Number(own);
    if (Number.isInteger(threads) && threads >= 1 && threads <= maxThreads) return threads;
    throw new ArgumentError(`ACCELERATE_TS_NUM_THREADS is "${own}"`, {
      hint: `give a number of threads, 1 to ${maxThreads} (this machine shows ${availableParallelism()} cores)`,
    });
  }
  // OpenMP allows a list, one number per nesting level; what is not a number there is another library's business.
  const shared = Number.parseInt(env.OMP_NUM_THREADS ?? "", 10);
  return shared >= 1 && shared <= maxThreads ? shared : undefined;
}

/** ACCELERATE_TS_NATIVE: the addon to load instead of the built one; false ("0"): none; undefined: the built one. */
export function configuredNative(env: Environment = process.env): string | false | undefined {
  return env.ACCELERATE_TS_NATIVE === "0" ? false : env.ACCELERATE_TS_NATIVE || undefined;
}

/** ACCELERATE_TS_CUDA_KERNELS: our kernels for GPUs, a path, or "0" for none; undefined: those beside the addon, where they were built. */
export const configuredCudaKernels = (env: Environment = process.env): string | false | undefined =>
  env.ACCELERATE_TS_CUDA_KERNELS === "0" ? false : env.ACCELERATE_TS_CUDA_KERNELS || undefined;

/** ACCELERATE_TS_ONNXRUNTIME: the folder whose libonnxruntime (and CUDA provider) is used instead of the one in the package onnxruntime-node, which may not be writable. */
export const configuredOnnxruntime = (env: Environment = process.env): string | undefined => env.ACCELERATE_TS_ONNXRUNTIME || undefined;

/**
 * What the launcher of this process told it; undefined: nobody launched it, and it is a world of its own.
 * @throws ArgumentError ERR_LAUNCH_ENVIRONMENT when the variables contradict each other or some are missing.
 */
export function configuredWorker(env: Environment = process.env): WorkerSettings | undefined {
  return readWorkerSettings(env, process.pid);
}

/** ACCELERATE_TS_DEVICE, as `accelerate-ts launch` sets it for each worker, else Accelerate's own variable. */
const deviceVariables = ["ACCELERATE_TS_DEVICE", "ACCELERATE_TORCH_DEVICE"] as const;

/**
 * The device that the environment names for this process; undefined: none, it is chosen by what is there. "cuda" without a number is the GPU of `configuredGpu`.
 * @throws ArgumentError ERR_DEVICE when it names no device.
 */
export function configuredDevice(env: Environment = process.env): Device | undefined {
  const variable = deviceVariables.find((name) => env[name]);
  const text = variable && env[variable]?.trim().toLowerCase();
  if (!text) return undefined;
  try {
    return parseDevice(text === "cuda" ? `cuda:${gpuOfProcess(env, process.pid)}` : text);
  } catch (cause) {
    if (!(cause instanceof ArgumentError)) throw cause;
    throw new ArgumentError(`${variable} is "${env[variable]}"`, {
      code: "ERR_DEVICE",
      cause,
      hint: "set cpu, cuda, cuda:0, cuda:1 ... or webgpu, or unset it",
    });
  }
}

/**
 * Number of the GPU, among the visible ones, that this process takes where its device is chosen by itself: that of its local rank under any launcher, the first without one;
 * undefined: CUDA_VISIBLE_DEVICES hides all.
 */
export const configuredGpu = (env: Environment = process.env): number | undefined =>
  visibleGpus(env)?.length === 0 ? undefined : gpuOfProcess(env, process.pid);

/** What is told to programs, and what counts as a value of it. */
const programSettings: { readonly [K in keyof Required<ProgramDefaults>]: readonly [read: (text: string) => ProgramDefaults[K], wanted: string] } = {
  mixedPrecision: [(text) => readChoice(text, precisions), `one of ${precisions.join(", ")}`],
  gradientAccumulationSteps: [(text) => readWhole(text, 1, MAX_ACCUMULATION), `a whole number from 1 to ${MAX_ACCUMULATION}`],
  debug: [readSwitch, "true or false"],
  cpu: [readSwitch, "true or false"],
};

/**
 * What an Accelerator takes where the program itself says nothing: ACCELERATE_TS_MIXED_PRECISION, _GRADIENT_ACCUMULATION_STEPS, _DEBUG_MODE, _USE_CPU, else the same with ACCELERATE_ alone.
 * `accelerate-ts launch` sets them from its flags and files.
 * @throws ArgumentError when one of them holds no such value.
 */
export function configuredProgram(env: Environment = process.env): ProgramDefaults {
  return Object.fromEntries(
    (Object.keys(programSettings) as (keyof ProgramDefaults)[]).flatMap((name) => {
      const variable = programVariables[name].find((known) => env[known]);
      const text = variable && env[variable];
      if (!text) return [];
      const [read, wanted] = programSettings[name];
      const value = read(text);
      if (value === undefined) throw new ArgumentError(`${variable} is "${text}"`, { hint: `set ${wanted}, or unset it` });
      return [[name, value]];
    }),
  );
}

/** What `accelerate-ts profile` tells the workers' profilers. */
export interface ProfileSettings {
  readonly outputTraceDir?: string;
  readonly skipFirst?: number;
  readonly active?: number;
}

/**
 * ACCELERATE_TS_PROFILE, a JSON object: what to profile; undefined: nothing.
 * @throws ArgumentError when it is no such object.
 */
export function configuredProfile(env: Environment = process.env): ProfileSettings | undefined {
  const text = env.ACCELERATE_TS_PROFILE;
  if (!text) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as ProfileSettings;
  } catch {
    // no JSON: the error below
  }
  throw new ArgumentError(`ACCELERATE_TS_PROFILE is "${text}"`, { hint: "run accelerate-ts profile, which sets it, or unset it" });
}

/** ACCELERATE_TS_LOG_LEVEL, else Accelerate's own ACCELERATE_LOG_LEVEL: the least level that loggers show, in lower case. */
export const configuredLogLevel = (env: Environment = process.env): string | undefined =>
  (env.ACCELERATE_TS_LOG_LEVEL || env.ACCELERATE_LOG_LEVEL)?.toLowerCase() || undefined;

/** How to write to a terminal (https://no-color.org). */
export interface TerminalSettings {
  readonly noColor: boolean;
  /** ACCELERATE_TS_TERMINAL: what this process writes to stderr goes to a terminal of so many columns, though through a pipe. */
  readonly through: number | undefined;
  /** COLUMNS, for terminals that do not say how wide they are. */
  readonly columns: number | undefined;
}

export function terminalSettings(env: Environment = process.env): TerminalSettings {
  const columns = (text: string | undefined) => (Number.isInteger(Number(text)) && Number(text) > 0 ? Number(text) : undefined);
  return { noColor: env.NO_COLOR !== undefined && env.NO_COLOR !== "", through: columns(env.ACCELERATE_TS_TERMINAL), columns: columns(env.COLUMNS) };
}

/** What W&B's own client reads, too. */
export interface WandbSettings {
  /** WANDB_MODE; WANDB_DISABLED=true means "disabled". */
  readonly mode: "online" | "offline" | "disabled" | undefined;
  readonly apiKey: string | undefined;
  readonly baseUrl: string | undefined;
  readonly entity: string | undefined;
  readonly project: string | undefined;
  readonly name: string | undefined;
  /** WANDB_RUN_ID. */
  readonly id: string | undefined;
  /** WANDB_RUN_GROUP. */
  readonly group: string | undefined;
  readonly jobType: string | undefined;
  readonly notes: string | undefined;
  /** WANDB_TAGS, between commas. */
  readonly tags: readonly string[] | undefined;
  readonly resume: "allow" | "must" | "never" | undefined;
  readonly dir: string | undefined;
  /** NETRC, else ~/.netrc: where `wandb login` keeps the key. */
  readonly netrc: string;
}
/** What MLflow's own client reads, too. */
export interface MlflowSettings {
  readonly trackingUri: string | undefined;
  readonly experimentName: string | undefined;
  readonly runId: string | undefined;
  readonly token: string | undefined;
  readonly username: string | undefined;
  readonly password: string | undefined;
}

const wandbModes = { online: "online", run: "online", offline: "offline", dryrun: "offline", disabled: "disabled" } as const;
const wandbResumes = { allow: "allow", auto: "allow", true: "allow", must: "must", never: "never" } as const;
function oneOf<T>(name: string, value: string | undefined, table: Readonly<Record<string, T>>): T | undefined {
  if (!value) return undefined;
  if (Object.hasOwn(table, value)) return table[value];
  throw new ArgumentError(`${name} is "${value}"`, { hint: `give one of ${Object.keys(table).join(", ")}` });
}

/** @throws ArgumentError when WANDB_MODE or WANDB_RESUME holds a word that W&B does not know either. */
export function wandbSettings(env: Environment = process.env): WandbSettings {
  const disabled = ["true", "1"].includes((env.WANDB_DISABLED ?? "").toLowerCase());
  const tags = (env.WANDB_TAGS ?? "").split(",").filter((tag) => tag !== "");
  return {
    mode: disabled ? "disabled" : oneOf("WANDB_MODE", env.WANDB_MODE, wandbModes),
    apiKey: env.WANDB_API_KEY || undefined,
    baseUrl: env.WANDB_BASE_URL || undefined,
    entity: env.WANDB_ENTITY || undefined,
    project: env.WANDB_PROJECT || undefined,
    name: env.WANDB_NAME || undefined,
    id: env.WANDB_RUN_ID || undefined,
    group: env.WANDB_RUN_GROUP || undefined,
    jobType: env.WANDB_JOB_TYPE || undefined,
    notes: env.WANDB_NOTES || undefined,
    tags: tags.length > 0 ? tags : undefined,
    resume: oneOf("WANDB_RESUME", env.WANDB_RESUME, wandbResumes),
    dir: env.WANDB_DIR || undefined,
    netrc: env.NETRC || join(homedir(), ".netrc"),
  };
}

export const mlflowSettings = (env: Environment = process.env): MlflowSettings => ({
  trackingUri: env.MLFLOW_TRACKING_URI || undefined,
  experimentName: env.MLFLOW_EXPERIMENT_NAME || undefined,
  runId: env.MLFLOW_RUN_ID || undefined,
  token: env.MLFLOW_TRACKING_TOKEN || undefined,
  username: env.MLFLOW_TRACKING_USERNAME || undefined,
  password: env.MLFLOW_TRACKING_PASSWORD || undefined,
});

/** What huggingface_hub and datasets read, too. */
export interface HubSettings {
  /** HF_ENDPOINT, without a slash at its end. */
  readonly endpoint: string;
  /** HF_HOME, else XDG_CACHE_HOME/huggingface, else ~/.cache/huggingface. */
  readonly home: string;
  /** HF_HUB_CACHE, else HUGGINGFACE_HUB_CACHE, else <home>/hub: files as they lie on the hub. */
  readonly cache: string;
  /** HF_DATASETS_CACHE, else <home>/datasets: Arrow files made of them. */
  readonly datasetsCache: string;
  /** HF_TOKEN, else HUGGING_FACE_HUB_TOKEN. */
  readonly token: string | undefined;
  /** HF_TOKEN_PATH, else <home>/token: where `hf auth login` keeps the token. */
  readonly tokenPath: string;
  /** HF_HUB_DISABLE_IMPLICIT_TOKEN: the token is sent only where the program asks for it. */
  readonly implicitToken: boolean;
  /** HF_HUB_OFFLINE, else TRANSFORMERS_OFFLINE. */
  readonly offline: boolean;
  /** HF_DATASETS_OFFLINE, else as `offline`. */
  readonly datasetsOffline: boolean;
  /** HF_HUB_DISABLE_PROGRESS_BARS. */
  readonly progress: boolean;
  /** HF_HUB_DISABLE_SYMLINKS: files of the cache are copied. */
  readonly symlinks: boolean;
  /** HF_HUB_ETAG_TIMEOUT, in seconds there: until the hub answers what a file is. */
  readonly etagTimeoutMs: number;
  /** HF_HUB_DOWNLOAD_TIMEOUT, in seconds there: without a byte of a download. */
  readonly downloadTimeoutMs: number;
  /** Not HF_HUB_DISABLE_TELEMETRY, DISABLE_TELEMETRY or DO_NOT_TRACK: requests say which Node sent them. */
  readonly telemetry: boolean;
}

const hubYes = (text: string | undefined): boolean => ["1", "ON", "YES", "TRUE"].includes((text ?? "").toUpperCase());

/** A path as Python's expanduser and expandvars read it: ~ at its begin, $NAME and ${NAME} where they are set. */
function expandPath(path: string, env: Environment): string {
  const home = path === "~" || path.startsWith("~/") ? env.HOME || homedir() : "";
  return (home + (home ? path.slice(1) : path)).replace(
    /\$(\w+)|\$\{([^}]*)\}/g,
    (whole, plain?: string, braced?: string) => env[plain ?? braced ?? ""] ?? whole,
  );
}

/** XDG_CACHE_HOME/accelerate-ts, else ~/.cache/accelerate-ts: what was measured on this machine. */
export const cacheFolder = (env: Environment = process.env): string => join(env.XDG_CACHE_HOME || join(env.HOME || homedir(), ".cache"), "accelerate-ts");

export function hubSettings(env: Environment = process.env): HubSettings {
  const path = (...choices: (string | undefined)[]): string => expandPath(choices.find((choice) => choice)!, env);
  const home = path(env.HF_HOME, join(env.XDG_CACHE_HOME || join(env.HOME || homedir(), ".cache"), "huggingface"));
  const offline = hubYes(env.HF_HUB_OFFLINE || env.TRANSFORMERS_OFFLINE);
  const seconds = (text: string | undefined) => (Number(text) > 0 ? Number(text) : 10) * 1000;
  // A newline behind a token comes from files and secrets.
  const token = (env.HF_TOKEN || env.HUGGING_FACE_HUB_TOKEN || "").replace(/[\r\n]/g, "").trim();
  return {
    endpoint: (env.HF_ENDPOINT || "https://huggingface.co").replace(/\/+$/, ""),
    home,
    cache: path(env.HF_HUB_CACHE, env.HUGGINGFACE_HUB_CACHE, join(home, "hub")),
    datasetsCache: path(env.HF_DATASETS_CACHE, join(home, "datasets")),
    token: token || undefined,
    tokenPath: path(env.HF_TOKEN_PATH, join(home, "token")),
    implicitToken: !hubYes(env.HF_HUB_DISABLE_IMPLICIT_TOKEN),
    offline,
    datasetsOffline: env.HF_DATASETS_OFFLINE ? hubYes(env.HF_DATASETS_OFFLINE) : offline,
    progress: !hubYes(env.HF_HUB_DISABLE_PROGRESS_BARS),
    symlinks: !hubYes(env.HF_HUB_DISABLE_SYMLINKS),
    etagTimeoutMs: seconds(env.HF_HUB_ETAG_TIMEOUT),
    downloadTimeoutMs: seconds(env.HF_HUB_DOWNLOAD_TIMEOUT),
    telemetry: ![env.HF_HUB_DISABLE_TELEMETRY, env.DISABLE_TELEMETRY, env.DO_NOT_TRACK].some(hubYes),
  };
}
