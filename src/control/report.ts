// The last words of a worker: written before the process dies, beside whatever else goes over its control socket.

import { controlSlot } from "./control-slot.js";
import { errorReport } from "./errors.js";
import { encodeFrame } from "./frames.js";

/**
 * Tells the agent of the error that ends this worker, synchronously. Nothing happens without an agent. Never throws.
 * error: anything that was thrown; name, message, code, stack and ranks are read from it.
 */
export function reportFailure(
  settings: { readonly controlFd: number | undefined },
  error: unknown,
  where: { readonly step?: number; readonly epoch?: number } = {},
): void {
  const { controlFd } = settings;
  if (controlFd === undefined) return;
  const slot = controlSlot(controlFd);
  const { step = slot.step, epoch = slot.epoch } = where;
  try {
    slot.writer.write(encodeFrame("WorkerFrame", { failure: errorReport(error, { step, epoch }) }));
    slot.writer.flush();
  } catch {
    // The process dies anyway, and its exit code tells the agent.
  }
}
