// DistilBertModel: embeddings and layers, as transformers' class of that name.
import { additiveMask, type Embedding } from "../../nn/index.js";
import type { Tensor } from "../../tensor/index.js";
import { type FromPretrainedOptions, loadPretrained } from "../loading/from-pretrained.js";
import type { Architecture, MakeOptions } from "../shared/architecture.js";
import { checkEncoderValues, checkKeys, encoderKeys } from "../shared/check-batch.js";
import { initWeights } from "../shared/init-weights.js";
import { PreTrainedModelBase } from "../shared/pretrained-model.js";
import { innerStates } from "../shared/states.js";
import type { BaseModelCall, BaseModelOutput, EncoderInputs } from "../shared/types.js";
import { type DistilBertConfig, type DistilBertConfigOptions, distilBertConfig } from "./config.js";
import { DistilBertEmbeddings, DistilBertTransformer } from "./layers.js";

/**
 * DistilBERT (https://arxiv.org/abs/1910.01108) without a head: no sentence numbers (`token_type_ids` are taken and change nothing, as in transformers 5) and no pooler.
 *
 * @example
 * const model = await DistilBertModel.fromPretrained("distilbert-folder");
 * const { last_hidden_state } = model({ input_ids: tensor([[101, 7592, 102]], { dtype: "int64" }) });
 */
export class DistilBertModel extends PreTrainedModelBase {
  readonly config: DistilBertConfig;
  readonly embeddings: DistilBertEmbeddings;
  readonly transformer: DistilBertTransformer;

  constructor(config: DistilBertConfigOptions | DistilBertConfig, options: MakeOptions = {}) {
    super();
    this.config = distilBertConfig(config);
    this.embeddings = new DistilBertEmbeddings(this.config);
    this.transformer = new DistilBertTransformer(this.config);
    if (options.init !== false) initWeights(this, { std: this.config.initializer_range });
  }

  static readonly architecture: Architecture<DistilBertModel, DistilBertConfig> = {
    name: "DistilBertModel",
    prefix: "distilbert",
    config: distilBertConfig,
    make: (config) => new DistilBertModel(config, { init: false }),
  };

  /** Loads a folder with config.json and weights, or a model of the hub, with or without a head. */
  static fromPretrained(checkpoint: string, options: FromPretrainedOptions = {}): Promise<DistilBertModel> {
    return loadPretrained(DistilBertModel.architecture, checkpoint, options);
  }

  override inputEmbeddings(): Embedding {
    return this.embeddings.word_embeddings;
  }

  forward(inputs: EncoderInputs): BaseModelOutput {
    checkKeys("DistilBertModel", inputs, encoderKeys);
    const mask = inputs.attention_mask && additiveMask(inputs.attention_mask);
    const { last, hidden, attentions } = this.transformer(this.embeddings(inputs), mask);
    return { last_hidden_state: last as Tensor<3, "float32">, ...innerStates(this.config, hidden, attentions) };
  }

  override checkCall(inputs: EncoderInputs): void {
    checkEncoderValues(inputs, this.config);
  }
}
export interface DistilBertModel extends BaseModelCall {}
