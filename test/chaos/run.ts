// One run of the chaos: a launch, a fault, and what must be true afterwards.
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Launched, type Launching, startLaunch } from "../support/launch.js";
import { Hosts } from "../support/netns.js";
import { startOnTwoHosts } from "../support/two-hosts.js";
import { blamesWorker, type End, type FaultKind, faultKinds, type Scene } from "./fault-kinds.js";
import { type RunPlan, sizeOf } from "./plan.js";
import { Residue } from "./residue.js";
import type { WorkerTask } from "./task.js";

export interface RunResult {
  readonly plan: RunPlan;
  /** What should not be; empty: all is well. */
  readonly problems: readonly string[];
  /** Whether every launcher that could named the culprit, and nobody else; undefined: there was none to name. */
  readonly culprit: boolean | undefined;
  /** From the fault until every launcher that could had named the culprit. */
  readonly messageMs: number | undefined;
  /** From the fault until the last launcher had ended. */
  readonly endMs: number;
  /** Of the launchers. */
  readonly outputs: readonly string[];
}

const program = new URL("./programs/worker.js", import.meta.url);
/** Until all workers train, on a machine that has more to do. */
const START_MS = 60_000;
const LOOK_MS = 10;
/** What a machine that is busy elsewhere has more than a fault's own time. */
const SLACK_MS = 60_000;
const STEPS_WITHOUT_FAULT = 30;

const now = (): number => performance.timeOrigin + performance.now();

/** Resolves false when it did not happen in time. */
async function until(happens: () => boolean, ms: number): Promise<boolean> {
  const end = performance.now() + ms;
  while (!happens()) {
    if (performance.now() > end) return false;
    await sleep(LOOK_MS);
  }
  return true;
}

/** Hears when a launcher's stderr says it. */
class Listener {
  at: number | undefined;
  #text = "";

  constructor({ child }: Launching, words: RegExp | undefined) {
    child.stderr!.on("data", (chunk: Buffer) => {
      this.#text += chunk;
      if (words !== undefined && this.at === undefined && words.test(this.#text)) this.at = now();
    });
  }
}

const endOf = ({ code, signal }: Launched): End | null => signal ?? code;
const firstFailed = /^worker (\d+) of \d+.* failed first/gm;

/** Runs it. folder: for everything of this run, and empty. inTime: what ends late is a problem, too. */
async function perform(plan: RunPlan, folder: string, hosts: Hosts | undefined, inTime: boolean): Promise<RunResult> {
  const kind: FaultKind = faultKinds[plan.fault];
  const problems: string[] = [];
  const temporary = join(folder, "temporary");
  mkdirSync(temporary);
  const residue = new Residue(folder);
  const endless = kind.own !== undefined || kind.inject !== undefined;
  const task: WorkerTask = {
    folder,
    steps: endless ? 1e9 : STEPS_WITHOUT_FAULT,
    ...(kind.own && { fault: { kind: kind.own, rank: plan.rank, step: plan.step, place: plan.place } }),
  };
  const common = { options: kind.options ?? [], script: program, args: [JSON.stringify(task)], env: { ...residue.env, TMPDIR: temporary } };
  const [one, two] = plan.workers;
  const launchings: readonly Launching[] =
    two === undefined
      ? [startLaunch({ ...common, options: ["--num-processes", String(one), ...common.options] })]
      : await startOnTwoHosts({ ...common, workers: [one, two], folder, hosts });
  const names = kind.names(plan);
  const listeners = launchings.map((launching, host) => new Listener(launching, names[host]));
  const done = Promise.all(launchings.map((launching) => launching.done));
  let ended = false;
  void done.then(() => {
    ended = true;
  });

  const ready = (): boolean =>
    plan.moment === "starting"
      ? residue.processes().some(({ rank }) => rank === plan.rank)
      : Array.from({ length: sizeOf(plan) }, (_, rank) => rank).every((rank) => existsSync(join(folder, `training-${rank}`)));
  const failed = (): boolean => existsSync(join(folder, "fault"));
  let faultAt = now();
  let relief: NodeJS.Timeout | undefined;
  if (kind.inject) {
    if (!(await until(() => ended || ready(), START_MS)) || ended) problems.push("the workers did not come so far that they could be hit");
    await sleep(plan.delayMs);
    residue.note();
    const scene: Scene = { plan, launchings, residue, hosts };
    faultAt = now();
    try {
      kind.inject(scene);
      relief = kind.relief && setTimeout(kind.relief.give, kind.relief.afterMs, scene);
    } catch (error) {
      problems.push(`the fault could not be done: ${(error as Error).message}`);
    }
  } else {
    await until(() => ended || failed() || (kind.own === undefined && ready()), START_MS);
    residue.note();
    if (kind.own !== undefined && !failed()) problems.push("the worker did not come so far that it could fail");
    faultAt = failed() ? Number(readFileSync(join(folder, "fault"), "utf8")) : now();
  }

  const withinMs = kind.withinMs + (inTime ? 0 : SLACK_MS);
  if (!(await until(() => ended, withinMs))) {
    const living = residue.processes().map(({ pid, rank }) => (rank === undefined ? `launcher ${pid}` : `worker ${rank}`));
    problems.push(`not over after ${withinMs} ms; there are still ${living.join(", ")}`);
    residue.clear();
  }
  const results = await done;
  clearTimeout(relief);
  const endMs = now() - faultAt;
  for (const [host, result] of results.entries()) {
    const wanted = kind.ends(plan)[host];
    if (endOf(result) !== wanted) problems.push(`launcher ${host} ended with ${endOf(result)}, not ${wanted}`);
  }
  problems.push(...(await residue.left(inTime ? undefined : SLACK_MS)));
  residue.clear();
  problems.push(...readdirSync(temporary).map((file) => `${file} is left among the temporary files`));
  return { plan, problems, ...judge(kind, plan, results, listeners, faultAt), endMs, outputs: results.map(({ stdout, stderr }) => stdout + stderr) };
}

function judge(
  kind: FaultKind,
  plan: RunPlan,
  results: readonly Launched[],
  listeners: readonly Listener[],
  faultAt: number,
): Pick<RunResult, "culprit" | "messageMs"> {
  const names = kind.names(plan);
  const speakers = names.flatMap((words, host) => (words === undefined ? [] : [host]));
  const blamed = results.flatMap(({ stderr }) => [...stderr.matchAll(firstFailed)].map(([, rank]) => Number(rank)));
  const wrong = blamed.some((rank) => !blamesWorker(kind) || rank !== plan.rank);
  if (speakers.length === 0) return { culprit: wrong ? false : undefined, messageMs: undefined };
  const times = speakers.map((host) => listeners[host]!.at);
  const named = times.every((at) => at !== undefined);
  return { culprit: named && !wrong, messageMs: named ? Math.max(...times.map((at) => at!)) - faultAt : undefined };
}

/** inTime: the times of fault-kinds.ts hold, as they do on a machine that has nothing else to do. */
export async function runOnce(plan: RunPlan, { inTime = false }: { readonly inTime?: boolean } = {}): Promise<RunResult> {
  const folder = await mkdtemp(join(tmpdir(), "chaos-"));
  const hosts = plan.setting === "two namespaces" ? new Hosts() : undefined;
  try {
    return await perform(plan, folder, hosts, inTime);
  } finally {
    hosts?.[Symbol.dispose]();
    await rm(folder, { recursive: true, force: true });
  }
}
