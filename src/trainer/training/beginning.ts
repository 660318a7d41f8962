// The lines with which a run begins.
import { say, shows } from "../say.js";
import type { TrainingRun } from "./epoch.js";

const count = (n: number): string => n.toLocaleString("en-US");

/** As transformers says it; on the main process, on stderr. */
export function tellBeginning({ trainer, values, model }: TrainingRun): void {
  if (!shows(trainer, "info")) return;
  const { args, trainBatchSize } = trainer;
  let trainable = 0;
  for (const parameter of model.parameters()) if (parameter.requiresGrad) trainable += parameter.shape.reduce((a, b) => a * b, 1);
  const epochs = Number.isFinite(values.numTrainEpochs) ? count(values.numTrainEpochs) : "as many as maxSteps takes";
  const lines = [
    "***** Running training *****",
    `  Num examples = ${count(values.numExamples)}`,
    `  Num Epochs = ${epochs}`,
    `  Num update steps per epoch = ${count(values.numUpdateStepsPerEpoch)}`,
    `  Instantaneous batch size per device = ${count(args.perDeviceTrainBatchSize)}`,
    ...(trainBatchSize === args.perDeviceTrainBatchSize ? [] : [`  Batch size that fits into memory = ${count(trainBatchSize)}`]),
    `  Total train batch size (w. parallel, distributed & accumulation) = ${count(values.totalTrainBatchSize)}`,
    `  Gradient Accumulation steps = ${args.gradientAccumulationSteps}`,
    `  Total optimization steps = ${count(values.maxSteps)}`,
    `  Number of trainable parameters = ${count(trainable)}`,
  ];
  say(trainer, "info", ...lines);
}
