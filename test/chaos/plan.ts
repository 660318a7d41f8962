// What is done in one run of the chaos.
import type { FaultName } from "./fault-kinds.js";
import type { Place } from "./task.js";

/** Where the workers of a run are. */
export type Setting = "one host" | "two hosts" | "two namespaces";

export interface RunPlan {
  readonly number: number;
  readonly setting: Setting;
  /** Workers of each host. */
  readonly workers: readonly [number] | readonly [number, number];
  readonly fault: FaultName;
  /** The worker that is hit, or one on the host that is. */
  readonly rank: number;
  /** From outside: while the workers start, or when all of them train. */
  readonly moment: "starting" | "training";
  /** Milliseconds from that moment on. */
  readonly delayMs: number;
  /** By itself. */
  readonly place: Place;
  readonly step: number;
}

export const sizeOf = ({ workers }: RunPlan): number => workers.reduce<number>((sum, n) => sum + n, 0);
export const hostOf = ({ workers }: RunPlan, rank: number): 0 | 1 => (rank < workers[0] ? 0 : 1);
export const ranksOf = (plan: RunPlan, host: number): number[] =>
  Array.from({ length: sizeOf(plan) }, (_, rank) => rank).filter((rank) => hostOf(plan, rank) === host);
