// Run after run, until the time is over; then the table of what happened, and what of it must not be.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { glooMissing } from "../support/two-hosts.js";
import { Hosts, netnsMissing } from "../support/netns.js";
import { type FaultName, faultKinds } from "./fault-kinds.js";
import { drawPlan, possible } from "./draw.js";
import type { RunPlan, Setting } from "./plan.js";
import { Random } from "./random.js";
import { openDescriptors } from "./residue.js";
import { type RunResult, runOnce } from "./run.js";

export interface ChaosOptions {
  readonly seed: number;
  /** No run begins later. */
  readonly forMs: number;
  /** Every pair of setting and fault comes once before any comes twice; only these many runs at most. */
  readonly runs?: number;
  readonly only?: (setting: Setting, fault: FaultName) => boolean;
  /** What ends late is a problem, too; default false. */
  readonly inTime?: boolean;
  readonly say: (text: string) => void;
}

/** Share of the runs in which the culprit must be named. */
const RIGHT = 0.95;

/** The settings of this machine, and why others are none. */
export function settingsHere(say: (text: string) => void): Setting[] {
  const gloo = glooMissing();
  if (gloo) {
    say(`on one host only: ${gloo}`);
    return ["one host"];
  }
  const missing = netnsMissing();
  if (!missing) return ["one host", "two hosts", "two namespaces"];
  say(`without cut networks: ${missing}`);
  return ["one host", "two hosts"];
}

function firewallMissing(): string | false {
  using hosts = new Hosts();
  try {
    hosts.firewall(0, true);
    return false;
  } catch (error) {
    return (error as Error).message;
  }
}

export const describePlan = ({ number, setting, workers, fault, rank, moment, delayMs, place, step }: RunPlan): string => {
  const own = "own" in faultKinds[fault];
  const when = fault === "no fault" ? "" : own ? `, rank ${rank} in ${place} of step ${step}` : `, rank ${rank} ${delayMs} ms after ${moment}`;
  return `run ${number}: ${fault}, ${setting}, ${workers.join("+")} workers${when}`;
};

const shuffled = <T>(items: readonly T[], random: Random): T[] => {
  const out = [...items];
  for (let i = out.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [out[i], out[j]] = [out[j]!, out[i]!];
  }
  return out;
};

const quantile = (sorted: readonly number[], q: number): number | undefined => sorted[Math.floor(q * (sorted.length - 1))];
const ms = (value: number | undefined): string => (value === undefined ? "" : value.toFixed(0));

/** One row per setting and fault: runs, right culprits, median and worst times. */
export function tableOf(results: readonly RunResult[]): string {
  const rows = new Map<string, RunResult[]>();
  for (const result of results) {
    const key = `${result.plan.fault}, ${result.plan.setting}`;
    rows.set(key, [...(rows.get(key) ?? []), result]);
  }
  const cells = [...rows].sort().map(([key, group]) => {
    const judged = group.filter(({ culprit }) => culprit !== undefined);
    const messages = group.flatMap(({ messageMs }) => messageMs ?? []).sort((a, b) => a - b);
    const ends = group.map(({ endMs }) => endMs).sort((a, b) => a - b);
    const right = judged.filter(({ culprit }) => culprit).length;
    return [
      key,
      String(group.length),
      judged.length === 0 ? "" : `${right}/${judged.length}`,
      ms(quantile(messages, 0.5)),
      ms(messages.at(-1)),
      ms(quantile(ends, 0.5)),
      ms(ends.at(-1)),
    ];
  });
  const head = ["fault", "runs", "named right", "message ms", "worst", "end ms", "worst"];
  const widths = head.map((title, i) => Math.max(title.length, ...cells.map((row) => row[i]!.length)));
  return [head, ...cells].map((row) => row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join("  ")).join("\n");
}

const namespaces = (): string => {
  try {
    return execFileSync("ip", ["netns", "list"], { encoding: "utf8" })
      .split("\n")
      .filter((line) => line.startsWith(`accts-${process.pid}-`))
      .join("\n");
  } catch {
    return ""; // no ip command, no namespaces
  }
};

/** Fails when anything was left, out of bounds, or blamed on the wrong one too often; the message holds seed and outputs. */
export async function chaos({ seed, forMs, runs = Number.POSITIVE_INFINITY, only = () => true, inTime = false, say }: ChaosOptions): Promise<void> {
  say(`seed ${seed}`);
  const settings = settingsHere(say);
  const firewall = settings.includes("two namespaces") && firewallMissing();
  if (firewall) say(`without one-way cuts: ${firewall}`);
  const pairs = possible(settings, (fault) => !firewall || !fault.endsWith("hears nothing")).filter(([setting, fault]) => only(setting, fault));
  const random = new Random(seed);
  const results: RunResult[] = [];
  const end = performance.now() + forMs;
  let queue: (typeof pairs)[number][] = [];
  let descriptors: string[] | undefined;
  while (performance.now() < end && results.length < runs) {
    if (queue.length === 0) queue = shuffled(pairs, random);
    const result = await runOnce(drawPlan(results.length, queue.pop()!, random), { inTime });
    results.push(result);
    if (result.problems.length > 0 || result.culprit === false)
      say(
        [
          `${describePlan(result.plan)} (seed ${seed}): ${[...result.problems, ...(result.culprit === false ? ["the culprit was not named, or another one was"] : [])].join("; ")}`,
          ...result.outputs,
        ].join("\n--- output\n"),
      );
    // What Node opens once for good is open after the first run.
    descriptors ??= openDescriptors();
  }
  say(tableOf(results));
  const judged = results.filter(({ culprit }) => culprit !== undefined);
  const right = judged.filter(({ culprit }) => culprit).length;
  const bad = results.filter(({ problems }) => problems.length > 0);
  say(
    `${results.length} runs, ${bad.length} with problems; the culprit was named in ${right} of ${judged.length} (${((100 * right) / judged.length).toFixed(1)} %)`,
  );
  assert.equal(namespaces(), "", "network namespaces are left");
  const open = openDescriptors();
  assert.ok(open.length <= descriptors!.length, `descriptors are left open in this process:\n${open.filter((fd) => !descriptors!.includes(fd)).join("\n")}`);
  assert.deepEqual(
    bad.map(({ plan, problems }) => `${describePlan(plan)}: ${problems.join("; ")}`),
    [],
    `seed ${seed}`,
  );
  assert.ok(right >= RIGHT * judged.length, `seed ${seed}: the culprit was named in ${right} of ${judged.length} runs`);
}
