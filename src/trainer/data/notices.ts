// Lines that a Trainer says once, however often its loaders are made.
import { type Speaker, say } from "../say.js";

const said = new WeakMap<object, Set<string>>();

export function sayOnce(trainer: Speaker, line: string): void {
  const lines = said.get(trainer) ?? new Set();
  said.set(trainer, lines);
  if (lines.has(line)) return;
  lines.add(line);
  say(trainer, "info", line);
}
