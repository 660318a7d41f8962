// Which process of a launched job tells the user what all of them would say.
import { configuredWorker } from "../config.js";
import { AccelerateError } from "../errors.js";

/** Whether this process speaks for the job. Variables that contradict each other are the Accelerator's to complain of. */
export function speaks(): boolean {
  try {
    return (configuredWorker()?.rank ?? 0) === 0;
  } catch (error) {
    if (error instanceof AccelerateError) return true;
    throw error;
  }
}
