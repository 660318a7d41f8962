// The one table of settings. Flags, help, completion, keys of config files, names of variables, the questions of `config` and docs/command-line.md are made from it.
import { MAX_ACCUMULATION, type Precision, precisions, programVariables, TIMEOUT_SECONDS, WATCHDOG_SECONDS } from "../../src/settings.js";
import { deviceName, gpuNames, type Kind, onOff, oneOf, path, seconds, text, whole } from "./kinds.js";

/** In help and docs, settings of a group stand together. */
export const groups = { workers: "Workers", machines: "Several machines", program: "Training", watch: "Output and failures" } as const;

export interface Setting<T> {
  readonly kind: Kind<T>;
  readonly group: keyof typeof groups;
  readonly summary: string;
  readonly short?: string;
  /** What holds where nobody says anything. */
  readonly fallback?: T;
  /** The same in words, where it depends. */
  readonly otherwise?: string;
  /** Variables, where they are not the two that follow from the name. */
  readonly variables?: readonly string[];
  /** Keys of files besides the name in camelCase and with underscores. */
  readonly alsoKeys?: readonly string[];
  /** Written by `config default` and `config update`, with its fallback. */
  readonly basic?: true;
  /** Asked by `config`; those of several machines only where there are several. */
  readonly question?: string;
  /** Enter leaves the question open: what then holds is decided when workers start. */
  readonly mayStayOpen?: true;
  /** Says which file to read, so cannot stand in one. */
  readonly notInFiles?: true;
}

const setting = <T>(group: keyof typeof groups, kind: Kind<T>, summary: string, rest: Omit<Setting<T>, "group" | "kind" | "summary"> = {}): Setting<T> => ({
  group,
  kind,
  summary,
  ...rest,
});

export const MAX_WORKERS = 4096;
const MAX_PORT = 65534;
const MAX_THREADS = 1024;

export const settings = {
  configFile: setting("workers", path("F", "file"), "read this file of settings (.yaml, .json, .ts, .js) instead of the usual ones", { notInFiles: true }),
  numProcesses: setting("workers", whole("N", 1, MAX_WORKERS), "workers in all, on all machines", {
    short: "n",
    otherwise: "one per GPU, else 1",
    question: "How many workers in all?",
    mayStayOpen: true,
  }),
  numLocalProcesses: setting("workers", whole("L", 1, MAX_WORKERS), "workers on this machine, where machines differ"),
  numThreadsPerProcess: setting("workers", whole("T", 1, MAX_THREADS), "threads of each worker", {
    otherwise: "OMP_NUM_THREADS, else the usable cores, divided",
    variables: ["ACCELERATE_TS_NUM_THREADS", "ACCELERATE_NUM_THREADS"],
    alsoKeys: ["numCpuThreadsPerProcess"],
  }),
  device: setting("workers", deviceName, "where workers compute; webgpu: through Vulkan or Metal, on any maker's GPU", {
    otherwise: "cuda where there are GPUs and ONNX Runtime's CUDA provider, else cpu",
    variables: ["ACCELERATE_TS_DEVICE", "ACCELERATE_TORCH_DEVICE"],
  }),
  gpuIds: setting("workers", gpuNames, "GPUs for the workers, by commas: numbers among those that CUDA_VISIBLE_DEVICES leaves, or UUIDs", { otherwise: "all" }),
  cpu: setting("workers", onOff, "no GPUs, even where there are some", { fallback: false, variables: programVariables.cpu, alsoKeys: ["useCpu"], basic: true }),
  numMachines: setting("machines", whole("M", 1, MAX_WORKERS), "machines that take part", {
    fallback: 1,
    basic: true,
    question: "On how many machines?",
  }),
  machineRank: setting("machines", whole("R", 0, MAX_WORKERS - 1), "number of this machine, 0 to M-1", { question: "Number of this machine, from 0?" }),
  mainProcessIp: setting("machines", text("A", "an address"), "address of machine 0", { question: "Address of machine 0, for the others?" }),
  mainProcessPort: setting("machines", whole("P", 0, MAX_PORT), "port of machine 0", {
    otherwise: "on one machine a free one",
    question: "A free port of machine 0?",
  }),
  tokenFile: setting("machines", path("F", "file"), "file (mode 600) with the secret that all machines of the job share", {
    question: "File with the secret that all machines share?",
  }),
  tlsCert: setting("machines", path("F", "file"), "machine 0's certificate (PEM): traffic between machines' launchers is encrypted"),
  tlsKey: setting("machines", path("F", "file"), "its key"),
  tlsCa: setting("machines", path("F", "file"), "who may have signed the other ends' certificates; on machine 0: the others must show certificates, too"),
  mixedPrecision: setting<Precision>(
    "program",
    oneOf("P", precisions),
    "type that matrix products are computed in; on CPUs bf16 needs oneDNN, and fp16 is slow",
    {
      fallback: "no",
      variables: programVariables.mixedPrecision,
      basic: true,
    },
  ),
  gradientAccumulationSteps: setting("program", whole("K", 1, MAX_ACCUMULATION), "micro-batches per optimizer step", {
    fallback: 1,
    variables: programVariables.gradientAccumulationSteps,
    basic: true,
    question: "Micro-batches per optimizer step?",
  }),
  debug: setting("program", onOff, "compare each collective call over the workers before it runs", {
    fallback: false,
    variables: programVariables.debug,
    basic: true,
    question: "Compare calls over the workers (slow, to find a fault)?",
  }),
  logDir: setting("watch", path("D", "folder"), "what worker r writes also goes to D/rank-r.log"),
  watchdog: setting("watch", seconds, "seconds that a worker may keep the others waiting before it is reported", { fallback: WATCHDOG_SECONDS }),
  timeout: setting("watch", seconds, "seconds after which that ends the job", { fallback: TIMEOUT_SECONDS }),
  stopGrace: setting("watch", seconds, "seconds that workers have to end after Ctrl-C or SIGTERM", { fallback: 30 }),
  quiet: setting("watch", onOff, "no line about what is started; failures are told all the same", { short: "q", fallback: false }),
};

export type SettingName = keyof typeof settings;
type ValueOf<S> = S extends Setting<infer T> ? T : never;
/** Values that were read; undefined: nobody said anything. */
export type SettingValues = { readonly [K in SettingName]?: ValueOf<(typeof settings)[K]> };

export const settingNames = Object.keys(settings) as readonly SettingName[];
/** The entry of a setting, of whatever type. */
export const settingOf = (name: SettingName): Setting<unknown> => settings[name] as Setting<unknown>;

/** What `accelerate.config.ts` may export as `config`; every key also with underscores, as Python spells it. */
export type LaunchConfig = { readonly [K in Exclude<SettingName, "configFile">]?: ValueOf<(typeof settings)[K]> };
