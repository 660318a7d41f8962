// What this process may use of the machine: cores under the cgroup's quota, memory.
import { readFileSync } from "node:fs";
import { availableParallelism, totalmem } from "node:os";

function read(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8").trim();
  } catch {
    return undefined; // not Linux, or another version of cgroups
  }
}

/** Cores that the cgroup's quota pays for; undefined without a quota. */
function quotaCores(): number | undefined {
  const [quota, period] = read("/sys/fs/cgroup/cpu.max")?.split(" ") ?? [
    read("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"),
    read("/sys/fs/cgroup/cpu/cpu.cfs_period_us"),
  ];
  const cores = Number(quota) / Number(period);
  return cores > 0 ? cores : undefined;
}

/** Cores that this process can keep busy: its affinity mask, cut to the cgroup's quota (rounded, at least one). */
export function usableCores(): number {
  return Math.max(1, Math.min(availableParallelism(), Math.round(quotaCores() ?? Number.POSITIVE_INFINITY)));
}

/** Bytes of memory that this process may use: the machine's, cut to the cgroup's limit. */
export function usableMemory(): number {
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(totalmem(), limit) : totalmem();
}
