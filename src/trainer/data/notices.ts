// Lines that tell what a run does: on the main process, on stderr.
import { say, type Speaker } from "../say.js";

const told = new WeakMap<object, Set<string>>();

export function tell(trainer: Speaker, ...lines: readonly string[]): void {
  say(trainer, "info", ...lines);
}
/** The same line of a Trainer once. */
export function tellOnce(trainer: Speaker, line: string): void {
  const lines = told.get(trainer) ?? new Set();
  told.set(trainer, lines);
  if (lines.has(line)) return;
  lines.add(line);
  tell(trainer, line);
}
