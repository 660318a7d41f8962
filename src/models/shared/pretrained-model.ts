// What all models of the library share: a config, saving, and the first values of new weights.
import { Embedding, init, LayerNorm, Linear, ModuleBase, type Parameter } from "../../nn/index.js";
import { type PretrainedConfig, saveConfig } from "../loading/config.js";
import { moduleTensors } from "../../nn/module-file.js";
import { saveShards } from "../../safetensors/index.js";
import type { ModelOutput, UnknownBatch } from "./types.js";

/** A model with a config; its classes add their typed call. */
export abstract class PreTrainedModelBase extends ModuleBase {
  abstract readonly config: PretrainedConfig;
  abstract override forward(batch: never): unknown;

  /**
   * Writes config.json and model.safetensors into a folder, which Python's transformers and `fromPretrained` load. Weights of more than `maxShardSize` ("10GB") become several files and an index.
   *
   * @example
   * await model.savePretrained("my-model"); // Python: AutoModelForSequenceClassification.from_pretrained("my-model")
   */
  async savePretrained(directory: string, options: { readonly maxShardSize?: number | string | undefined } = {}): Promise<void> {
    const { torch_dtype: _, ...config } = this.config;
    // Weights first: a folder with a config but without its weights would look like a model.
    await saveShards(directory, await moduleTensors(this), options);
    await saveConfig(directory, { ...config, dtype: "float32" } as PretrainedConfig, this.constructor.name);
  }
}

/** Any model for a task: what a function that trains every model takes. */
export interface PreTrainedModel extends PreTrainedModelBase {
  (batch: UnknownBatch): ModelOutput;
}

/** Sets a parameter's numbers in place. */
function assign(parameter: Parameter, fill: (values: Float32Array) => void): void {
  fill(parameter.values());
  parameter.changed();
}

/**
 * First values as transformers gives them: weights N(0, std^2) from the default generator, biases 0, norms 1 and 0, padding rows 0.
 *
 * @param only names of the parameters to set; all without it
 */
export function initWeights(model: ModuleBase, options: { readonly std: number; readonly only?: ReadonlySet<string> }): void {
  const { std, only } = options;
  const draw = (p: Parameter) => assign(p, (values) => values.set((init.normal(p.shape, { std }).state as { data: Float32Array }).data));
  const fill = (p: Parameter, value: number) => assign(p, (values) => values.fill(value));
  for (const [path, module] of model.namedModules()) {
    const wanted = (field: string) => only?.has(path ? `${path}.${field}` : field) ?? true;
    if (module instanceof Linear) {
      if (wanted("weight")) draw(module.weight);
      if (module.bias && wanted("bias")) fill(module.bias, 0);
    } else if (module instanceof Embedding) {
      if (!wanted("weight")) continue;
      draw(module.weight);
      module.zeroPadding();
    } else if (module instanceof LayerNorm) {
      if (wanted("weight")) fill(module.weight, 1);
      if (module.bias && wanted("bias")) fill(module.bias, 0);
    }
  }
}
