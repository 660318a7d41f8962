// The end of groups that were made for something that could not be finished.
import { CollectiveError, type CollectiveFault } from "../errors.js";
import type { ProcessGroup } from "../process-group.js";

/** Tells their ranks why, so that none waits for this one, and closes them. */
export async function endAll(groups: readonly ProcessGroup[], reason: unknown): Promise<void> {
  const { code, message, ranks } = reason as Error & CollectiveFault;
  for (const group of groups) {
    if (reason instanceof CollectiveError) group.abort({ code, message, ranks });
    await group.close();
  }
}
