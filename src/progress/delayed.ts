// A bar for work inside the library: appears only when the work takes a while, and of a launched job's workers only in the first.
import { configuredWorker } from "../config.js";
import { AccelerateError } from "../errors.js";
import { Bar } from "./bar.js";
import { processTerminal } from "./terminal.js";

const PATIENCE = 1000;

/** Whether this process speaks for the job. Variables that contradict each other are the Accelerator's to complain of, not a bar's. */
export function speaks(): boolean {
  try {
    return (configuredWorker()?.rank ?? 0) === 0;
  } catch (error) {
    if (error instanceof AccelerateError) return true;
    throw error;
  }
}

/** Over `total` units; `delayed` false draws from the start, as when the user named it. */
export function delayedProgress(total: number, description: string, delayed: boolean, unit = "rows"): Bar {
  return new Bar(processTerminal(), total, { description, unit, enabled: speaks(), ...(delayed ? { delay: PATIENCE } : {}) });
}
