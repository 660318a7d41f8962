// The loop of evaluations and predictions: every batch once, its numbers brought out with one run, metrics at the end.
import { inspect } from "node:util";
import type { DataLoader } from "../../data/index.js";
import { ArgumentError } from "../../errors.js";
import type { Metrics, ModelInputs } from "../options.js";
import { sayOnce } from "../data/notices.js";
import { say } from "../say.js";
import type { Trainer } from "../trainer.js";
import { CollectedLosses, CollectedTensors } from "./collected.js";
import { EvalPrediction, type Predictions } from "./eval-prediction.js";
import { gatherBatch, type GatheredResults } from "./gathering.js";
import { metricValues, prefixed } from "./metric-values.js";
import { tensorsOf } from "./nested.js";
import { isPredictions } from "./prediction-step.js";
import type { EvalLoopOutput, EvaluationLoopOptions } from "./types.js";

/** The length of what a loader reads, where that is known. */
function lengthOf(loader: DataLoader<ModelInputs>): number | undefined {
  const { dataset } = loader as { readonly dataset?: { readonly length?: unknown } };
  return typeof dataset?.length === "number" ? dataset.length : undefined;
}

/** Not while a training runs: its bar and its table show what happens. */
function announce(trainer: Trainer, loader: DataLoader<ModelInputs>, description: string): void {
  if (trainer.isInTrain) return;
  const length = lengthOf(loader);
  say(
    trainer,
    "info",
    `***** Running ${description} *****`,
    `  Num examples${length === undefined ? ": Unknown" : ` = ${length}`}`,
    `  Batch size = ${trainer.args.evalBatchSize}`,
  );
}

/** The batch's entry that `includeForMetrics: ["inputs"]` asks for. */
function mainInput(trainer: Trainer, inputs: ModelInputs): Predictions {
  const name = trainer.traits.mainInputName;
  const input = inputs[name];
  if (input !== undefined) return input;
  throw new ArgumentError(`includeForMetrics asks for inputs, and a batch has no ${name}, only ${Object.keys(inputs).join(", ")}`, {
    hint: "say which it is with a field mainInputName of the model",
  });
}

/** What `preprocessLogitsForMetrics` leaves of a batch's logits. @throws ArgumentError ERR_EVALUATION_OUTPUTS where that is nothing */
async function preprocessed({ preprocessLogitsForMetrics: preprocess }: Trainer, logits: Predictions, labels: Predictions | undefined): Promise<Predictions> {
  if (!preprocess) return logits;
  const left: unknown = await preprocess(logits as never, labels as never);
  if (isPredictions(left)) return left;
  throw new ArgumentError(`preprocessLogitsForMetrics gave ${inspect(left, { depth: 0 })}`, {
    code: "ERR_EVALUATION_OUTPUTS",
    hint: "return a tensor, or several: (logits) => logits.argmax(-1)",
  });
}

/** Whether a stop need not wait for the end: a training that saves before it stops does that after a step, with its evaluation done. */
const stopsWithin = ({ isInTrain, args }: Trainer): boolean => !(isInTrain && args.enableJitCheckpoint);

/** Workers with other rows would evaluate other things, or wait for each other. @throws ArgumentError ERR_TRAINER_DATASET */
async function compareLengths({ accelerator, args }: Trainer, loader: DataLoader<ModelInputs>): Promise<void> {
  // One worker reads for all.
  if (accelerator.numProcesses === 1 || args.acceleratorConfig.dispatchBatches) return;
  const all = await accelerator.gatherObject([lengthOf(loader) ?? -1]);
  if (all.every((length) => length === all[0])) return;
  throw new ArgumentError(`Trainer: the workers evaluate on ${all.map((rows) => (rows < 0 ? "a stream" : rows)).join(", ")} rows`, {
    code: "ERR_TRAINER_DATASET",
    hint: "give all workers the whole dataset: each takes its share of it",
  });
}

function tellUnlabelled(trainer: Trainer): void {
  const { labelNames, model } = trainer;
  const why =
    labelNames.length > 0 ? `its batches have no ${labelNames.join(", ")}` : `${model.constructor.name} names no labels: set labelNames in the arguments`;
  sayOnce(trainer, `the evaluation gives no loss${trainer.computeMetrics ? " and no metrics" : ""}: ${why}`);
}

