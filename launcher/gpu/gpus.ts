// NVIDIA's GPUs of this machine, as CUDA counts them: through the driver's own library, else through nvidia-smi.
import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { promisify } from "node:util";
import type { DriverFacts } from "../../src/native/machine-facts.js";
import { visibleGpus } from "../../src/visible-gpus.js";
import type { Environment } from "./ask.js";
import { findLibrary } from "./find-library.js";

export interface Gpu {
  /** That of cuda:0, cuda:1, ...: among those that CUDA_VISIBLE_DEVICES leaves. */
  readonly index: number;
  readonly name: string;
  /** Bytes. */
  readonly memory: number;
  /** "GPU-8f6ab1c2-..." */
  readonly uuid?: string;
  /** "0000:3b:00.0" */
  readonly bus?: string;
  /** Compute capability, "9.0". */
  readonly compute?: string;
  readonly multiprocessors?: number;
}

export interface Trouble {
  readonly what: string;
  readonly cure: string;
}

export interface GpuFacts {
  /** Those that CUDA_VISIBLE_DEVICES leaves, in CUDA's order. */
  readonly gpus: readonly Gpu[];
  /** "580.65.06" */
  readonly driver?: string;
  /** The newest CUDA that the driver serves, "13.0". */
  readonly cuda?: string;
  /** There is a driver or a GPU, but programs cannot use it. */
  readonly trouble?: Trouble;
}

export const driverLibrary = "libcuda.so.1";
const PATIENCE = 10_000;
const MEBIBYTE = 2 ** 20;

/** Lines of "index, uuid, name, MiB, driver version, compute capability", as nvidia-smi writes them. */
export const gpusOfSmi = (output: string): { readonly gpus: Gpu[]; readonly driver?: string } => {
  const rows = output.split("\n").flatMap((line) => {
    const [, index, uuid, name, memory, driver, compute] = line.match(/^(\d+), ([^,]+), (.+), (\d+), ([^,\s]+), (\d+\.\d+)$/) ?? [];
    return name === undefined
      ? []
      : [{ driver: driver!, gpu: { index: Number(index), name, memory: Number(memory) * MEBIBYTE, uuid: uuid!, compute: compute! } }];
  });
  return { gpus: rows.map(({ gpu }) => gpu), ...(rows[0] && { driver: rows[0].driver }) };
};

/** Those that CUDA_VISIBLE_DEVICES names, numbered anew. CUDA_DEVICE_ORDER is not known to nvidia-smi: where GPUs differ, CUDA's own order may be another. */
export function visibleAmong(gpus: readonly Gpu[], env: Environment): Gpu[] {
  const names = visibleGpus(env);
  if (names === undefined) return [...gpus];
  const found = names.map((name) => gpus.find(({ index, uuid }) => name === String(index) || (/^GPU-/i.test(name) && uuid?.startsWith(name))));
  const end = found.indexOf(undefined);
  return (end < 0 ? found : found.slice(0, end)).map((gpu, index) => ({ ...gpu!, index }));
}

async function askSmi(env: Environment): Promise<{ readonly gpus: Gpu[]; readonly driver?: string }> {
  try {
    const query = ["--query-gpu=index,uuid,name,memory.total,driver_version,compute_cap", "--format=csv,noheader,nounits"];
    const { stdout } = await promisify(execFile)("nvidia-smi", query, { timeout: PATIENCE, env: { ...env } });
    const { gpus, ...rest } = gpusOfSmi(stdout);
    return { gpus: visibleAmong(gpus, env), ...rest };
  } catch {
    return { gpus: [] };
  }
}

/** The version of the kernel's module; undefined where there is none, or it does not say (WSL). */
function kernelModule(): string | undefined {
  try {
    return readFileSync("/proc/driver/nvidia/version", "utf8").match(/Kernel Module\s+(?:for \S+\s+)?(\d[\d.]+)/)?.[1];
  } catch {
    return undefined;
  }
}

/** Whether asking could find a GPU at all; most machines without one are told apart here, in no time. */
export const mayHaveGpus = (env: Environment): boolean =>
  ["/proc/driver/nvidia/version", "/dev/nvidiactl", "/dev/dxg"].some((path) => existsSync(path)) ||
  findLibrary(driverLibrary, env) !== undefined ||
  (env.PATH ?? "").split(":").some((folder) => folder !== "" && existsSync(`${folder}/nvidia-smi`));

const version = (code: number): string => `${Math.floor(code / 1000)}.${Math.floor((code % 1000) / 10)}`;
const containerCure = "in a container: start it with --gpus all (NVIDIA Container Toolkit); else install NVIDIA's driver and see that nvidia-smi answers";

/** facts: what the driver's library said; undefined where it could not be asked, for the reason given. */
export async function readGpus(env: Environment, facts: DriverFacts | undefined, failed?: string): Promise<GpuFacts> {
  const module = kernelModule();
  if (facts && facts.error === undefined) {
    const gpus = facts.gpus.map(({ name, memory, uuid, bus, major, minor, multiprocessors }, index) => ({
      index,
      name,
      memory,
      ...(uuid !== undefined && { uuid: `GPU-${uuid}` }),
      ...(bus !== undefined && { bus }),
      ...(major !== undefined && minor !== undefined && { compute: `${major}.${minor}` }),
      ...(multiprocessors !== undefined && { multiprocessors }),
    }));
    const driver = module ?? (gpus.length > 0 ? (await askSmi(env)).driver : undefined);
    return { gpus, ...(driver !== undefined && { driver }), ...(facts.version !== undefined && { cuda: version(facts.version) }) };
  }
  const { gpus, driver = module } = await askSmi(env);
  const reason = failed ?? facts?.error;
  // CUDA_ERROR_NO_DEVICE: a driver without GPUs, or all are hidden, which is no trouble.
  const none = /\b100\)?$/.test(reason ?? "") && gpus.length === 0;
  // A library that is not there at all is no broken driver.
  const loaded = facts?.error !== undefined && !/cannot open shared object|no such file/i.test(facts.error);
  const what = failed ? `the NVIDIA driver could not be asked (${failed})` : `the NVIDIA driver does not work (${reason})`;
  return {
    gpus,
    ...(driver !== undefined && { driver }),
    ...(!none && (gpus.length > 0 || driver !== undefined || loaded) && { trouble: { what, cure: containerCure } }),
  };
}
