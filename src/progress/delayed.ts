// A bar for work inside the library: appears only when the work takes a while, and of a launched job's workers only in the first.
import { Bar } from "./bar.js";
import { speaks } from "./speaks.js";
import { processTerminal } from "./terminal.js";

const PATIENCE = 1000;

/** Over `total` units; `delayed` false draws from the start, as when the user named it. */
export function delayedProgress(total: number, description: string, delayed: boolean, unit = "rows"): Bar {
  return new Bar(processTerminal(), total, { description, unit, enabled: speaks(), ...(delayed ? { delay: PATIENCE } : {}) });
}