/** As transformers' evaluation_loop. The loader need not be prepared. */
export async function evaluationLoop(
  trainer: Trainer,
  given: DataLoader<ModelInputs>,
  { description, predictionLossOnly, ignoreKeys, metricKeyPrefix = "eval" }: EvaluationLoopOptions,
): Promise<EvalLoopOutput> {
  const { args, accelerator, model, computeMetrics } = trainer;
  const lossOnly = predictionLossOnly ?? args.predictionLossOnly;
  const concat = args.evalDoConcatBatches;
  const wants = { inputs: computeMetrics !== undefined && args.includeForMetrics.includes("inputs"), losses: args.includeForMetrics.includes("loss") };
  const keeps = !args.batchEvalMetrics || description === "Prediction";
  const losses = new CollectedLosses();
  const collected = {
    logits: new CollectedTensors("predictions", { concat }),
    labels: new CollectedTensors("labels", { concat }),
    inputs: new CollectedTensors("inputs", { concat }),
  };
  let metrics: Metrics | undefined;
  let rows = 0;
  let labelled = false;

  const scoreBatch = async ({ logits, labels, inputs, losses: ofBatch }: GatheredResults, computeResult: boolean): Promise<void> => {
    if (!computeMetrics || logits === undefined || labels === undefined) return;
    const own = new CollectedLosses();
    if (ofBatch) own.add(ofBatch);
    const extras = { inputs, losses: wants.losses && ofBatch ? own.predictions({ concat: true }) : undefined };
    const result = await computeMetrics(new EvalPrediction(logits, labels, extras) as never, { computeResult });
    if (computeResult) metrics = await metricValues(result);
  };

  await compareLengths(trainer, given);
  const { loader, release } = await accelerator.prepareAside(given);
  announce(trainer, given, description);
  if (model.training) model.eval();
  trainer.evalDataloader = loader;
  trainer.callbackHandler.evalDataloader = loader;
  try {
    for await (const inputs of loader) {
      const batch = loader.current!;
      const step = await trainer.predictionStep(model, inputs, { predictionLossOnly: lossOnly, ignoreKeys });
      const { loss, labels } = step;
      const logits = step.logits === undefined ? undefined : await preprocessed(trainer, step.logits, labels);
      const results = await gatherBatch(accelerator, { loss, logits, labels, inputs: wants.inputs ? mainInput(trainer, inputs) : undefined }, batch);
      if (results.stops && stopsWithin(trainer)) accelerator.stopping.here();
      labelled ||= labels !== undefined || loss !== undefined;
      if (results.losses) losses.add(results.losses);
      rows += results.losses?.length ?? rowsIn(results) ?? batch.realRows;
      if (keeps) for (const name of ["logits", "labels", "inputs"] as const) collected[name].add(results[name]);
      await trainer.callEvent("onPredictionStep");
      if (args.batchEvalMetrics) await scoreBatch(results, batch.last);
    }
  } finally {
    release();
  }

  if (!labelled && rows > 0 && description === "Evaluation") tellUnlabelled(trainer);
  const [predictions, labelIds, inputs] = [collected.logits.take(), collected.labels.take(), collected.inputs.take()];
  if (computeMetrics && predictions !== undefined && labelIds !== undefined && !args.batchEvalMetrics) {
    const extras = { inputs, losses: wants.losses ? losses.predictions({ concat }) : undefined };
    metrics = await metricValues(await computeMetrics(new EvalPrediction(predictions, labelIds, extras) as never, { computeResult: true }));
  }
  const loss = losses.mean({ finite: args.loggingNanInfFilter });
  const all = { ...metrics, ...(loss === undefined ? {} : { [`${metricKeyPrefix}_loss`]: loss }) };
  return { predictions, labelIds, metrics: prefixed(all, metricKeyPrefix), numSamples: lengthOf(given) ?? rows };
}

/** Rows of a batch's predictions. */
function rowsIn({ logits }: GatheredResults): number | undefined {
  return logits === undefined ? undefined : tensorsOf(logits)[0]?.shape[0];
}
