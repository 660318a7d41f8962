// Where a run goes on in its data: on as many workers as then, or on others in the same order of examples.
import { type DataLoader, skipFirstBatches } from "../../data/index.js";
import type { SavedPosition } from "./position-file.js";

/** How an epoch is cut here. */
export interface Cut {
  /** Batches of this worker in an epoch; undefined: nobody knows. */
  readonly batchesPerEpoch: number | undefined;
  /** Rows of the data; undefined: nobody knows, or they are not what batches are made of. */
  readonly rows: number | undefined;
  /** Rows of a batch of one worker, and of all of them. */
  readonly batchSize: number;
  readonly totalBatchSize: number;
  readonly dropLast: boolean;
  readonly gradientAccumulationSteps: number;
  readonly worldSize: number;
}
/** Where training goes on. */
export interface ResumePosition {
  readonly epoch: number;
  /** Batches of this worker that the epoch has behind it. */
  readonly batches: number;
  /** What all workers have used up of the epoch; undefined: as much as those batches are. */
  readonly consumed: number | undefined;
  /** Batches of this worker over all epochs. */
  readonly step: number;
}

/** Whether batches are other ones than those of the checkpoint. */
export const isRecut = (saved: SavedPosition, { worldSize, batchSize, rows }: Cut): boolean =>
  saved.world_size !== worldSize || saved.per_device_train_batch_size !== batchSize || (rows !== undefined && saved.rows !== null && saved.rows !== rows);

/** Batches of this worker that the epoch has behind it, so that those that are left are as many as the rows that are left give. */
function batchesBehind(saved: SavedPosition, cut: Cut): number {
  if (!isRecut(saved, cut)) return saved.batch;
  const { batchesPerEpoch, rows, totalBatchSize, dropLast, worldSize } = cut;
  if (batchesPerEpoch === undefined || rows === undefined) return Math.ceil((saved.batch * saved.world_size) / worldSize);
  const left = Math.max(0, rows - saved.consumed) / totalBatchSize;
  return Math.max(0, batchesPerEpoch - (dropLast ? Math.floor(left) : Math.ceil(left)));
}

/** The same place for workers that cut the epoch otherwise. Without `saved` (a checkpoint of transformers) the number of steps is all that is known. */
export function positionFor(saved: SavedPosition | undefined, globalStep: number, cut: Cut): ResumePosition {
  const { batchesPerEpoch, gradientAccumulationSteps } = cut;
  if (saved) {
    const { epoch, consumed, step } = saved;
    const batches = batchesBehind(saved, cut);
    // The last batch of an epoch is the end of it.
    if (batchesPerEpoch !== undefined && batches >= batchesPerEpoch) return { epoch: epoch + 1, batches: 0, consumed: 0, step };
    return { epoch, batches, consumed, step };
  }
  const updates = batchesPerEpoch === undefined ? Number.POSITIVE_INFINITY : Math.max(1, Math.ceil(batchesPerEpoch / gradientAccumulationSteps));
  const epoch = Math.floor(globalStep / updates);
  const batches = (globalStep % updates) * gradientAccumulationSteps;
  return { epoch, batches, consumed: batches === 0 ? 0 : undefined, step: epoch * (batchesPerEpoch ?? 0) + batches };
}

/** A loader whose next epoch is the rest of the one that was saved, or, where data are not skipped, all of it. */
export function placed<B>(loader: DataLoader<B>, { epoch, batches, consumed, step, skips }: ResumePosition & { readonly skips: boolean }): DataLoader<B> {
  if (skips && consumed === undefined) {
    loader.setEpoch(epoch);
    return skipFirstBatches(loader, batches);
  }
  loader.loadState({ epoch, batch: skips ? batches : 0, consumed: skips ? (consumed ?? 0) : 0, step });
  return loader;
}
