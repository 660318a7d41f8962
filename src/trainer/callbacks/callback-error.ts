// What is thrown when a callback's handler fails.
import { AccelerateError } from "../../errors.js";

/** A handler threw: the message says which, the cause is what it threw. */
export class CallbackError extends AccelerateError {
  readonly callback: string;
  readonly event: string;
  constructor(callback: string, event: string, step: number, cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    super("ERR_CALLBACK", `the callback ${callback} failed in ${event} at step ${step}: ${reason}`, { cause });
    this.callback = callback;
    this.event = event;
  }
}

/** Says that this worker could not go on without another one, or that the run is stopped: launchers and loops look for these themselves. */
const signals: ReadonlySet<string> = new Set([
  "ERR_STOPPED",
  "ERR_PEER_LOST",
  "ERR_COLLECTIVE_TIMEOUT",
  "ERR_COLLECTIVE_ABORTED",
  "ERR_GROUP_CLOSED",
  "ERR_CALLBACK",
]);

export const passesThrough = (cause: unknown): cause is AccelerateError => cause instanceof AccelerateError && signals.has(cause.code);
