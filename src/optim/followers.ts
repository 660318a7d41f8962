// The schedulers that follow an optimizer: saved and loaded with it, in the order in which they were made.
import type { SchedulerState } from "./state.js";

/** What an optimizer asks of a scheduler that follows it. */
export interface FollowingScheduler {
  stateDict(): SchedulerState;
  loadStateDict(state: SchedulerState): void;
}

export class Followers {
  readonly #schedulers: FollowingScheduler[] = [];
  /** Loaded states of schedulers that are yet to be made. */
  #waiting: SchedulerState[] = [];

  add(scheduler: FollowingScheduler): void {
    this.#schedulers.push(scheduler);
    const state = this.#waiting.shift();
    if (state) scheduler.loadStateDict(state);
  }
  remove(scheduler: FollowingScheduler): void {
    const at = this.#schedulers.indexOf(scheduler);
    if (at >= 0) this.#schedulers.splice(at, 1);
  }
  get all(): readonly FollowingScheduler[] {
    return this.#schedulers;
  }
  states(): SchedulerState[] {
    return this.#schedulers.map((s) => s.stateDict());
  }
  load(states: readonly SchedulerState[]): void {
    this.#apply(states);
    this.#waiting = states.slice(this.#schedulers.length);
  }
  /** Loads states for a try: all are as they were afterwards. Throws what a scheduler throws that refuses its own. */
  try(states: readonly SchedulerState[]): void {
    const before = this.states();
    try {
      this.#apply(states);
    } finally {
      this.#apply(before);
    }
  }
  #apply(states: readonly SchedulerState[]): void {
    for (const [i, scheduler] of this.#schedulers.entries()) if (states[i]) scheduler.loadStateDict(states[i]);
  }
}
