// The data of a Trainer: columns, collators, loaders.
import type { DataLoader } from "../../data/index.js";
import type { DataCollator, ModelInputs, ProcessingClass, TrainerDataset } from "../options.js";
import type { Trainer } from "../trainer.js";
import { unfinished } from "../unfinished.js";

/** The collator where none is given. */
export function defaultCollator(_processingClass: ProcessingClass | undefined): DataCollator {
  throw unfinished("dataCollator");
}
export function getTrainDataloader(_trainer: Trainer): DataLoader<ModelInputs> {
  throw unfinished("getTrainDataloader");
}
/** Of `evalDataset`, a set of it by name, or the one that is given. */
export function getEvalDataloader(_trainer: Trainer, _dataset?: TrainerDataset | string): DataLoader<ModelInputs> {
  throw unfinished("getEvalDataloader");
}
export function getTestDataloader(_trainer: Trainer, _dataset: TrainerDataset): DataLoader<ModelInputs> {
  throw unfinished("getTestDataloader");
}
