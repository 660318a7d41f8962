// One micro-batch: its loss, and the backward.
import type { ComputedLoss, ComputeLossOptions, ModelInputs, TrainableModel } from "../options.js";
import type { Trainer } from "../trainer.js";
import { unfinished } from "../unfinished.js";

export async function trainingStep(_trainer: Trainer, _model: TrainableModel, _inputs: ModelInputs, _numItemsInBatch: number | undefined): Promise<number> {
  throw unfinished("trainingStep");
}
export async function computeLoss(_trainer: Trainer, _model: TrainableModel, _inputs: ModelInputs, _options: ComputeLossOptions): Promise<ComputedLoss> {
  throw unfinished("computeLoss");
}
