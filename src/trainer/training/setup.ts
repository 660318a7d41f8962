// What a Trainer is set up with: its Accelerator, and what it must know of a model.
import { Accelerator } from "../../accelerator/index.js";
import type { ModuleBase } from "../../nn/index.js";
import type { TrainingArguments } from "../arguments/index.js";

/** The Accelerator that the arguments describe; seeds the default generator. */
export function acceleratorOf(args: TrainingArguments): Accelerator {
  const { splitBatches, dispatchBatches, evenBatches } = args.acceleratorConfig;
  return new Accelerator({
    seed: args.seed,
    gradientAccumulationPlugin: { numSteps: args.gradientAccumulationSteps, syncWithDataloader: false },
    dataloaderConfig: {
      splitBatches,
      dispatchBatches: dispatchBatches ?? false,
      evenBatches,
      ...(args.dataSeed === undefined ? {} : { dataSeed: args.dataSeed }),
    },
    projectDir: args.outputDir,
    cpu: args.useCpu,
  });
}

export class ModelTraits {
  readonly labelNames: readonly string[];
  constructor(_model: ModuleBase) {
    this.labelNames = ["labels"];
  }
}
