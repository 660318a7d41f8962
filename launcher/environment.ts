// Facts about this machine and this install, for `accelerate-ts env`.
import { readFileSync, statfsSync } from "node:fs";
import { cpus, freemem, totalmem } from "node:os";
import { configuredThreads } from "../src/config.js";
import { AccelerateError } from "../src/errors.js";
import { type GemmEngineInfo, gemmEngine } from "../src/runtime/gemm-engine.js";
import { loadGloo } from "../src/distributed/gloo/native-gloo.js";
import { loadNative, nativePath } from "../src/native/binding.js";
import { Engine, usableCores, usableMemory } from "../src/runtime/index.js";
import { libraryPath } from "../src/runtime/library.js";
import { configReport, type ConfigReport } from "./config/show.js";
import type { Gpu } from "./gpu/gpus.js";
import type { Kernels } from "./gpu/kernels.js";
import { cudaMajor, type GpuLibrary, libraryCure } from "./gpu/libraries.js";
import { type Adapter, readGpuMachine } from "./gpu/machine.js";
import { type LoadedSettings, loadSettings } from "./options/load-settings.js";
import { UsageError } from "./usage.js";
import { packageVersion } from "./version.js";

export interface EnvironmentReport {
  readonly accelerateTs: string;
  readonly node: string;
  readonly platform: string;
  readonly arch: string;
  readonly onnxruntime: { readonly version?: string; readonly library?: string };
  readonly native: { readonly path?: string; readonly loads: boolean };
  /** For workers on several machines; what to do where it is missing, which is no problem on one. */
  readonly gloo: { readonly loads: boolean; readonly cure?: string };
  /** For products of bfloat16 (mixedPrecision "bf16") and faster ones of float32; what to do where it is missing. */
  readonly onednn: { readonly engine?: GemmEngineInfo; readonly cure?: string };
  readonly cpu: {
    readonly model: string;
    /** Those that kernels are chosen by. */
    readonly instructions: readonly string[];
    readonly cores: { readonly machine: number; readonly usable: number };
    /** Threads that a process would use. */
    readonly threads: number;
  };
  /** Bytes. */
  readonly memory: { readonly machine: number; readonly usable: number; readonly free: number; readonly shm?: number };
  /** NVIDIA's, those that CUDA_VISIBLE_DEVICES leaves. */
  readonly gpus: readonly Gpu[];
  /** What training on them needs; driver: its version, and the newest CUDA that it serves. */
  readonly cuda: {
    readonly usable: boolean;
    readonly visibleDevices?: string;
    readonly driver?: { readonly version?: string; readonly cuda?: string };
    readonly provider?: { readonly file: string; readonly version?: string };
    readonly libraries: readonly GpuLibrary[];
    /** Ours, which replace many operators of ONNX by few launches: an addition. Absent: not asked. */
    readonly kernels?: Kernels;
    readonly missing: readonly { readonly what: string; readonly cure: string }[];
  };
  /** NVIDIA's collectives, for several GPUs. */
  readonly nccl: {
    readonly library?: string;
    readonly version?: string /** NCCL_... variables, which reach it as they are. */;
    readonly variables: Readonly<Record<string, string>>;
  };
  /** Adapters that the device webgpu could use (through Vulkan; on macOS Metal's are not listed); what to do where there are none. */
  readonly webgpu: { readonly adapters: readonly Adapter[]; readonly what?: string; readonly cure?: string };
  /** Files of settings and where each value comes from; absent: they cannot be read, which is one of the problems. */
  readonly config?: ConfigReport;
  readonly problems: readonly { readonly what: string; readonly cure: string }[];
}

/** Flags of /proc/cpuinfo that matter for matrix products, x86 and ARM. */
const telling = [
  "avx",
  "avx2",
  "fma",
  "f16c",
  "avx512f",
  "avx512bw",
  "avx512vl",
  "avx512_vnni",
  "avx512_bf16",
  "avx512_fp16",
  "amx_tile",
  "amx_bf16",
  "asimd",
  "asimdhp",
  "sve",
  "sve2",
  "bf16",
  "i8mm",
];

function instructions(): string[] {
  try {
    const flags = new Set(
      readFileSync("/proc/cpuinfo", "utf8")
        .match(/^(?:flags|Features)\s*:(.*)$/m)?.[1]
        ?.trim()
        .split(" "),
    );
    return telling.filter((flag) => flags.has(flag));
  } catch {
    return []; // not Linux
  }
}

