// Cores of this host divided among its workers: threads for each, and separate cores where there are enough.
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { usableCores } from "../../src/runtime/host.js";

export interface Share {
  /** Threads that compute. */
  readonly threads: number;
  /** The cores to stay on; undefined: those of the launcher. */
  readonly cores: readonly number[] | undefined;
}

export interface Cores {
  /** Numbers of the cores that the launcher may run on; undefined: the system does not say. */
  readonly allowed: readonly number[] | undefined;
  /** How many of them may be busy at once. */
  readonly usable: number;
}

/** "0-3,8" as [0, 1, 2, 3, 8]. */
export const coreNumbers = (list: string): number[] =>
  list
    .trim()
    .split(",")
    .filter((part) => part !== "")
    .flatMap((part) => {
      const [from, to = from] = part.split("-").map(Number);
      return from === undefined || to === undefined || !(to >= from) ? [] : Array.from({ length: to - from + 1 }, (_, i) => from + i);
    });

function topology(core: number, file: string): number {
  try {
    return Number(readFileSync(`/sys/devices/system/cpu/cpu${core}/topology/${file}`, "utf8"));
  } catch {
    return 0; // not told: the order of numbers stays
  }
}

/** Hyperthreads of one core side by side, then cores of one package. */
function neighbours(cores: readonly number[]): number[] {
  const place = new Map(cores.map((core) => [core, [topology(core, "physical_package_id"), topology(core, "core_id"), core] as const]));
  return [...cores].sort((a, b) => {
    const [x, y] = [place.get(a)!, place.get(b)!];
    return x[0] - y[0] || x[1] - y[1] || x[2] - y[2];
  });
}

export function readCores(): Cores {
  const usable = usableCores();
  try {
    const list = readFileSync("/proc/self/status", "utf8").match(/^Cpus_allowed_list:\s*(.+)$/m)?.[1];
    const allowed = list ? coreNumbers(list) : undefined;
    // The mask may name cores that are not there.
    return { allowed: allowed && allowed.length <= availableParallelism() ? neighbours(allowed) : undefined, usable };
  } catch {
    return { allowed: undefined, usable }; // not Linux
  }
}

/**
 * One share per worker. Threads: what was asked for, else the usable cores divided, at least one. All cores are given out, also those beyond the threads, so that two jobs on one host do not meet on the first ones.
 * No worker is bound where cores are fewer than threads, or where a quota (not the mask) limits them: other containers may be on the same cores.
 */
export function divideCores({ allowed, usable }: Cores, workers: number, wanted?: number): Share[] {
  const threads = wanted ?? Math.max(1, Math.floor(usable / workers));
  const bound = allowed !== undefined && allowed.length === usable && threads * workers <= usable && workers > 1;
  return Array.from({ length: workers }, (_, i) => ({
    threads,
    cores: bound ? allowed.slice(Math.floor((i * usable) / workers), Math.floor(((i + 1) * usable) / workers)) : undefined,
  }));
}
