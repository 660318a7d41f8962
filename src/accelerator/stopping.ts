// A clean stop: asked for on any worker, made by all after the same step.
import { AccelerateError } from "../errors.js";

/** Thrown by the backward that would follow a stop that was asked for. */
export class StoppedError extends AccelerateError {
  /** Who asked: "SIGTERM", "SIGINT", what the program said; undefined where only another worker knows. */
  readonly reason: string | undefined;
  constructor(step: number, reason?: string) {
    super("ERR_STOPPED", `stopped after step ${step} (${reason ?? "another worker was asked to"})`, {
      hint: "look at accelerator.signal to save first, and end the loop",
    });
    this.reason = reason;
  }
}

/** What was called needs the other workers, which the Accelerator has left. */
export const closedError = (what: string): AccelerateError =>
  new AccelerateError("ERR_ACCELERATOR_CLOSED", `${what} after the Accelerator was disposed of`, { hint: "keep it until the end of the program" });

const wish = 1;

/** Wishes to stop travel with the gradients, so that all workers know of one at the same step. */
export class Stopping {
  readonly #controller = new AbortController();
  #reason: string | undefined;
  #agreed = false;
  /** Those that were made. */
  #steps = 0;

  /** Aborted once all workers have agreed to stop: right after a step. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }
  request(reason: string): void {
    this.#reason ??= reason;
  }
  mine(): number {
    return this.#reason === undefined ? 0 : wish;
  }
  agreed(all: number): void {
    if ((all & wish) !== 0) this.#agreed = true;
  }

  /** Whether this worker was asked to stop; the others may not know. */
  get asked(): boolean {
    return this.#reason !== undefined;
  }
  /** Where workers meet between steps, and all know that one of them was asked. @throws StoppedError */
  here(): never {
    this.#agreed = true;
    this.settle(this.#steps);
    throw this.#controller.signal.reason;
  }

  /** After a step. Returns whether this is the one after which all stop. */
  settle(step: number): boolean {
    this.#steps = step;
    if (!this.#agreed || this.#controller.signal.aborted) return false;
    this.#controller.abort(new StoppedError(step, this.#reason));
    return true;
  }
  /** @throws StoppedError after a stop. */
  check(): void {
    this.#controller.signal.throwIfAborted();
  }
}
