// Models by the model_type of a folder's config.json.
import { AccelerateError } from "../../errors.js";
import { BertModel } from "../bert/model.js";
import { BertForSequenceClassification } from "../bert/for-sequence-classification.js";
import { readConfig } from "../loading/config.js";
import { type FromPretrainedOptions, loadPretrained, needFolder } from "../loading/from-pretrained.js";
import type { PreTrainedModelBase } from "../shared/pretrained-model.js";
import type { EncoderCall, SequenceClassifierCall } from "../shared/types.js";

/** Loads a model of a task for one model_type. */
type Loader<M> = (checkpoint: string, options: FromPretrainedOptions) => Promise<M>;

const encoders: { readonly [modelType: string]: Loader<AutoModel> } = {
  bert: (checkpoint, options) => loadPretrained(BertModel.architecture, checkpoint, options),
};
const sequenceClassifiers: { readonly [modelType: string]: Loader<AutoModelForSequenceClassification> } = {
  bert: (checkpoint, options) => loadPretrained(BertForSequenceClassification.architecture, checkpoint, options),
};

async function load<M>(auto: string, table: { readonly [modelType: string]: Loader<M> }, checkpoint: string, options: FromPretrainedOptions): Promise<M> {
  await needFolder(checkpoint);
  const { model_type: type } = await readConfig(checkpoint);
  const found = Object.hasOwn(table, type) ? table[type] : undefined;
  if (!found)
    throw new AccelerateError("ERR_MODEL_TYPE", `${checkpoint}: there is no ${auto} for the model_type "${type}"`, {
      hint: `there is one for ${Object.keys(table).join(", ")}`,
    });
  return found(checkpoint, options);
}

/** Any encoder: what `AutoModel.fromPretrained` gives. */
export interface AutoModel extends PreTrainedModelBase, EncoderCall {}
export const AutoModel = {
  /**
   * The model without a head.
   *
   * @example
   * const model = await AutoModel.fromPretrained("bert-folder");
   */
  fromPretrained: (checkpoint: string, options: FromPretrainedOptions = {}): Promise<AutoModel> => load("AutoModel", encoders, checkpoint, options),
};

/** Value and type: `model: AutoModelForSequenceClassification` is what a user writes in a signature. */
export interface AutoModelForSequenceClassification extends PreTrainedModelBase, SequenceClassifierCall {}
export const AutoModelForSequenceClassification = {
  /**
   * The model with a classifier on top, which starts anew (with a warning) when the folder has none.
   *
   * @example
   * const model = await AutoModelForSequenceClassification.fromPretrained("bert-folder", { numLabels: 2 });
   */
  fromPretrained: (checkpoint: string, options: FromPretrainedOptions = {}): Promise<AutoModelForSequenceClassification> =>
    load("AutoModelForSequenceClassification", sequenceClassifiers, checkpoint, options),
};
