// What every group and the world are made with.
import { checkTimeout } from "./collective-checks.js";
import type { CollectiveFault } from "./errors.js";
import type { StallEvent } from "./stall-watch.js";
import type { Store } from "./store.js";

export interface GroupOptions {
  readonly store: Store;
  /** A prefix of keys that nothing else of the run uses: "world/0". */
  readonly name: string;
  /** Until a wait for other ranks ends the group; default 30 minutes. */
  readonly timeoutMs?: number;
  /** Until a wait is reported to onStall; default one minute. */
  readonly reportAfterMs?: number;
  readonly onStall?: (event: StallEvent) => void;
  /** Told of what has ended a group. */
  readonly onFault?: (fault: CollectiveFault) => void;
}

const defaultTimeoutMs = 30 * 60_000;
const defaultReportMs = 60_000;

/** The times that were asked for or that hold without; Infinity is as long as timers can wait. */
export const timesOf = ({ timeoutMs, reportAfterMs = defaultReportMs }: GroupOptions): { readonly timeoutMs: number; readonly reportAfterMs: number } => ({
  timeoutMs: checkTimeout(timeoutMs, defaultTimeoutMs),
  reportAfterMs,
});
