// How schedulers follow the steps of their optimizer.

/** What an Accelerator says about it; of an optimizer by itself `ownPace`. */
export interface Pace {
  /** A scheduler steps when its optimizer has; false: whenever it is called. */
  readonly withOptimizer: boolean;
  /** Schedule steps per optimizer step. */
  readonly perStep: number;
  /** Calls inside an accumulation window count towards the total of a schedule that stops at one. */
  readonly adjusts: boolean;
  /** Inside an accumulation window now. */
  readonly holds: boolean;
}
export const ownPace: Pace = { withOptimizer: true, perStep: 1, adjusts: false, holds: false };

/** What is asked of an optimizer. */
export interface Paced {
  readonly stepCount: number;
  readonly pace: Pace;
}

/** Counts what a scheduler has seen of its optimizer. */
export class StepFollower {
  readonly #optimizer: Paced;
  #seen: number;
  /** Calls that count, and one for the start: torch's _step_count. */
  #calls = 1;

  constructor(optimizer: Paced) {
    this.#optimizer = optimizer;
    this.#seen = optimizer.stepCount;
  }

  /** At a call of the scheduler's `step`: how many steps it is to make. `stopAt`: the total after which there are none. */
  due(stopAt = Number.POSITIVE_INFINITY): number {
    const { stepCount, pace } = this.#optimizer;
    if (pace.withOptimizer) {
      if (pace.holds) {
        if (pace.adjusts) this.#calls++;
        return 0;
      }
      if (stepCount === this.#seen) return 0;
    }
    this.#seen = stepCount;
    const due = Math.max(0, Math.min(pace.withOptimizer ? pace.perStep : 1, stopAt + 1 - this.#calls));
    this.#calls += due;
    return due;
  }

  state(): { readonly unseen_steps: number; readonly _step_count: number } {
    return { unseen_steps: this.#optimizer.stepCount - this.#seen, _step_count: this.#calls };
  }
  load({ unseen_steps, _step_count }: { readonly unseen_steps: number; readonly _step_count: number }): void {
    this.#seen = this.#optimizer.stepCount - unseen_steps;
    this.#calls = _step_count;
  }
}
