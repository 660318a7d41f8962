// How long a run is: steps, epochs and rows, by transformers' rules.
import { ArgumentError } from "../../errors.js";
import type { TrainingArguments } from "../arguments/index.js";

export interface TrainingValues {
  /** Passes over the data that are begun; Infinity over data of no known length. */
  readonly numTrainEpochs: number;
  readonly numUpdateStepsPerEpoch: number;
  /** Rows of the dataset. */
  readonly numExamples: number;
  /** Rows that are trained on, over all epochs. */
  readonly numTrainSamples: number;
  /** Rows of an optimizer step, of all workers. */
  readonly totalTrainBatchSize: number;
  /** Micro-batches of an epoch, of this worker. */
  readonly stepsInEpoch: number;
  readonly maxSteps: number;
}

export interface LoaderFacts {
  /** Batches of an epoch, of this worker; undefined where that is not known. */
  readonly length: number | undefined;
  readonly numExamples: () => number;
  readonly totalTrainBatchSize: number;
}

/** @throws ArgumentError ERR_TRAINER_STEPS for data without a length and without maxSteps, or without a batch */
export function trainingValues(
  args: Pick<TrainingArguments, "maxSteps" | "numTrainEpochs" | "gradientAccumulationSteps">,
  { length, numExamples, totalTrainBatchSize }: LoaderFacts,
): TrainingValues {
  const accumulated = args.gradientAccumulationSteps;
  if (length) {
    const numUpdateStepsPerEpoch = Math.max(Math.ceil(length / accumulated), 1);
    const examples = numExamples();
    const common = { numUpdateStepsPerEpoch, numExamples: examples, totalTrainBatchSize, stepsInEpoch: length };
    if (args.maxSteps > 0)
      return {
        ...common,
        maxSteps: args.maxSteps,
        numTrainEpochs: Math.ceil(args.maxSteps / numUpdateStepsPerEpoch),
        numTrainSamples: args.maxSteps * totalTrainBatchSize,
      };
    return {
      ...common,
      maxSteps: Math.ceil(args.numTrainEpochs * numUpdateStepsPerEpoch),
      numTrainEpochs: Math.ceil(args.numTrainEpochs),
      numTrainSamples: examples * args.numTrainEpochs,
    };
  }
  if (!(args.maxSteps > 0))
    throw new ArgumentError(length === 0 ? "Trainer: the training data give no batch" : "Trainer: the training data have no length, and maxSteps is not set", {
      code: "ERR_TRAINER_STEPS",
      hint: length === 0 ? "give rows, or a smaller batch size with dataloaderDropLast" : "set maxSteps, or give a dataset with a length",
    });
  return {
    maxSteps: args.maxSteps,
    numTrainEpochs: Number.POSITIVE_INFINITY,
    numUpdateStepsPerEpoch: args.maxSteps,
    numExamples: totalTrainBatchSize * args.maxSteps,
    numTrainSamples: totalTrainBatchSize * args.maxSteps,
    totalTrainBatchSize,
    stepsInEpoch: args.maxSteps * accumulated,
  };
}
