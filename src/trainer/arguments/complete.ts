// What follows from several arguments together: values that others imply, and combinations that cannot be.
import { homedir } from "node:os";
import { join } from "node:path";
import { configuredLogLevel } from "../../config.js";
import { ArgumentError } from "../../errors.js";
import type { TrainingArgumentValues as Values } from "./table/index.js";

const wrong = (message: string, hint: string): ArgumentError => new ArgumentError(`TrainingArguments: ${message}`, { code: "ERR_TRAINING_ARGUMENTS", hint });

const expanded = (path: string): string => (path === "~" || path.startsWith("~/") ? join(homedir(), path.slice(1)) : path);

/** eval_steps, metric_for_best_model and the like, where nothing was said about them. */
function implied(values: Values): Values {
  const { evalStrategy, loggingSteps, loadBestModelAtEnd, lrSchedulerType, useCpu, gradientAccumulationSteps } = values;
  const { numSteps = 1 } = values.acceleratorConfig.gradientAccumulationKwargs ?? {};
  const byEvaluation = evalStrategy === "steps" && !values.evalSteps;
  if (byEvaluation && loggingSteps === 0) throw wrong('evalStrategy "steps" has neither evalSteps nor loggingSteps', "give evalSteps");
  const needsMetric = loadBestModelAtEnd || lrSchedulerType === "reduce_lr_on_plateau";
  const metricForBestModel = values.metricForBestModel ?? (needsMetric ? "loss" : undefined);
  return {
    ...values,
    outputDir: expanded(values.outputDir),
    gradientAccumulationSteps: gradientAccumulationSteps === 1 ? numSteps : gradientAccumulationSteps,
    loggingDir: values.loggingDir === undefined ? undefined : expanded(values.loggingDir),
    evalSteps: byEvaluation ? loggingSteps : values.evalSteps,
    doEval: values.doEval || evalStrategy !== "no",
    metricForBestModel,
    greaterIsBetter: values.greaterIsBetter ?? (metricForBestModel === undefined ? undefined : !metricForBestModel.endsWith("loss")),
    disableTqdm: values.disableTqdm ?? ["error", "critical"].includes(configuredLogLevel() ?? "info"),
    dataloaderPinMemory: values.dataloaderPinMemory && !useCpu,
  };
}

function checkSteps(values: Values): void {
  const { loggingStrategy, loggingSteps, evalStrategy, evalSteps, saveStrategy, saveSteps } = values;
  if (loggingStrategy === "steps" && loggingSteps === 0) throw wrong("loggingSteps is 0", 'give a number of steps, or loggingStrategy: "no"');
  for (const [name, strategy, steps] of [
    ["loggingSteps", loggingStrategy, loggingSteps],
    ["evalSteps", evalStrategy, evalSteps],
    ["saveSteps", saveStrategy, saveSteps],
  ] as const)
    if (strategy === "steps" && steps !== undefined && steps > 1 && !Number.isInteger(steps))
      throw wrong(`${name} is ${steps}`, "give a whole number of steps, or a number below 1 for a share of all steps");
}

function checkPrecision({ bf16, fp16 }: Values): void {
  if (bf16 && fp16) throw wrong("fp16 and bf16 were both given", "leave one of them out");
}

/** Shares are compared as Python does it, in millionths. */
const MILLION = 1_000_000;

function checkBestModel({ loadBestModelAtEnd, saveStrategy, evalStrategy, saveSteps, evalSteps = 0, metricForBestModel }: Values): void {
  if (saveStrategy === "best" && metricForBestModel === undefined)
    throw wrong('saveStrategy "best" has no metricForBestModel', 'name the metric, such as "loss"');
  if (!loadBestModelAtEnd || saveStrategy === "best") return;
  if (saveStrategy !== evalStrategy)
    throw wrong(
      `loadBestModelAtEnd needs checkpoints where evaluations are, but saveStrategy is "${saveStrategy}" and evalStrategy is "${evalStrategy}"`,
      'let both be the same, or save "best"',
    );
  if (evalStrategy !== "steps" || saveSteps % evalSteps === 0) return;
  const shares = [saveSteps, evalSteps].filter((steps) => steps < 1).length;
  if (shares === 2 && (saveSteps * MILLION) % (evalSteps * MILLION) === 0) return;
  const why = shares === 1 ? "a number of steps and a share cannot be compared" : "it is no multiple of it";
  throw wrong(`loadBestModelAtEnd needs saveSteps to be a multiple of evalSteps, but they are ${saveSteps} and ${evalSteps}`, why);
}

function checkRest({
  lrSchedulerType,
  evalStrategy,
  dataloaderNumWorkers,
  dataloaderPrefetchFactor,
  warmupSteps,
  acceleratorConfig,
  gradientAccumulationSteps,
}: Values): void {
  if (lrSchedulerType === "reduce_lr_on_plateau" && evalStrategy === "no")
    throw wrong("lrSchedulerType reduce_lr_on_plateau needs evaluations", 'give evalStrategy: "steps" or "epoch"');
  if (dataloaderPrefetchFactor !== undefined && dataloaderNumWorkers === 0)
    throw wrong("dataloaderPrefetchFactor is for threads that make batches", "give dataloaderNumWorkers, too");
  if (warmupSteps > 1 && !Number.isInteger(warmupSteps))
    throw wrong(`warmupSteps is ${warmupSteps}`, "give a whole number of steps, or a number below 1 for a share of all steps");
  const { numSteps } = acceleratorConfig.gradientAccumulationKwargs ?? {};
  if (numSteps !== undefined && gradientAccumulationSteps !== numSteps)
    throw wrong("acceleratorConfig.gradientAccumulationKwargs.numSteps and gradientAccumulationSteps were both given", "leave one of them out");
}

/** @throws ArgumentError ERR_TRAINING_ARGUMENTS */
export function completed(given: Values): Values {
  const values = implied(given);
  checkSteps(values);
  checkPrecision(values);
  checkBestModel(values);
  checkRest(values);
  return values;
}
