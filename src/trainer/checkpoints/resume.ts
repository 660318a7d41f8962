// Puts a training back where a checkpoint was made: weights, state, optimizer with its schedules, random numbers, place in the data.
import { existsSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { describeLoader } from "../../accelerator/checkpoints/capture.js";
import { SavedRun } from "../../accelerator/checkpoints/saved-run.js";
import { CheckpointError, readManifest } from "../../checkpoint/index.js";
import type { RankLoader } from "../../data/loader/rank-loader.js";
import { defaultGenerator } from "../../tensor/index.js";
import { restoreStates, TrainerState } from "../state/index.js";
import type { Trainer } from "../trainer.js";
import { isForeign } from "./choose.js";
import { compareArguments } from "./compare-args.js";
import { loadForeignOptimizer } from "./foreign.js";
import { loadWeightsOf } from "./load-weights.js";
import { fileNames } from "./names.js";
import { type Cut, isRecut, positionFor, type ResumePosition } from "./position.js";
import { readPosition, type SavedPosition } from "./position-file.js";
import { tell } from "./tell.js";

const holdsRun = (directory: string): boolean => existsSync(join(directory, fileNames.run));

/** Before `prepare`: the weights of the model, and the batch size where it was found. */
export async function loadModel(trainer: Trainer, directory: string): Promise<void> {
  await loadWeightsOf(trainer, directory);
  if (!trainer.args.autoFindBatchSize) return;
  const { trainBatchSize } = await TrainerState.loadFromJson(join(directory, fileNames.state));
  if (trainBatchSize) trainer.trainBatchSize = trainBatchSize;
}

/** The best checkpoint as it lies now: the folder of a run may have been moved. */
function bestOf(trainer: Trainer, directory: string, recorded: string): string | undefined {
  const beside = join(dirname(directory), basename(recorded));
  const found = [recorded, beside].find((path) => existsSync(path));
  if (found === undefined) tell(trainer, `the best checkpoint ${recorded} of the resumed state is not there any more, and is not looked for`);
  return found;
}

/** trainer.state, and the states of callbacks and control where that is asked for. Tells which arguments differ. */
export async function loadTrainerState(trainer: Trainer, directory: string): Promise<void> {
  const state = await TrainerState.loadFromJson(join(directory, fileNames.state));
  if (state.bestModelCheckpoint !== undefined) state.bestModelCheckpoint = bestOf(trainer, directory, state.bestModelCheckpoint);
  trainer.state = state;
  compareArguments(trainer, state);
  if (!trainer.args.restoreCallbackStatesFromCheckpoint) return;
  const missing = restoreStates(trainer.callbackHandler.callbacks, trainer.control, state.statefulCallbacks);
  if (missing.length > 0) tell(trainer, `the checkpoint holds states of callbacks that are not used here: ${missing.join(", ")}`);
}

/** After `prepare`, when optimizer and scheduler are made. */
export async function loadOptimizerAndScheduler(trainer: Trainer, directory: string): Promise<void> {
  const { accelerator } = trainer;
  if (holdsRun(directory)) {
    await accelerator.checkpoints.load(directory, { holds: "state", verified: true });
    return;
  }
  if (isForeign(directory) && (await loadForeignOptimizer(trainer, directory))) return;
  tell(
    trainer,
    `${directory} holds the model without optimizer and schedule, which begin anew${isForeign(directory) ? "" : " (it was saved with saveOnlyModel)"}`,
  );
}

/** Right before the first step that is made anew: what was done since the checkpoint was loaded has drawn nothing. */
export async function loadRngState({ accelerator }: Trainer, directory: string): Promise<void> {
  if (!holdsRun(directory)) return;
  const saved = new SavedRun(directory, await readManifest(directory));
  const sameWorld = saved.manifest.worldSize === accelerator.numProcesses;
  // In another world a rank draws what rank 0 would have drawn in its place: the rank is part of every key.
  const own = (sameWorld ? await saved.own(accelerator.processIndex) : undefined) ?? (await saved.own(0));
  if (own) defaultGenerator().state = { ...own.generator, rank: accelerator.processIndex };
}

/** The epoch to go on in where the run was saved at its end. */
const noneLeft = Number.POSITIVE_INFINITY;

/** A place to go on from, and what is to be done there. */
export interface Resumed extends ResumePosition {
  readonly checkpoint: string;
  /** Batches behind it are not read: not with ignoreDataSkip. */
  readonly skips: boolean;
  /** Steps of the whole run: fewer or more than the arguments say where workers or windows are other ones than before. */
  readonly maxSteps: number;
  readonly saved: SavedPosition | undefined;
}
export interface RunLength {
  readonly batchesPerEpoch: number | undefined;
  readonly updatesPerEpoch: number;
  /** As the arguments say. */
  readonly maxSteps: number;
}

function cutOf({ args, accelerator, trainBatchSize, trainDataloader }: Trainer, batchesPerEpoch: number | undefined): Cut {
  const { rows, batchSize } = describeLoader(trainDataloader as RankLoader<unknown>);
  const { numProcesses: worldSize } = accelerator;
  return {
    batchesPerEpoch,
    rows: rows === null || batchSize === null ? undefined : rows,
    batchSize: trainBatchSize,
    totalBatchSize: args.acceleratorConfig.splitBatches ? trainBatchSize : trainBatchSize * worldSize,
    dropLast: args.dataloaderDropLast,
    gradientAccumulationSteps: args.gradientAccumulationSteps,
    worldSize,
  };
}

/** Where training goes on, after `loadTrainerState`. Tells what is different from a run that was never interrupted. */
export async function resumedAt(trainer: Trainer, checkpoint: string, { batchesPerEpoch, updatesPerEpoch, maxSteps }: RunLength): Promise<Resumed> {
  const { args, state } = trainer;
  const saved = await readPosition(checkpoint);
  if (saved === undefined && !isForeign(checkpoint)) throw new CheckpointError("ERR_CHECKPOINT_DAMAGED", `${checkpoint} has no ${fileNames.position}`);
  const cut = cutOf(trainer, batchesPerEpoch);
  const position = positionFor(saved, state.globalStep, cut);
  const window = args.gradientAccumulationSteps;
  const otherSteps = saved !== undefined && (isRecut(saved, cut) || saved.gradient_accumulation_steps !== window);
  // Of the data that are left, whatever a step was before.
  const left = batchesPerEpoch === undefined ? updatesPerEpoch : Math.ceil((batchesPerEpoch - position.batches) / window);
  const done = (position.epoch + 1) * updatesPerEpoch - left;
  const steps = otherSteps && args.maxSteps <= 0 ? state.globalStep + Math.max(0, maxSteps - done) : maxSteps;
  const resumed: Resumed = { ...position, checkpoint, skips: !args.ignoreDataSkip, maxSteps: Math.max(state.globalStep, steps), saved };
  tellPlace(trainer, resumed);
  if (saved) tellDifferences(trainer, saved, cut, steps);
  // transformers looks at the end after a step alone, and makes one more each time.
  return state.globalStep < steps ? resumed : { ...resumed, epoch: noneLeft };
}

function tellDifferences(trainer: Trainer, saved: SavedPosition, { worldSize, rows }: Cut, steps: number): void {
  const seed = (trainer.trainDataloader as RankLoader<unknown>).seed ?? null;
  if (saved.world_size !== worldSize)
    tell(
      trainer,
      `the checkpoint was made on ${saved.world_size} workers, here are ${worldSize}: the examples follow in the same order, and the run has ${steps} steps`,
    );
  if (rows !== undefined && saved.rows !== null && saved.rows !== rows)
    tell(trainer, `the training data had ${saved.rows} rows when the checkpoint was made and have ${rows} now: their order is another one`);
  if (saved.seed !== seed)
    tell(trainer, `the training data were shuffled with the seed ${saved.seed} before and with ${seed} now: in this epoch rows may come twice, or not at all`);
}

function tellPlace(trainer: Trainer, { checkpoint, epoch, batches, skips }: Resumed): void {
  tell(trainer, `continuing training from ${checkpoint}: epoch ${epoch}, global step ${trainer.state.globalStep}`, "info");
  if (batches > 0)
    tell(
      trainer,
      skips ? `the first ${batches} batches of the epoch are skipped` : "the data of the epoch are taken from the beginning (ignoreDataSkip)",
      "info",
    );
}

/** Losses that wait for their log go on where they were: the rows of the log are those of a run that was never interrupted. After `lossesLogged.begin`. */
export function restoreLosses({ lossesLogged: logged, accelerator }: Trainer, { saved, epoch }: Resumed): void {
  if (!saved || epoch === noneLeft) return;
  const { sums, last_step } = saved.losses;
  const mean = sums.reduce<number>((sum, own) => sum + (own ?? 0), 0) / Math.max(1, sums.length);
  logged.sum = sums.length === accelerator.numProcesses ? (sums[accelerator.processIndex] ?? 0) : mean;
  logged.lastStep = last_step;
  // The mean over this call's steps does not count them.
  logged.total = -mean;
}
