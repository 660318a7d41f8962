// A Trainer for tests of searches: a tiny BERT for each trial, two steps, nothing printed.
import { PrinterCallback, Trainer, type TrainingArgumentsOptions, type Trial } from "accelerate-ts/trainer";
import { quietArguments, temporaryFolder, tinyBert, tinyCollate, tinyDataset } from "./support.js";

class Silent extends PrinterCallback {
  override onLog(): void {}
}
interface Made {
  readonly args?: TrainingArgumentsOptions;
  readonly modelInit?: (trial: Trial | undefined) => ReturnType<typeof tinyBert>;
}
export function make({ args = {}, modelInit = () => tinyBert() }: Made = {}): Trainer {
  return new Trainer({
    modelInit,
    args: quietArguments(temporaryFolder("search"), { maxSteps: 2, loggingSteps: 1, logLevel: "error", ...args }),
    trainDataset: tinyDataset(16),
    evalDataset: tinyDataset(8, 3),
    dataCollator: tinyCollate,
    callbacks: [Silent],
  }) as Trainer;
}
