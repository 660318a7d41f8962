// Trainers that evaluate a tiny BERT, or a model that gives what a test wants, and print no entries of their log.
import type { Tensor } from "accelerate-ts";
import { Linear, Module } from "accelerate-ts/nn";
import {
  type DataCollator,
  type EvalPrediction,
  type TrainableModel,
  Trainer,
  type TrainerOptions,
  type TrainingArguments,
  type TrainingArgumentsOptions,
} from "accelerate-ts/trainer";
import { quietArguments, temporaryFolder, tinyBert, tinyCollate, tinyDataset } from "./support.js";

const outputDir = temporaryFolder("evaluation");
export const options = { dataCollator: tinyCollate as DataCollator, evalDataset: tinyDataset(10) };
export const args = (more: TrainingArgumentsOptions = {}): TrainingArguments =>
  quietArguments(outputDir, { logLevel: "error", perDeviceEvalBatchSize: 4, ...more });
export const made = <P = EvalPrediction>(own: Omit<TrainerOptions<unknown, P>, "args">, more: TrainingArgumentsOptions = {}) =>
  silent(new Trainer<unknown, P>({ ...(own.modelInit ? {} : { model: tinyBert() }), ...options, args: args(more), ...own }));
/** Prints no entries of its log. */
export function silent<T extends { readonly callbackHandler: Trainer["callbackHandler"] }>(trainer: T): T {
  const printer = trainer.callbackHandler.callbacks.find((callback) => callback.constructor.name === "PrinterCallback");
  if (printer) trainer.callbackHandler.remove(printer);
  return trainer;
}
export const accuracy = async ({ predictions, labelIds }: EvalPrediction): Promise<{ accuracy: number }> => {
  const [guesses, labels] = [await predictions.argmax(-1).toArray(), await labelIds.toArray()];
  return { accuracy: labels.filter((label, i) => label === guesses[i]).length / labels.length };
};

/** A model that gives what a function makes of its two numbers for each row. */
class Giving extends Module {
  readonly layer = new Linear(1, 2);
  readonly #give: (logits: Tensor, labels: Tensor | undefined) => object;
  constructor(give: (logits: Tensor, labels: Tensor | undefined) => object) {
    super();
    this.#give = give;
  }
  forward({ x, labels }: { readonly x: Tensor; readonly labels?: Tensor }): object {
    return this.#give(this.layer(x), labels);
  }
}
export const giving = (give: (logits: Tensor, labels: Tensor | undefined) => object) => new Giving(give) as unknown as TrainableModel;
export const floats = (count: number, labelled = true) => Array.from({ length: count }, (_, i) => ({ x: [i + 0.5], ...(labelled && { labels: i % 2 }) }));
export const collated = { dataCollator: undefined };
