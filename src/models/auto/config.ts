// AutoConfig: the checked configuration of a folder or of the hub, by its model_type.
import { type BertConfig, bertConfig } from "../bert/config.js";
import { type DistilBertConfig, distilBertConfig } from "../distilbert/config.js";
import { type Gpt2Config, gpt2Config } from "../gpt2/config.js";
import type { RawConfig } from "../loading/config.js";
import { configName } from "../loading/config.js";
import { type ConfigOptions, modelFolder, rawConfig } from "../loading/from-pretrained.js";
import { type RobertaConfig, robertaConfig } from "../roberta/config.js";
import { fromTable } from "./table.js";

/** One of the library's configurations; `model_type` tells which. */
export type AutoConfig = BertConfig | DistilBertConfig | RobertaConfig | Gpt2Config;

type Check = (raw: Readonly<Record<string, unknown>>, where: string, numLabels?: number) => AutoConfig;
const checks: { readonly [T in AutoConfig["model_type"]]: Check } = {
  bert: bertConfig,
  distilbert: distilBertConfig,
  roberta: robertaConfig,
  gpt2: gpt2Config,
};

export const AutoConfig = {
  /**
   * The configuration alone; of a model of the hub, no weights are fetched.
   *
   * @example
   * const config = await AutoConfig.fromPretrained("bert-base-uncased", { numLabels: 3 });
   * const model = AutoModelForSequenceClassification.fromConfig(config);
   */
  fromPretrained: async (checkpoint: string, options: ConfigOptions = {}): Promise<AutoConfig> => {
    const folder = await modelFolder(checkpoint, options, "config");
    const raw = await rawConfig(folder, options);
    return fromTable("AutoConfig", checks, raw.model_type, checkpoint)(raw, `${folder}/${configName}`, options.numLabels);
  },
  /**
   * A configuration of a kind with some of its keys, the rest are defaults.
   *
   * @example
   * const config = AutoConfig.forModel("gpt2", { n_layer: 2 });
   */
  forModel: (modelType: AutoConfig["model_type"], keys: Readonly<Record<string, unknown>> = {}): AutoConfig => {
    const raw: RawConfig = { ...keys, model_type: modelType };
    return fromTable("AutoConfig", checks, modelType, "AutoConfig.forModel")(raw, `AutoConfig of ${modelType}`);
  },
};
