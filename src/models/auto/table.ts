// Models by the model_type of a config: one table per task.
import { AccelerateError } from "../../errors.js";
import type { RawConfig } from "../loading/config.js";
import { type FromPretrainedOptions, loadFolder, modelFolder, rawConfig } from "../loading/from-pretrained.js";
import { type Architecture, freshModel } from "../shared/architecture.js";
import type { PreTrainedModelBase } from "../shared/pretrained-model.js";

/** Architecture of a task by model_type. */
export type ArchitectureTable<M extends PreTrainedModelBase> = { readonly [modelType: string]: Architecture<M> };

/** @throws AccelerateError ERR_MODEL_TYPE for a model_type that is not in the table */
export function fromTable<A>(auto: string, table: { readonly [modelType: string]: A }, modelType: unknown, where: string): A {
  const found = typeof modelType === "string" && Object.hasOwn(table, modelType) ? table[modelType] : undefined;
  if (found !== undefined) return found;
  throw new AccelerateError("ERR_MODEL_TYPE", `${where}: there is no ${auto} for the model_type ${JSON.stringify(modelType)}`, {
    hint: `there is one for ${Object.keys(table).join(", ")}`,
  });
}

/** What every Auto class can do. */
export interface AutoClass<M> {
  /**
   * The model of a folder or of the hub, in evaluation mode. A head that the file does not have starts anew, with a warning.
   *
   * @example
   * const model = await AutoModelForSequenceClassification.fromPretrained("bert-base-uncased", { numLabels: 2 });
   */
  fromPretrained(checkpoint: string, options?: FromPretrainedOptions): Promise<M>;
  /**
   * A new model with random weights, in training mode.
   *
   * @example
   * const model = AutoModelForCausalLM.fromConfig({ model_type: "gpt2", n_layer: 2, n_head: 2, n_embd: 64, vocab_size: 500 });
   */
  fromConfig(config: RawConfig): M;
}

export function autoClass<M extends PreTrainedModelBase>(name: string, table: ArchitectureTable<M>): AutoClass<M> {
  return {
    fromPretrained: async (checkpoint, options = {}) => {
      const folder = await modelFolder(checkpoint, options);
      const { model_type: type } = await rawConfig(folder, options);
      return loadFolder(fromTable(name, table, type, checkpoint), { folder, checkpoint }, options);
    },
    fromConfig: (config) => freshModel(fromTable(name, table, config.model_type, `${name}.fromConfig`), config),
  };
}
