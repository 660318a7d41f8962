// Where a run stands in its data, and where it goes on: on as many workers as then, or on others in the same order of examples.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { CheckpointError } from "../../checkpoint/index.js";
import { type DataLoader, skipFirstBatches } from "../../data/index.js";
import { writeWhole } from "../../unfinished.js";
import type { Trainer } from "../trainer.js";
import { fileNames } from "./names.js";

const count = z.number().int().nonnegative();
const savedPosition = z.object({
  /** The epoch, what one worker has done of its batches, and what all have used up of its rows. */
  epoch: count,
  batch: count,
  consumed: count,
  /** Batches of a worker over all epochs. */
  step: count,
  world_size: z.number().int().positive(),
  gradient_accumulation_steps: z.number().int().positive(),
  per_device_train_batch_size: z.number().int().positive(),
  /** Losses since the last log, by rank, the sum of those that were logged, and the step of that log. */
  losses: z.object({ sums: z.array(z.number().nullable()), total: z.number().nullable(), last_step: count }),
});
export type SavedPosition = z.infer<typeof savedPosition>;

/** Writes position.json; called on all workers. */
export async function savePosition(
  { accelerator, trainDataloader, lossesLogged, args, trainBatchSize }: Trainer,
  directory: string,
  writes: boolean,
): Promise<void> {
  const sums = await accelerator.gatherObject([lossesLogged.sum]);
  if (!writes || !trainDataloader) return;
  const { epoch, batch, consumed, step } = trainDataloader.state();
  const position: SavedPosition = {
    epoch,
    batch,
    consumed,
    step,
    world_size: accelerator.numProcesses,
    gradient_accumulation_steps: args.gradientAccumulationSteps,
    per_device_train_batch_size: trainBatchSize,
    losses: { sums, total: lossesLogged.total, last_step: lossesLogged.lastStep },
  };
  await writeWhole(join(directory, fileNames.position), `${JSON.stringify(position, null, 2)}\n`);
}

/** undefined: it is a checkpoint of transformers. @throws CheckpointError ERR_CHECKPOINT_DAMAGED */
export async function readPosition(directory: string): Promise<SavedPosition | undefined> {
  const file = join(directory, fileNames.position);
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  try {
    return savedPosition.parse(JSON.parse(text));
  } catch (cause) {
    throw new CheckpointError("ERR_CHECKPOINT_DAMAGED", `${file} does not say where the run stands (${(cause as Error).message})`, {
      cause,
      hint: "load another checkpoint",
    });
  }
}

/** How an epoch is cut here. */
export interface Cut {
  /** Batches of this worker in an epoch; undefined: nobody knows. */
  readonly batchesPerEpoch: number | undefined;
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

/** The same place for workers that cut the epoch otherwise. Without `saved` (a checkpoint of transformers) the number of steps is all that is known. */
export function positionFor(
  saved: SavedPosition | undefined,
  globalStep: number,
  { batchesPerEpoch, gradientAccumulationSteps, worldSize }: Cut,
): ResumePosition {
  if (saved) {
    const { epoch, consumed, step } = saved;
    const batches = saved.world_size === worldSize ? saved.batch : Math.ceil((saved.batch * saved.world_size) / worldSize);
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
