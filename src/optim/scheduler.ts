// Schedulers by formula: a function of the step, or one of transformers' by its name.
import { ArgumentError } from "../errors.js";
import type { Optimizer } from "./optimizer.js";
import { type PlateauOptions, PlateauScheduler } from "./plateau.js";
import { makeSchedule, type Schedule, type ScheduleName, type ScheduleOptions, schedules, totalOf } from "./schedules.js";
import { type Scheduler, SteppedScheduler } from "./stepped.js";

/**
 * Multiplies each group's initial learning rate by a function of the step count.
 *
 * @example
 * const scheduler = new LambdaScheduler(optimizer, (t) => 0.95 ** t);
 * await optimizer.step();
 * scheduler.step();
 * scheduler.getLastLr(); // [0.95 * lr]
 */
export class LambdaScheduler extends SteppedScheduler {
  readonly #schedule: Schedule;
  protected override baseLrs: readonly number[];

  /** The schedule sees the step count from 0 on; its value at 0 is set at once. `totalSteps`: where it ends, for those who plan; it is asked for steps behind it, too. */
  constructor(optimizer: Optimizer, schedule: Schedule, options: { readonly totalSteps?: number | undefined } = {}) {
    super(optimizer, options);
    this.#schedule = schedule;
    this.baseLrs = optimizer.paramGroups.map((group) => {
      group.initialLr ??= group.lr;
      return group.initialLr;
    });
    this.apply();
    optimizer.follow(this);
  }

  protected override apply(): void {
    const factor = this.#schedule(this.lastEpoch);
    for (const [i, group] of this.optimizer.paramGroups.entries()) group.lr = this.baseLrs[i]! * factor;
  }
}

/** Names that getScheduler knows. */
export type SchedulerName = ScheduleName | "reduce_lr_on_plateau";
export const schedulerNames: readonly SchedulerName[] = [...(Object.keys(schedules) as ScheduleName[]), "reduce_lr_on_plateau"];

/**
 * A learning rate schedule of transformers, by its name. With t steps made, w = numWarmupSteps and n = numTrainingSteps, "linear" is
 * lr * t / w up to w and lr * (n - t) / (n - w) behind it; the other formulas are those of transformers' optimization.py.
 *
 * The scheduler follows its optimizer: it does nothing when the optimizer made no step, and is part of the optimizer's stateDict.
 *
 * @example
 * const scheduler = getScheduler("linear", optimizer, { numWarmupSteps: 100, numTrainingSteps: 3 * loader.length });
 * for await (const batch of loader) {
 *   await model(batch).loss.backward();
 *   await optimizer.step();
 *   scheduler.step();
 *   optimizer.zeroGrad();
 * }
 *
 * @throws ArgumentError for unknown names and `"<name> requires ..."` for options that are missing.
 */
export function getScheduler(name: "reduce_lr_on_plateau", optimizer: Optimizer, options?: PlateauOptions): PlateauScheduler;
export function getScheduler(name: "constant", optimizer: Optimizer, options?: ScheduleOptions["constant"]): Scheduler;
export function getScheduler<N extends ScheduleName>(name: N, optimizer: Optimizer, options: ScheduleOptions[N]): Scheduler;
export function getScheduler(name: SchedulerName, optimizer: Optimizer, options: object = {}): Scheduler {
  if (name === "reduce_lr_on_plateau") return new PlateauScheduler(optimizer, options);
  if (!Object.hasOwn(schedules, name))
    throw new ArgumentError(`there is no scheduler ${String(name)}`, { code: "ERR_SCHEDULER_NAME", hint: `one of ${schedulerNames.join(", ")}` });
  const own = options as ScheduleOptions[ScheduleName] as never;
  return new LambdaScheduler(optimizer, makeSchedule(name, own, optimizer.defaults.lr), { totalSteps: totalOf(name, own) });
}
