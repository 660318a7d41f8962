// The faults of the chaos: where each can happen, how it is done, and what the launchers must then say and return.
import type { Launching } from "../support/launch.js";
import type { Hosts } from "../support/netns.js";
import { hostOf, type RunPlan, ranksOf, type Setting, sizeOf } from "./plan.js";
import type { Residue } from "./residue.js";
import type { OwnFault } from "./task.js";

/** A launch that is hit. */
export interface Scene {
  readonly plan: RunPlan;
  readonly launchings: readonly Launching[];
  readonly residue: Residue;
  readonly hosts: Hosts | undefined;
}

/** How a launcher ends: its exit code, or the signal that has killed it. */
export type End = number | NodeJS.Signals;

export interface FaultKind {
  readonly settings: readonly Setting[];
  /** The host that is hit, where it is a host. */
  readonly host?: 0 | 1;
  /** Of launch. */
  readonly options?: readonly string[];
  /** The worker does it by itself. */
  readonly own?: OwnFault;
  /** It is done from outside. */
  readonly inject?: (scene: Scene) => void;
  /** What must come after a while, for the launcher that was hit to end as well. */
  readonly relief?: { readonly afterMs: number; readonly give: (scene: Scene) => void };
  /** Of each launcher. */
  readonly ends: (plan: RunPlan) => readonly End[];
  /** What names the culprit on each launcher's stderr; undefined: it cannot say a word, or has none to name. */
  readonly names: (plan: RunPlan) => readonly (RegExp | undefined)[];
  /** From the fault to the end of all launchers. */
  readonly withinMs: number;
}

const everywhere: readonly Setting[] = ["one host", "two hosts", "two namespaces"];
const overHosts: readonly Setting[] = ["two hosts", "two namespaces"];

const onAll =
  <T>(value: T) =>
  ({ workers }: RunPlan): readonly T[] =>
    workers.map(() => value);
const ofWorker = (how: string) => (plan: RunPlan) =>
  onAll(new RegExp(`^worker ${plan.rank} of ${sizeOf(plan)}( \\(on .*\\))? failed first: ${how}`, "m"))(plan);

/** A worker's own words know the step; those between two steps may come of either. */
const stepOf = ({ place, step }: RunPlan): string => (step > 0 && ["forward", "gradient", "collective"].includes(place) ? `, in step ${step}$` : "");

const english = (ranks: readonly number[]): string =>
  ranks.length === 1 ? `worker ${ranks[0]}` : `workers ${ranks.slice(0, -1).join(", ")} and ${ranks.at(-1)}`;
const hostLost = (plan: RunPlan, host: number): RegExp => new RegExp(`^host \\S+ with ${english(ranksOf(plan, host))} is lost`, "m");
const coordinatorLost = /^the launcher of host 0 is lost/m;
const cutOff = (plan: RunPlan): readonly RegExp[] => [hostLost(plan, 1), coordinatorLost];

const worker = ({ plan, residue }: Scene): number => residue.processes().find(({ rank }) => rank === plan.rank)!.pid;
const launcher = ({ plan, launchings }: Scene): number => launchings[hostOf(plan, plan.rank)]!.child.pid!;

const TIMEOUT = 6;

export const faultKinds = {
  "no fault": { settings: everywhere, ends: onAll(0), names: onAll(undefined), withinMs: 20_000 },
  "Ctrl-C": {
    settings: ["one host"],
    inject: (scene) => process.kill(launcher(scene), "SIGINT"),
    ends: onAll(130),
    names: onAll(/^stopping after this step/m),
    withinMs: 8000,
  },
  "worker killed": {
    settings: everywhere,
    inject: (scene) => process.kill(worker(scene), "SIGKILL"),
    ends: onAll(137),
    names: ofWorker("it was killed by SIGKILL"),
    withinMs: 8000,
  },
  "worker stopped": {
    settings: everywhere,
    options: ["--watchdog", "2", "--timeout", String(TIMEOUT)],
    inject: (scene) => process.kill(worker(scene), "SIGSTOP"),
    ends: onAll(1),
    names: (plan) => onAll(new RegExp(`^worker \\d+ of ${sizeOf(plan)}( \\(on .*\\))? could not go on without worker ${plan.rank}:`, "m"))(plan),
    withinMs: TIMEOUT * 1000 + 8000,
  },
  exception: {
    settings: everywhere,
    own: "throw",
    ends: onAll(1),
    names: (plan) => ofWorker(`RangeError, [\\d.]+ s after the start${stepOf(plan)}`)(plan),
    withinMs: 8000,
  },
  exit: { settings: everywhere, own: "exit", ends: onAll(3), names: ofWorker("exit code 3,"), withinMs: 8000 },
  crash: { settings: everywhere, own: "abort", ends: onAll(134), names: ofWorker("it crashed with SIGABRT"), withinMs: 8000 },
  "launcher killed": {
    settings: ["one host"],
    inject: (scene) => process.kill(launcher(scene), "SIGKILL"),
    ends: onAll("SIGKILL"),
    names: onAll(undefined),
    withinMs: 2000,
  },
  "agent killed": {
    settings: overHosts,
    host: 1,
    inject: (scene) => process.kill(launcher(scene), "SIGKILL"),
    ends: () => [1, "SIGKILL"],
    names: (plan) => [hostLost(plan, 1), undefined],
    withinMs: 8000,
  },
  "agent stopped": {
    settings: overHosts,
    host: 1,
    inject: (scene) => process.kill(launcher(scene), "SIGSTOP"),
    // By then host 0 has ended; the agent finds that it is alone.
    relief: { afterMs: 9000, give: (scene) => process.kill(launcher(scene), "SIGCONT") },
    ends: onAll(1),
    names: cutOff,
    withinMs: 15_000,
  },
  "coordinator killed": {
    settings: overHosts,
    host: 0,
    inject: (scene) => process.kill(launcher(scene), "SIGKILL"),
    ends: () => ["SIGKILL", 1],
    names: () => [undefined, coordinatorLost],
    withinMs: 8000,
  },
  "coordinator's host killed": {
    settings: overHosts,
    host: 0,
    inject: (scene) => {
      const agent = launcher(scene);
      for (const { pid, agent: parent } of scene.residue.processes()) if (pid === agent || parent === agent) process.kill(pid, "SIGKILL");
    },
    ends: () => ["SIGKILL", 1],
    names: () => [undefined, coordinatorLost],
    withinMs: 8000,
  },
  "cable pulled": {
    settings: ["two namespaces"],
    host: 1,
    inject: ({ hosts }) => hosts!.cable(false),
    ends: onAll(1),
    names: cutOff,
    withinMs: 15_000,
  },
  "host 1 hears nothing": {
    settings: ["two namespaces"],
    host: 1,
    inject: ({ hosts }) => hosts!.firewall(1, true),
    ends: onAll(1),
    names: cutOff,
    withinMs: 15_000,
  },
  "host 0 hears nothing": {
    settings: ["two namespaces"],
    host: 1,
    inject: ({ hosts }) => hosts!.firewall(0, true),
    ends: onAll(1),
    names: cutOff,
    withinMs: 15_000,
  },
} as const satisfies Readonly<Record<string, FaultKind>>;

export type FaultName = keyof typeof faultKinds;
/** Of a worker: nobody else may be said to have failed first. */
export const blamesWorker = ({ own, inject, host }: FaultKind): boolean => host === undefined && (own !== undefined || inject !== undefined);
