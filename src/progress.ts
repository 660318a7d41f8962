// progress: a bar on stderr over a number of steps or over anything that is iterated.
import { ArgumentError } from "./errors.js";
import { Bar, IteratingBar, type ProgressBar, type ProgressOptions } from "./progress/bar.js";
import { processTerminal } from "./progress/terminal.js";

export type { ProgressBar, ProgressOptions } from "./progress/bar.js";

type Items<T> = (AsyncIterable<T> | Iterable<T>) & { readonly length?: number };

/** Bars of one process. */
export interface Progress {
  (total: number, options?: ProgressOptions): ProgressBar;
  <T>(items: Items<T>, options?: ProgressOptions): ProgressBar & AsyncIterable<T>;
}
/** Of which job the process that draws is a part. */
export interface ProgressWorld {
  /** false: bars count and draw nothing, because another process draws. */
  readonly enabled: boolean;
  /** Each of them works on a loader's batch while this one counts a step; default 1. */
  readonly numProcesses?: number;
}

/**
 * Makes `progress` for a process of a job: only the one that is enabled draws, and over a DataLoader its rate is that of all processes together.
 *
 * @example
 * const progress = createProgress({ enabled: rank === 0, numProcesses: 2 });
 */
export function createProgress({ enabled, numProcesses = 1 }: ProgressWorld): Progress {
  return <T>(what: number | Items<T>, options: ProgressOptions = {}): Bar & AsyncIterable<T> => {
    const shown = { ...options, enabled: enabled && options.enabled !== false };
    // A bar over a number of steps cannot be iterated; the overloads say so.
    if (typeof what === "number") return new Bar(processTerminal(), what, { ...shown, closesItself: true }) as Bar & AsyncIterable<T>;
    if (typeof what === "object" && what !== null && (Symbol.asyncIterator in what || Symbol.iterator in what))
      return new IteratingBar(processTerminal(), what, shown, numProcesses);
    throw new ArgumentError(`progress: ${String(what)} cannot be counted`, { code: "ERR_PROGRESS", hint: "give a number of steps or something to iterate" });
  };
}

/**
 * A bar on stderr: samples a second, time left, and what setPostfix was given. On a TTY one line that moves; elsewhere a plain line every five seconds and one at the end.
 * NO_COLOR and narrow terminals are honoured.
 *
 * @throws ArgumentError ERR_PROGRESS when there is nothing to count.
 * @example
 * const bar = progress(1000, { description: "epoch 1/3" });
 * bar.update(1);
 * bar.setPostfix({ loss: 0.0841 });
 * for await (const batch of progress(loader, { description: "eval" })) { ... }
 */
export const progress: Progress = createProgress({ enabled: true });
