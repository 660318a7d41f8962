// The table of trackers that are there by name.
import { CsvTracker, type CsvOptions } from "./csv.js";
import { JsonlTracker, type JsonlOptions } from "./jsonl.js";
import { MlflowTracker, type MlflowOptions } from "./mlflow.js";
import { TensorBoardTracker, type TensorBoardOptions } from "./tensorboard.js";
import type { TrackerFactory } from "./tracker.js";
import { WandbTracker, type WandbOptions } from "./wandb.js";

/** Options of each tracker: what `initKwargs` takes under its name. */
export interface TrackerOptions {
  readonly tensorboard: TensorBoardOptions;
  readonly wandb: WandbOptions;
  readonly mlflow: MlflowOptions;
  readonly jsonl: JsonlOptions;
  readonly csv: CsvOptions;
}
export type TrackerName = keyof TrackerOptions;

export const knownTrackers: { readonly [N in TrackerName]: TrackerFactory<TrackerOptions[N]> } = {
  tensorboard: (context, options) => new TensorBoardTracker(context, options),
  wandb: (context, options) => new WandbTracker(context, options),
  mlflow: (context, options) => new MlflowTracker(context, options),
  jsonl: (context, options) => new JsonlTracker(context, options),
  csv: (context, options) => new CsvTracker(context, options),
};
