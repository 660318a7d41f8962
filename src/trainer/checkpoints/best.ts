// The best model of a run: by which metric, and where its checkpoint is.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { ArgumentError } from "../../errors.js";
import { indexName, weightsName } from "../../safetensors/index.js";
import type { Metrics } from "../options.js";
import type { Trainer } from "../trainer.js";
import { loadWeightsOf } from "./load-weights.js";
import { checkpointDirectory } from "./names.js";
import { tell } from "./tell.js";

/** The value of `metricForBestModel` in an evaluation. @throws ArgumentError ERR_METRIC_NAME when it has no such metric, or one that is no number */
export function watchedMetric(metricForBestModel: string, metrics: Metrics): number {
  const name = metricForBestModel.startsWith("eval_") ? metricForBestModel : `eval_${metricForBestModel}`;
  const value: unknown = metrics[name];
  if (typeof value === "number") return value;
  const told = value === undefined ? `and the evaluation gave no ${name}` : `but the evaluation gave ${JSON.stringify(value)} for ${name}`;
  throw new ArgumentError(`metricForBestModel is "${metricForBestModel}", ${told}`, {
    code: "ERR_METRIC_NAME",
    hint: value === undefined ? `give one of ${Object.keys(metrics).join(", ")}` : "computeMetrics must give a number",
  });
}

/**
 * Compares the metric for the best model with the best so far, and keeps it in the state where it is better.
 * @throws ArgumentError ERR_METRIC_NAME
 */
export function determineBestMetric({ args, state }: Trainer, metrics: Metrics): boolean {
  const { metricForBestModel, saveStrategy, greaterIsBetter = false } = args;
  if (metricForBestModel === undefined) return false;
  const value = watchedMetric(metricForBestModel, metrics);
  state.bestMetric ??= greaterIsBetter ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  if (!(greaterIsBetter ? value > state.bestMetric : value < state.bestMetric)) return false;
  state.bestMetric = value;
  if (saveStrategy !== "no") state.bestGlobalStep = state.globalStep;
  return true;
}

/** Where the best step's checkpoint is or would be; undefined: there is no best one yet. */
export function bestDirectory({ args, state }: Trainer): string | undefined {
  return args.saveStrategy === "no" || !state.bestGlobalStep ? undefined : checkpointDirectory(args.outputDir, state.bestGlobalStep);
}

/** Puts the weights of the best checkpoint into the model, on all workers. */
export async function loadBestModel(trainer: Trainer): Promise<void> {
  const { bestModelCheckpoint: directory, bestMetric } = trainer.state;
  if (directory === undefined) return;
  const [there] = await trainer.accelerator.checkpoints.together("train", () => [weightsName, indexName].some((name) => existsSync(join(directory, name))));
  if (!there) {
    tell(trainer, `the best model is not in ${directory} any more: the model is that of the last step`);
    return;
  }
  tell(trainer, `loading the best model from ${directory} (score: ${bestMetric})`, "info");
  await loadWeightsOf(trainer, directory);
}
