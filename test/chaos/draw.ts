// Draws what is done in a run from a seed, so that a run can be had again.
import { type FaultKind, faultKinds, type FaultName } from "./fault-kinds.js";
import { type RunPlan, ranksOf, type Setting, sizeOf } from "./plan.js";
import type { Random } from "./random.js";
import { places } from "./task.js";

const layouts: Readonly<Record<Setting, readonly RunPlan["workers"][]>> = {
  "one host": [[2], [3], [4]],
  "two hosts": [
    [1, 1],
    [2, 1],
    [1, 2],
    [2, 2],
  ],
  "two namespaces": [
    [1, 1],
    [2, 1],
    [1, 2],
    [2, 2],
  ],
};

/** What can be done on this machine: each setting with its faults. */
export function possible(settings: readonly Setting[], only: (fault: FaultName) => boolean = () => true): (readonly [Setting, FaultName])[] {
  const kinds = Object.entries(faultKinds) as [FaultName, FaultKind][];
  return settings.flatMap((setting) => kinds.filter(([name, kind]) => kind.settings.includes(setting) && only(name)).map(([name]) => [setting, name] as const));
}

export function drawPlan(number: number, [setting, fault]: readonly [Setting, FaultName], random: Random): RunPlan {
  const workers = random.pick(layouts[setting]);
  const moment = random.below(4) === 0 ? "starting" : "training";
  const place = random.pick(places);
  const plan = {
    number,
    setting,
    workers,
    fault,
    rank: 0,
    moment,
    delayMs: random.below(moment === "starting" ? 700 : 500),
    place,
    step: place === "start" ? 0 : random.below(25),
  } as const satisfies RunPlan;
  const { host } = faultKinds[fault] as FaultKind;
  return { ...plan, rank: host === undefined ? random.below(sizeOf(plan)) : random.pick(ranksOf(plan, host)) };
}
