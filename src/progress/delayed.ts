// A bar for work inside the library: appears only when the work takes a while.
import { Bar } from "./bar.js";
import { processTerminal } from "./terminal.js";

const PATIENCE = 1000;

/** Over `total` rows; `delayed` false draws from the start, as when the user named it. */
export function delayedProgress(total: number, description: string, delayed: boolean): Bar {
  return new Bar(processTerminal(), total, { description, unit: "rows", ...(delayed ? { delay: PATIENCE } : {}) });
}
