// How many floating point operations a step is said to take: transformers' rule.
import { PreTrainedModelBase } from "../../models/shared/pretrained-model.js";
import type { ModuleBase } from "../../nn/index.js";
import type { ModelInputs } from "../options.js";
import type { Trainer } from "../trainer.js";

const counted = new WeakMap<ModuleBase, number>();
/** Parameters outside embeddings; a model that cannot count them has none. */
function parametersOf(model: ModuleBase): number {
  let count = counted.get(model);
  if (count === undefined) {
    count = model instanceof PreTrainedModelBase ? model.numParameters({ excludeEmbeddings: true }) : 0;
    counted.set(model, count);
  }
  return count;
}

/** 6 x tokens x parameters outside embeddings; 0 for models that are none of the library's. */
export function floatingPointOps({ model }: Trainer, inputs: ModelInputs): number {
  const tokens = inputs.input_ids?.shape.reduce((a, b) => a * b, 1) ?? 0;
  return 6 * tokens * parametersOf(model);
}
