// NVIDIA GPUs of this machine, as the driver tells them, and NVIDIA's collectives.
import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

type Environment = Readonly<Record<string, string | undefined>>;

export interface Gpu {
  /** As the driver counts them. */
  readonly index: number;
  readonly name: string;
  /** Bytes. */
  readonly memory: number;
  readonly driver: string;
}

const PATIENCE = 5000;
const MEBIBYTE = 2 ** 20;

/** Lines of "index, name, MiB, driver version", as nvidia-smi writes them. */
export const gpusOf = (output: string): Gpu[] =>
  output.split("\n").flatMap((line) => {
    const [, index, name, memory, driver] = line.match(/^(\d+), (.+), (\d+), (\S+)$/) ?? [];
    return name === undefined ? [] : [{ index: Number(index), name, memory: Number(memory) * MEBIBYTE, driver: driver! }];
  });

/** No driver, or one that does not answer: none. */
export async function readGpus(env: Environment): Promise<Gpu[]> {
  try {
    const query = ["--query-gpu=index,name,memory.total,driver_version", "--format=csv,noheader,nounits"];
    const { stdout } = await promisify(execFile)("nvidia-smi", query, { timeout: PATIENCE, env: { ...env } });
    return gpusOf(stdout);
  } catch {
    return [];
  }
}

const NCCL = "libnccl.so.2";

/** Where the system's loader would find NCCL; undefined: it would not. */
export function findNccl(env: Environment): string | undefined {
  const folders = (env.LD_LIBRARY_PATH ?? "").split(":").filter((folder) => folder !== "");
  const named = folders.map((folder) => join(folder, NCCL)).find((path) => existsSync(path));
  if (named) return named;
  try {
    const cached = readFileSync("/etc/ld.so.cache", "latin1").match(/\/[^\0]*\/libnccl\.so\.2(?=\0)/)?.[0];
    return cached && existsSync(cached) ? cached : undefined;
  } catch {
    return undefined; // not Linux
  }
}
