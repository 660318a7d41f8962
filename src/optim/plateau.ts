// Lowers the learning rate when a metric has stopped improving, as torch.optim.lr_scheduler.ReduceLROnPlateau.
import { ArgumentError } from "../errors.js";
import type { FollowingScheduler } from "./followers.js";
import type { Optimizer } from "./optimizer.js";
import { StepFollower } from "./pace.js";
import type { SchedulerState } from "./state.js";

export interface PlateauOptions {
  /** Whether a smaller ("min", the default) or a larger metric is better. */
  readonly mode?: "min" | "max";
  /** The learning rate is multiplied by it; below 1, default 0.1. */
  readonly factor?: number;
  /** Steps without improvement that are borne; default 10. */
  readonly patience?: number;
  /** How much better counts as better; default 1e-4. */
  readonly threshold?: number;
  /** Whether the threshold is a share of the best metric ("rel", the default) or a distance. */
  readonly thresholdMode?: "rel" | "abs";
  /** Steps after a reduction during which nothing is counted; default 0. */
  readonly cooldown?: number;
  /** Floor, of all groups or of each; default 0. */
  readonly minLr?: number | readonly number[];
  /** Smaller reductions are not made; default 1e-8. */
  readonly eps?: number;
}

type Better = (metric: number, best: number, threshold: number) => boolean;
const better: { readonly [M in "min" | "max"]: { readonly [T in "rel" | "abs"]: Better } } = {
  min: { rel: (a, best, t) => a < best * (1 - t), abs: (a, best, t) => a < best - t },
  max: { rel: (a, best, t) => a > best * (1 + t), abs: (a, best, t) => a > best + t },
};
const numeric = ["factor", "patience", "threshold", "cooldown", "eps"] as const;
const worst = { min: Number.POSITIVE_INFINITY, max: Number.NEGATIVE_INFINITY } as const;

/**
 * Stepped with a metric, after an evaluation. Like every scheduler it does nothing when its optimizer has made no step since.
 *
 * @example
 * const scheduler = getScheduler("reduce_lr_on_plateau", optimizer, { mode: "max", patience: 2 });
 * scheduler.step((await metric.compute()).accuracy);
 */
export class PlateauScheduler implements FollowingScheduler {
  lastEpoch = 0;
  readonly #optimizer: Optimizer;
  readonly #options: Required<PlateauOptions>;
  readonly #minLrs: readonly number[];
  #best: number;
  #badEpochs = 0;
  #cooldown = 0;
  readonly #follower: StepFollower;

  constructor(optimizer: Optimizer, options: PlateauOptions = {}) {
    const o = { mode: "min", factor: 0.1, patience: 10, threshold: 1e-4, thresholdMode: "rel", cooldown: 0, minLr: 0, eps: 1e-8, ...options } as const;
    for (const key of numeric)
      if (!(typeof o[key] === "number" && o[key] >= 0))
        throw new ArgumentError(`reduce_lr_on_plateau: ${key} is ${JSON.stringify(o[key])}`, {
          code: "ERR_SCHEDULER_OPTION",
          hint: "give a number of at least 0",
        });
    if (!(o.factor < 1)) throw new ArgumentError(`factor is ${o.factor}`, { code: "ERR_SCHEDULER_OPTION", hint: "Factor should be < 1.0" });
    if (!Object.hasOwn(better, o.mode)) throw new ArgumentError(`mode ${o.mode} is unknown!`, { code: "ERR_SCHEDULER_OPTION", hint: "min or max" });
    if (!Object.hasOwn(better[o.mode], o.thresholdMode))
      throw new ArgumentError(`threshold mode ${o.thresholdMode} is unknown!`, { code: "ERR_SCHEDULER_OPTION", hint: "rel or abs" });
    const floors: unknown = o.minLr;
    this.#minLrs = Array.isArray(floors) ? (floors as number[]) : optimizer.paramGroups.map(() => floors as number);
    for (const floor of this.#minLrs)
      if (!(typeof floor === "number" && floor >= 0))
        throw new ArgumentError(`reduce_lr_on_plateau: minLr is ${JSON.stringify(floors)}`, {
          code: "ERR_SCHEDULER_OPTION",
          hint: "give a number of at least 0, or one per group",
        });
    if (this.#minLrs.length !== optimizer.paramGroups.length) {
      throw new ArgumentError(`expected ${optimizer.paramGroups.length} minLr, got ${this.#minLrs.length}`, {
        code: "ERR_SCHEDULER_OPTION",
        hint: "one per group, or one number",
      });
    }
    this.#optimizer = optimizer;
    this.#options = o;
    this.#best = worst[o.mode];
    this.#follower = new StepFollower(optimizer);
    optimizer.follow(this);
  }

  step(metric?: number): void {
    if (metric === undefined)
      throw new ArgumentError("reduce_lr_on_plateau requires the metric of the last evaluation", {
        code: "ERR_SCHEDULER_OPTION",
        hint: "call scheduler.step(metric)",
      });
    // One metric is one step, however many a schedule would make.
    if (this.#follower.due() === 0) return;
    this.lastEpoch++;
    const { mode, thresholdMode, threshold, patience, cooldown } = this.#options;
    if (better[mode][thresholdMode](metric, this.#best, threshold)) {
      this.#best = metric;
      this.#badEpochs = 0;
    } else this.#badEpochs++;
    if (this.#cooldown > 0) {
      this.#cooldown--;
      this.#badEpochs = 0;
    }
    if (this.#badEpochs > patience) {
      this.#reduce();
      this.#cooldown = cooldown;
      this.#badEpochs = 0;
    }
  }
  #reduce(): void {
    for (const [i, group] of this.#optimizer.paramGroups.entries()) {
      const lr = Math.max(group.lr * this.#options.factor, this.#minLrs[i]!);
      if (group.lr - lr > this.#options.eps) group.lr = lr;
    }
  }
  getLastLr(): readonly number[] {
    return this.#optimizer.paramGroups.map((group) => group.lr);
  }

  /** `best` is null until there was a metric: JSON has no infinity. */
  stateDict(): SchedulerState {
    return {
      last_epoch: this.lastEpoch,
      best: Number.isFinite(this.#best) ? this.#best : null,
      num_bad_epochs: this.#badEpochs,
      cooldown_counter: this.#cooldown,
      last_lr: this.getLastLr(),
      ...this.#follower.state(),
    };
  }
  loadStateDict(state: SchedulerState): void {
    const s = state as {
      last_epoch: number;
      best: number | null;
      num_bad_epochs: number;
      cooldown_counter: number;
      unseen_steps: number;
      _step_count?: number;
      last_lr: readonly number[];
    };
    if (!Number.isInteger(s.last_epoch) || !Number.isInteger(s.num_bad_epochs) || s.last_lr?.length !== this.#optimizer.paramGroups.length) {
      throw new ArgumentError("the saved scheduler state does not fit", {
        code: "ERR_SCHEDULER_STATE",
        hint: "make the scheduler as it was when the state was saved, from an optimizer with as many groups",
      });
    }
    this.lastEpoch = s.last_epoch;
    this.#best = s.best ?? worst[this.#options.mode];
    this.#badEpochs = s.num_bad_epochs;
    this.#cooldown = s.cooldown_counter;
    this.#follower.load({ unseen_steps: s.unseen_steps, _step_count: s._step_count ?? s.last_epoch + 1 });
    for (const [i, group] of this.#optimizer.paramGroups.entries()) group.lr = s.last_lr[i]!;
  }
}
