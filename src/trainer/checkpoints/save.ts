// One checkpoint of a Trainer: everything in a folder that appears when it is whole, and the older ones that go then.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { AccelerateError } from "../../errors.js";
import { exportStates, type TrainerState } from "../state/index.js";
import { storeFlos } from "../training/flops.js";
import type { Trainer } from "../trainer.js";
import { sweep, writeFault } from "../../checkpoint/index.js";
import { bestDirectory } from "./best.js";
import { fillWithModel, savesFiles } from "./model-files.js";
import { checkpointDirectory, fileNames } from "./names.js";
import { savePosition } from "./position-file.js";
import { isSame, rotateCheckpoints, sortCheckpoints, takeAway } from "./rotation.js";
import { tell } from "./tell.js";

/** The last steps that were saved, of trainings. */
const written = new WeakMap<TrainerState, number>();
/** Whether the checkpoint of the present step was just written. */
export const isSaved = ({ state }: Trainer): boolean => written.get(state) === state.globalStep;

/** What a model's own files were refused for, as for the others. */
function saveFault(error: unknown, target: string): unknown {
  const cause = error instanceof AccelerateError && error.code === "ERR_SAVE" ? error.cause : undefined;
  return cause === undefined ? error : writeFault(cause, target);
}

/**
 * Writes `checkpoint-<step>` and takes old ones away; called on all workers. Returns the directory.
 * @throws CheckpointError ERR_CHECKPOINT_DISK_FULL, ERR_CHECKPOINT_WRITE and others, on all workers; earlier checkpoints are as they were
 */
export async function saveCheckpoint(trainer: Trainer): Promise<string> {
  const { args, state, accelerator, callbackHandler } = trainer;
  const { checkpoints } = accelerator;
  await storeFlos(trainer);
  const target = checkpointDirectory(args.outputDir, state.globalStep);
  const best = bestDirectory(trainer);
  const [bestIsThere] = await checkpoints.together("saveCheckpoint", async () => {
    if (savesFiles(trainer)) await sweep(args.outputDir, checkpoints.host);
    return best !== undefined && (best === target || existsSync(best));
  });
  if (bestIsThere) state.bestModelCheckpoint = best;
  state.statefulCallbacks = exportStates([...callbackHandler.callbacks, trainer.control]);
  const sums = await accelerator.gatherObject([trainer.lossesLogged.sum]);
  // No collective in it: what fails on one worker is told to the others when they are done.
  const fill = async (directory: string): Promise<void> => {
    await fillWithModel(trainer, directory).catch((error: unknown) => {
      throw saveFault(error, target);
    });
    if (!savesFiles(trainer)) return;
    await savePosition(trainer, directory, sums);
    await state.saveToJson(join(directory, fileNames.state));
  };
  await accelerator.saveFilled(target, { holds: args.saveOnlyModel ? "nothing" : "state", replaces: true, fill, async: false });
  await checkpoints.together("saveCheckpoint", async () => {
    if (!savesFiles(trainer)) return;
    const told = (line: string): void => tell(trainer, line);
    await rotateCheckpoints(args.outputDir, { limit: args.saveTotalLimit, best: state.bestModelCheckpoint, written: target, host: checkpoints.host, told });
  });
  written.set(state, state.globalStep);
  return target;
}

/** At the end of `train`, after the best model was loaded: with saveTotalLimit 1 only the best one stays. */
export async function finishCheckpoints(trainer: Trainer): Promise<void> {
  const { args, state, accelerator } = trainer;
  const { checkpoints } = accelerator;
  await checkpoints.settled();
  const { bestModelCheckpoint: best } = state;
  if (best === undefined || args.saveTotalLimit !== 1) return;
  await checkpoints.together("train", async () => {
    if (!savesFiles(trainer)) return;
    const all = sortCheckpoints(args.outputDir);
    // Where the best one is not among them any more, the others are all there is.
    if (!all.some((directory) => isSame(directory, best))) return;
    for (const directory of all) {
      if (isSame(directory, best)) continue;
      const gone = await takeAway(directory, checkpoints.host, (line) => tell(trainer, line));
      if (gone) tell(trainer, `${directory} was deleted, the best one stays (saveTotalLimit is 1)`);
    }
  });
}
