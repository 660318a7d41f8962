// What schedulers have in common whose learning rates depend on nothing but their step: they follow their optimizer, and are saved with it.
import { ArgumentError } from "../errors.js";
import type { FollowingScheduler } from "./followers.js";
import type { Optimizer } from "./optimizer.js";
import { StepFollower } from "./pace.js";
import type { SavedValue, SchedulerState } from "./state.js";

/** Sets learning rates step by step. */
export interface Scheduler extends FollowingScheduler {
  /** How many steps it has made. */
  readonly lastEpoch: number;
  /** The steps that it was made for, where it has an end. */
  readonly totalSteps?: number | undefined;
  /** Moves on by one step, or does nothing if the optimizer has made no step since. */
  step(): void;
  /** The learning rate of each group. */
  getLastLr(): readonly number[];
}

/** What all of them save; a kind may have more. */
export interface SteppedState extends SchedulerState {
  readonly last_epoch: number;
  readonly base_lrs: readonly number[];
}

export abstract class SteppedScheduler implements Scheduler {
  #lastEpoch = 0;
  readonly totalSteps: number | undefined;
  protected readonly optimizer: Optimizer;
  readonly #follower: StepFollower;
  readonly #stops: boolean;

  /** `stops`: there are no steps behind the total. */
  constructor(optimizer: Optimizer, { totalSteps, stops = false }: { readonly totalSteps?: number | undefined; readonly stops?: boolean } = {}) {
    this.optimizer = optimizer;
    this.totalSteps = totalSteps;
    this.#stops = stops;
    this.#follower = new StepFollower(optimizer);
  }

  /** Sets the learning rates of the step `lastEpoch`. */
  protected abstract apply(): void;
  /** The learning rate of each group that the schedule is worked out from. */
  protected abstract baseLrs: readonly number[];

  get lastEpoch(): number {
    return this.#lastEpoch;
  }
  step(): void {
    const due = this.#follower.due(this.#stops ? this.totalSteps : undefined);
    if (due === 0) return;
    this.#lastEpoch += due;
    this.apply();
  }
  getLastLr(): readonly number[] {
    return this.optimizer.paramGroups.map((group) => group.lr);
  }

  /** Its place; the schedule itself is not saved. */
  stateDict(): SchedulerState {
    return { last_epoch: this.#lastEpoch, base_lrs: this.baseLrs, last_lr: this.getLastLr(), ...this.#follower.state() };
  }
  loadStateDict(state: SchedulerState): void {
    const { last_epoch, base_lrs, unseen_steps, _step_count } = state as unknown as SteppedState & {
      readonly unseen_steps: number;
      readonly _step_count?: number;
    };
    if (!Number.isInteger(last_epoch) || !Array.isArray(base_lrs as SavedValue) || base_lrs.length !== this.optimizer.paramGroups.length) {
      throw new ArgumentError("the saved scheduler state does not fit", {
        code: "ERR_SCHEDULER_STATE",
        hint: "make the scheduler as it was when the state was saved, from an optimizer with as many groups",
      });
    }
    this.#lastEpoch = last_epoch;
    this.baseLrs = [...base_lrs];
    this.#follower.load({ unseen_steps, _step_count: _step_count ?? last_epoch + 1 });
    this.apply();
  }
}
