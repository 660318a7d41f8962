// The loop of evaluations and predictions: every batch once, its numbers brought out with one run, metrics at the end.
import type { DataLoader } from "../../data/index.js";
import { ArgumentError } from "../../errors.js";
import type { Metrics, ModelInputs } from "../options.js";
import { say } from "../say.js";
import type { Trainer } from "../trainer.js";
import { CollectedLosses, CollectedTensors } from "./collected.js";
import { EvalPrediction, type Predictions } from "./eval-prediction.js";
import { gatherBatch, type GatheredResults } from "./gathering.js";
import { metricValues, prefixed } from "./metric-values.js";
import { tensorsOf } from "./nested.js";
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

/** As transformers' evaluation_loop. The loader need not be prepared. */
export async function evaluationLoop(
  trainer: Trainer,
  given: DataLoader<ModelInputs>,
  { description, predictionLossOnly, ignoreKeys, metricKeyPrefix = "eval" }: EvaluationLoopOptions,
): Promise<EvalLoopOutput> {
  const { args, accelerator, model, computeMetrics, preprocessLogitsForMetrics } = trainer;
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

  const scoreBatch = async ({ logits, labels, inputs, losses: ofBatch }: GatheredResults, computeResult: boolean): Promise<void> => {
    if (!computeMetrics || logits === undefined || labels === undefined) return;
    const own = new CollectedLosses();
    if (ofBatch) own.add(ofBatch);
    const extras = { inputs, losses: wants.losses && ofBatch ? own.predictions({ concat: true }) : undefined };
    const result = await computeMetrics(new EvalPrediction(logits, labels, extras) as never, { computeResult });
    if (computeResult) metrics = await metricValues(result);
  };

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
      const logits =
        step.logits !== undefined && preprocessLogitsForMetrics ? await preprocessLogitsForMetrics(step.logits as never, labels as never) : step.logits;
      const results = await gatherBatch(accelerator, { loss, logits, labels, inputs: wants.inputs ? mainInput(trainer, inputs) : undefined }, batch);
      if (results.losses) losses.add(results.losses);
      rows += results.losses?.length ?? rowsIn(results) ?? batch.realRows;
      if (keeps) for (const name of ["logits", "labels", "inputs"] as const) collected[name].add(results[name]);
      await trainer.callEvent("onPredictionStep");
      if (args.batchEvalMetrics) await scoreBatch(results, batch.last);
    }
  } finally {
    release();
  }

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
