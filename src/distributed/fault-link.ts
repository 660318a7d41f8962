// Groups that belong together end together: a fault of one is told to the ranks of the others, also while this rank waits in another one, or computes.
import type { CollectiveFault } from "./errors.js";
import type { ProcessGroup } from "./process-group.js";

export interface LinkedGroup extends Pick<ProcessGroup, "abort"> {
  /** The fault that has ended the group, also while this rank is not in a call. */
  faultNow(): CollectiveFault | undefined;
  /** While this is on, faults are noticed also between collectives. */
  attend?(on: boolean): void;
}

const lookMs = 20;

/** For the rank that speaks for its host: nobody else sees both sides. */
export class FaultLink {
  readonly #groups: readonly LinkedGroup[];
  readonly #timer: NodeJS.Timeout;

  constructor(groups: readonly LinkedGroup[]) {
    this.#groups = groups;
    for (const group of groups) group.attend?.(true);
    this.#timer = setInterval(() => this.#look(), lookMs).unref();
  }

  #look(): void {
    for (const group of this.#groups) {
      const fault = group.faultNow();
      if (fault === undefined) continue;
      clearInterval(this.#timer);
      for (const other of this.#groups) other.abort(fault);
      return;
    }
  }

  /** Before the groups are closed. */
  close(): void {
    clearInterval(this.#timer);
    for (const group of this.#groups) group.attend?.(false);
  }
}