function shmBytes(): number | undefined {
  try {
    const { blocks, bsize } = statfsSync("/dev/shm");
    return blocks * bsize;
  } catch {
    return undefined;
  }
}

function readGloo(): EnvironmentReport["gloo"] {
  try {
    loadGloo();
    return { loads: true };
  } catch (error) {
    if (!(error instanceof AccelerateError)) throw error;
    return { loads: false, cure: error.hint ?? error.message };
  }
}

function readOnednn(): EnvironmentReport["onednn"] {
  const engine = gemmEngine();
  return engine
    ? { engine }
    : { cure: "apt-get install libdnnl-dev (Debian, Ubuntu), dnf install onednn-devel (Fedora), then: npx accelerate-ts build-native" };
}

export interface Environment {
  readonly report: EnvironmentReport;
  readonly settings: LoadedSettings | undefined;
}

/** Asks the machine; opens ONNX Runtime to see whether it works. */
export async function readEnvironment(env: Readonly<Record<string, string | undefined>>, cwd: string): Promise<Environment> {
  const problems: { what: string; cure: string }[] = [];
  /** The value, or undefined and a problem. */
  const attempt = <T>(work: () => T): T | undefined => {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof AccelerateError)) throw error;
      const what = error.hint ? error.message.replace(`: ${error.hint}`, "") : error.message;
      const problem = { what, cure: error.hint ?? "see the message" };
      if (!problems.some((known) => known.what === what)) problems.push(problem);
      return undefined;
    }
  };
  const library = attempt(libraryPath);
  const path = nativePath();
  const loads = attempt(loadNative) !== undefined;
  const threads = attempt(() => configuredThreads()) ?? usableCores();
  const version = loads && library ? attempt(() => Engine.open({ library, threads, spin: false }).version) : undefined;
  const shm = shmBytes();
  let settings: LoadedSettings | undefined;
  try {
    settings = await loadSettings({ flags: {}, env, cwd });
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    problems.push({ what: `settings that can be used: ${error.message}`, cure: "mend this, or see accelerate-ts launch --help" });
  }
  const { gpus, provider, libraries, kernels, adapters, adapterTrouble, ...machine } = await readGpuMachine(env, { vulkan: true, libraries: true });
  const nccl = libraries.find(({ name }) => name === "NCCL");
  // What is missing for GPUs that are not there is no problem.
  if (gpus.length > 0 || machine.trouble) problems.push(...machine.missing);
  if (kernels?.trouble) problems.push(kernels.trouble);
  if (gpus.length > 1 && nccl?.path === undefined && machine.missing.length === 0)
    problems.push({ what: "training on several GPUs needs NCCL (libnccl.so.2)", cure: libraryCure(libraries, cudaMajor(provider?.needs ?? []), env) });
  const report = {
    accelerateTs: packageVersion(),
    node: process.version,
    platform: process.platform,
    arch: process.arch,
    onnxruntime: { ...(version && { version }), ...(library && { library }) },
    native: { ...(path && { path }), loads },
    gloo: readGloo(),
    onednn: readOnednn(),
    cpu: { model: cpus()[0]?.model.trim() ?? "unknown", instructions: instructions(), cores: { machine: cpus().length, usable: usableCores() }, threads },
    memory: { machine: totalmem(), usable: usableMemory(), free: freemem(), ...(shm !== undefined && { shm }) },
    gpus,
    cuda: {
      usable: gpus.length > 0 && machine.missing.length === 0,
      ...(env.CUDA_VISIBLE_DEVICES !== undefined && { visibleDevices: env.CUDA_VISIBLE_DEVICES }),
      ...((machine.driver ?? machine.cuda) !== undefined && {
        driver: { ...(machine.driver !== undefined && { version: machine.driver }), ...(machine.cuda !== undefined && { cuda: machine.cuda }) },
      }),
      ...(provider?.file !== undefined && { provider: { file: provider.file, ...(provider.version !== undefined && { version: provider.version }) } }),
      libraries,
      ...(kernels && { kernels }),
      missing: machine.missing,
    },
    nccl: {
      ...(nccl?.path !== undefined && { library: nccl.path }),
      ...(nccl?.version !== undefined && { version: nccl.version }),
      variables: Object.fromEntries(Object.entries(env).filter((entry): entry is [string, string] => /^NCCL_/.test(entry[0]) && entry[1] !== undefined)),
    },
    webgpu: { adapters, ...adapterTrouble },
    ...(settings && { config: configReport(settings) }),
    problems,
  };
  return { report, settings };
}
