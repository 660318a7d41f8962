// How the schedulers of prepared optimizers follow them: once per step, or as Accelerate does.
import { ArgumentError } from "../../errors.js";
import type { Pace } from "../../optim/index.js";
import type { Accumulation } from "./accumulation.js";

/** "optimizer": a schedule counts optimizer steps. "process": it counts those of all workers, as Accelerate's do. */
export type SchedulerStepping = "optimizer" | "process";

export interface PaceOptions {
  readonly stepSchedulerWithOptimizer?: boolean | undefined;
  readonly schedulerStepping?: SchedulerStepping | undefined;
}

/** Of one Accelerator. */
export function paceOf(
  { stepSchedulerWithOptimizer = true, schedulerStepping = "optimizer" }: PaceOptions,
  { accumulation, numProcesses, splitBatches }: { readonly accumulation: Accumulation; readonly numProcesses: number; readonly splitBatches: boolean },
): Pace {
  if (schedulerStepping !== "optimizer" && schedulerStepping !== "process")
    throw new ArgumentError(`schedulerStepping is ${String(schedulerStepping)}`, { hint: 'give "optimizer" or "process"' });
  const byProcess = schedulerStepping === "process";
  return {
    withOptimizer: stepSchedulerWithOptimizer,
    perStep: byProcess && !splitBatches ? numProcesses : 1,
    adjusts: byProcess && accumulation.adjustsScheduler,
    get holds() {
      return accumulation.holds;
    },
  };
}
