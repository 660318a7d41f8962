// The first line of a launch: what runs where.
import type { Share } from "./cores.js";
import { deviceText } from "./device.js";
import type { LaunchPlan } from "./plan.js";

const plural = (n: number, what: string): string => `${n} ${what}${n === 1 ? "" : "s"}`;

export interface HeaderFacts {
  readonly version: string;
  readonly worldSize: number;
  readonly hostNames: readonly string[];
  readonly shares: readonly Share[];
  readonly usableCores: number;
  readonly plan: Pick<LaunchPlan, "watchdog" | "timeout" | "device">;
}

/** "accelerate-ts 0.1.0   2 workers on cpu, 1 thread each"; over several hosts the GPUs are those of this one. */
export function headerText({ version, worldSize, hostNames, shares, usableCores, plan }: HeaderFacts): string {
  const threads = shares[0]?.threads ?? 1;
  const crowded = threads * shares.length > usableCores;
  const parts = [
    `${plural(worldSize, "worker")} on ${deviceText(plan.device, shares.length)}${hostNames.length > 1 ? ` on ${hostNames.length} hosts (${hostNames.join(", ")})` : ""}`,
    `${plural(threads, "thread")}${worldSize === 1 ? "" : " each"}`,
    ...(crowded ? [`on ${plural(usableCores, "core")}: they take turns`] : []),
    ...(plan.watchdog !== undefined ? [`watchdog ${plan.watchdog} s`] : []),
    ...(plan.timeout !== undefined ? [`timeout ${plan.timeout} s`] : []),
  ];
  return `accelerate-ts ${version}   ${parts.join(", ")}`;
}
