// evaluate and predict: which data, what is timed, who is told.
import { inspect } from "node:util";
import type { DataLoader } from "../../data/index.js";
import { ArgumentError } from "../../errors.js";
import { endThreads } from "../data/loaders.js";
import { type NamedDatasets, namedDatasets } from "../data/named.js";
import type { Metrics, ModelInputs, TrainerDataset } from "../options.js";
import type { Trainer } from "../trainer.js";
import { speedMetrics } from "./speed-metrics.js";
import type { EvalLoopOutput, EvaluateOptions, EvaluationLoopOptions, PredictionOutput, PredictOptions } from "./types.js";

/** The loop, with what it took. All workers get rank 0's metrics: what they decide by them they decide alike. */
async function timed(
  trainer: Trainer,
  loader: DataLoader<ModelInputs>,
  options: EvaluationLoopOptions & { readonly metricKeyPrefix: string },
): Promise<EvalLoopOutput> {
  const { accelerator, args } = trainer;
  const startTime = performance.now();
  try {
    const output = await trainer.evaluationLoop(loader, options);
    const { numSamples } = output;
    const numSteps = Math.ceil(numSamples / (args.evalBatchSize * accelerator.numProcesses));
    const own = { ...output.metrics, ...speedMetrics(options.metricKeyPrefix, startTime, { numSamples, numSteps }) };
    return { ...output, metrics: accelerator.numProcesses > 1 ? await accelerator.broadcastObject(own) : own };
  } finally {
    await endThreads(trainer, loader);
  }
}

async function evaluateEach(
  trainer: Trainer,
  sets: NamedDatasets,
  byName: boolean,
  { ignoreKeys, metricKeyPrefix = "eval" }: EvaluateOptions,
): Promise<Metrics> {
  const metrics: Metrics = {};
  for (const [name, dataset] of Object.entries(sets)) {
    const options = { evalDataset: byName ? name : dataset, ignoreKeys, metricKeyPrefix: `${metricKeyPrefix}_${name}` };
    Object.assign(metrics, await trainer.evaluate(options));
  }
  return metrics;
}

/** As transformers' evaluate. */
export async function evaluate(trainer: Trainer, options: EvaluateOptions): Promise<Metrics> {
  const { evalDataset: given, ignoreKeys, metricKeyPrefix = "eval" } = options;
  const dataset = given ?? trainer.evalDataset;
  const sets = typeof dataset === "string" ? undefined : namedDatasets(dataset);
  if (sets) return evaluateEach(trainer, sets, given === undefined, options);
  const loader = await trainer.getEvalDataloader(given as TrainerDataset | string | undefined);
  const { metrics } = await timed(trainer, loader, {
    description: "Evaluation",
    // Nobody looks at predictions without metrics.
    predictionLossOnly: trainer.computeMetrics ? undefined : true,
    ignoreKeys,
    metricKeyPrefix,
  });
  await trainer.log(metrics);
  const { state, args } = trainer;
  if (state.epoch !== undefined) metrics.epoch = state.epoch;
  if (args.includeNumInputTokensSeen !== "no") metrics.num_input_tokens_seen = state.numInputTokensSeen;
  await trainer.callEvent("onEvaluate", { metrics });
  return metrics;
}

/** As transformers' predict. */
export async function predict(trainer: Trainer, dataset: TrainerDataset, { ignoreKeys, metricKeyPrefix = "test" }: PredictOptions): Promise<PredictionOutput> {
  if (typeof dataset !== "object" || dataset === null)
    throw new ArgumentError(`Trainer.predict: ${inspect(dataset, { depth: 0 })} is no dataset`, { code: "ERR_TRAINER_DATASET", hint: "give predict(dataset)" });
  const loader = await trainer.getTestDataloader(dataset);
  const { predictions, labelIds, metrics } = await timed(trainer, loader, { description: "Prediction", ignoreKeys, metricKeyPrefix });
  await trainer.callEvent("onPredict", { metrics });
  return { predictions, labelIds, metrics } as PredictionOutput;
}
