// position.json: where a run stands in its data, and the losses that wait for their log.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { describeLoader } from "../../accelerator/checkpoints/capture.js";
import { CheckpointError } from "../../checkpoint/index.js";
import type { RankLoader } from "../../data/loader/rank-loader.js";
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
  /** Of the data; null where that is not known. */
  rows: count.nullable(),
  /** Of their order; null where they are not shuffled. */
  seed: z.number().nullable(),
  /** Losses since the last log, by rank, the sum of those that were logged, and the step of that log. */
  losses: z.object({ sums: z.array(z.number().nullable()), total: z.number().nullable(), last_step: count }),
});
export type SavedPosition = z.infer<typeof savedPosition>;

/** Writes position.json. `sums`: losses since the last log, by rank. */
export async function savePosition(
  { accelerator, trainDataloader, lossesLogged, args, trainBatchSize, control }: Trainer,
  directory: string,
  sums: readonly number[],
): Promise<void> {
  if (!trainDataloader) return;
  const { step, ...state } = trainDataloader.state();
  // An epoch that is broken off here is over.
  const { epoch, batch, consumed } = control.shouldEpochStop ? { epoch: state.epoch + 1, batch: 0, consumed: 0 } : state;
  const loader = trainDataloader as RankLoader<unknown>;
  const position: SavedPosition = {
    epoch,
    batch,
    consumed,
    step,
    world_size: accelerator.numProcesses,
    gradient_accumulation_steps: args.gradientAccumulationSteps,
    per_device_train_batch_size: trainBatchSize,
    rows: describeLoader(loader).rows,
    seed: loader.seed ?? null,
    losses: { sums: [...sums], total: lossesLogged.total, last_step: lossesLogged.lastStep },
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
