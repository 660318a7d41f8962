// Label smoothing: a loss that leaves a little probability to all classes.
import type { Tensor } from "../../tensor/index.js";
import type { TrainingArguments } from "../arguments/index.js";
import type { TrainerOutput } from "../options.js";

export interface LabelSmoother {
  readonly epsilon: number;
  loss(outputs: TrainerOutput, labels: Tensor, options: { readonly shiftLabels: boolean; readonly numItemsInBatch: number | undefined }): Tensor;
}
export function labelSmootherOf(_args: TrainingArguments): LabelSmoother | undefined {
  return undefined;
}
