// Schedulers: they set the learning rates of an optimizer's groups, follow its steps, and are saved with it.
import { ArgumentError } from "../errors.js";
import type { FollowingScheduler } from "./followers.js";
import type { Optimizer } from "./optimizer.js";
import { PlateauScheduler, type PlateauOptions } from "./plateau.js";
import { makeSchedule, type Schedule, type ScheduleName, type ScheduleOptions, schedules } from "./schedules.js";
import type { SchedulerState } from "./state.js";

/** Sets learning rates step by step. */
export interface Scheduler extends FollowingScheduler {
  /** How many steps it has made. */
  readonly lastEpoch: number;
  /** Moves on by one step, or does nothing if the optimizer has made no step since. */
  step(): void;
  /** The learning rate of each group. */
  getLastLr(): readonly number[];
}

/**
 * Multiplies each group's initial learning rate by a function of the step count.
 *
 * @example
 * const scheduler = new LambdaScheduler(optimizer, (t) => 0.95 ** t);
 * await optimizer.step();
 * scheduler.step();
 * scheduler.getLastLr(); // [0.95 * lr]
 */
export class LambdaScheduler implements Scheduler {
  lastEpoch = 0;
  readonly #optimizer: Optimizer;
  readonly #schedule: Schedule;
  #seenSteps: number;
  #baseLrs: readonly number[];

  /** The schedule sees the step count from 0 on; its value at 0 is set at once. */
  constructor(optimizer: Optimizer, schedule: Schedule) {
    this.#optimizer = optimizer;
    this.#schedule = schedule;
    this.#seenSteps = optimizer.stepCount;
    this.#baseLrs = optimizer.paramGroups.map((group) => {
      group.initialLr ??= group.lr;
      return group.initialLr;
    });
    this.#apply();
    optimizer.follow(this);
  }

  #apply(): void {
    const factor = this.#schedule(this.lastEpoch);
    for (const [i, group] of this.#optimizer.paramGroups.entries()) group.lr = this.#baseLrs[i]! * factor;
  }

  step(): void {
    if (this.#optimizer.stepCount === this.#seenSteps) return;
    this.#seenSteps = this.#optimizer.stepCount;
    this.lastEpoch++;
    this.#apply();
  }
  getLastLr(): readonly number[] {
    return this.#optimizer.paramGroups.map((group) => group.lr);
  }

  /** Its place; the function itself is not saved. */
  stateDict(): SchedulerState {
    return { last_epoch: this.lastEpoch, base_lrs: this.#baseLrs, last_lr: this.getLastLr(), unseen_steps: this.#optimizer.stepCount - this.#seenSteps };
  }
  loadStateDict(state: SchedulerState): void {
    const { last_epoch, base_lrs, unseen_steps } = state as { last_epoch: number; base_lrs: readonly number[]; unseen_steps: number };
    if (!Number.isInteger(last_epoch) || !Array.isArray(base_lrs) || base_lrs.length !== this.#baseLrs.length) {
      throw new ArgumentError("the saved scheduler state does not fit", {
        code: "ERR_SCHEDULER_STATE",
        hint: "make the scheduler as it was when the state was saved, from an optimizer with as many groups",
      });
    }
    this.lastEpoch = last_epoch;
    this.#baseLrs = [...base_lrs];
    this.#seenSteps = this.#optimizer.stepCount - unseen_steps;
    this.#apply();
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
  return new LambdaScheduler(optimizer, makeSchedule(name, options as ScheduleOptions[ScheduleName] as never, optimizer.defaults.lr));
}
