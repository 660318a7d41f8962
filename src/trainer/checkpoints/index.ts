// Checkpoints of a Trainer: written, rotated, read.
import type { Metrics } from "../options.js";
import type { Trainer } from "../trainer.js";
import { unfinished } from "../unfinished.js";

/** Writes `checkpoint-<step>` and takes old ones away. */
export async function saveCheckpoint(_trainer: Trainer): Promise<void> {
  throw unfinished("saveCheckpoint");
}
/** Takes the metric for the best model of an evaluation's metrics; returns whether it is the best so far. */
export function determineBestMetric(_trainer: Trainer, _metrics: Metrics): boolean {
  return false;
}
export async function saveModel(_trainer: Trainer, _directory: string): Promise<void> {
  throw unfinished("saveModel");
}
/** Writes trainer_state.json into outputDir. */
export async function saveState(_trainer: Trainer): Promise<void> {
  throw unfinished("saveState");
}
/** The newest whole checkpoint of a directory. */
export async function getLastCheckpoint(_directory: string): Promise<string | undefined> {
  throw unfinished("getLastCheckpoint");
}
/** Before anything else of `train`: which checkpoint is gone on from, of the option or the argument. */
export async function chosenCheckpoint(_trainer: Trainer, _option: string | boolean | undefined): Promise<string | undefined> {
  if (_option === undefined || _option === false) return undefined;
  throw unfinished("train({ resumeFromCheckpoint })");
}
/** Before `prepare`: the weights of the model, and the batch size where it was found. */
export async function loadModel(_trainer: Trainer, _checkpoint: string): Promise<void> {
  throw unfinished("train({ resumeFromCheckpoint })");
}
/** trainer.state and the states of callbacks and control. */
export async function loadTrainerState(_trainer: Trainer, _checkpoint: string): Promise<void> {
  throw unfinished("train({ resumeFromCheckpoint })");
}
/** After `prepare`, when optimizer and scheduler are made. */
export async function loadOptimizerAndScheduler(_trainer: Trainer, _checkpoint: string): Promise<void> {
  throw unfinished("train({ resumeFromCheckpoint })");
}
/** Right before the first step that is made anew, when skipped batches have been skipped. */
export async function loadRngState(_trainer: Trainer, _checkpoint: string): Promise<void> {
  throw unfinished("train({ resumeFromCheckpoint })");
}
export async function loadBestModel(_trainer: Trainer): Promise<void> {
  throw unfinished("loadBestModel");
}
/** At the end of `train`, after the best model was loaded: with saveTotalLimit 1 the last checkpoint goes where another is the best. Waits for what is being written. */
export async function finishCheckpoints(_trainer: Trainer): Promise<void> {}
/** Writes README.md into outputDir. */
export async function createModelCard(_trainer: Trainer, _options: Readonly<Record<string, unknown>>): Promise<void> {
  throw unfinished("createModelCard");
}
