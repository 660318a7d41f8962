// progress: a bar on stderr over a number of steps or over anything that is iterated.
import { ArgumentError } from "./errors.js";
import { Bar, IteratingBar, type ProgressBar, type ProgressOptions } from "./progress/bar.js";
import { processTerminal } from "./progress/terminal.js";

export type { ProgressBar, ProgressOptions } from "./progress/bar.js";

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
export function progress(total: number, options?: ProgressOptions): ProgressBar;
export function progress<T>(items: (AsyncIterable<T> | Iterable<T>) & { readonly length?: number }, options?: ProgressOptions): ProgressBar & AsyncIterable<T>;
export function progress<T>(what: number | ((AsyncIterable<T> | Iterable<T>) & { readonly length?: number }), options: ProgressOptions = {}): ProgressBar {
  if (typeof what === "number") return new Bar(processTerminal(), what, { ...options, closesItself: true });
  if (typeof what === "object" && what !== null && (Symbol.asyncIterator in what || Symbol.iterator in what))
    return new IteratingBar(processTerminal(), what, options);
  throw new ArgumentError(`progress: ${String(what)} cannot be counted`, { code: "ERR_PROGRESS", hint: "give a number of steps or something to iterate" });
}
