// Reports a wait that takes long, first after a while and then ever more rarely.
import type { StallEvent } from "./assignment.js";

export type { StallEvent } from "./assignment.js";
/** A wait that has been seen: the number of its collective, and the event. */
export interface SeenStall {
  readonly sequence: number;
  readonly event: StallEvent;
}

const leastMs = 20;
/** Longer does not fit timers. */
const mostMs = 2 ** 31 - 1;

export class StallWatch {
  readonly #afterMs: number;
  /** The wait this rank is in, if it is in one. */
  readonly #look: () => SeenStall | undefined;
  readonly #report: (event: StallEvent) => void;
  #timer: NodeJS.Timeout | undefined;
  #pending = 0;
  #sequence = 0;
  #nextMs: number;

  constructor(afterMs: number, look: () => SeenStall | undefined, report: (event: StallEvent) => void) {
    this.#afterMs = afterMs;
    this.#nextMs = afterMs;
    this.#look = look;
    this.#report = report;
  }

  /** A collective begins; the timer that it needs is mostly that of an earlier one. */
  begin(): void {
    this.#pending++;
    if (this.#timer === undefined) this.#arm(this.#afterMs);
  }

  end(): void {
    this.#pending--;
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #arm(ms: number): void {
    this.#timer = setTimeout(() => this.#check(), Math.min(mostMs, Math.max(leastMs, ms))).unref();
  }

  #check(): void {
    this.#timer = undefined;
    if (this.#pending === 0) return;
    const seen = this.#look();
    if (seen === undefined) {
      this.#arm(this.#afterMs);
      return;
    }
    if (seen.sequence !== this.#sequence) {
      this.#sequence = seen.sequence;
      this.#nextMs = this.#afterMs;
    }
    const { waitedMs } = seen.event;
    if (waitedMs >= this.#nextMs) {
      this.#nextMs = waitedMs * 2;
      this.#arm(waitedMs);
      this.#report(seen.event);
    } else this.#arm(this.#nextMs - waitedMs);
  }
}
