// A run from its first step to its last.
import type { TrainOptions, TrainOutput } from "../options.js";
import type { Trainer } from "../trainer.js";
import { unfinished } from "../unfinished.js";

export async function trainModel(_trainer: Trainer, _options: TrainOptions): Promise<TrainOutput> {
  throw unfinished("train");
}
