// BertModel: embeddings, encoder and pooler, as transformers' class of that name.
import { additiveMask, type Embedding } from "../../nn/index.js";
import type { Tensor } from "../../tensor/index.js";
import { type FromPretrainedOptions, loadPretrained } from "../loading/from-pretrained.js";
import type { Architecture, MakeBaseOptions } from "../shared/architecture.js";
import { checkEncoderValues, checkKeys, encoderKeys } from "../shared/check-batch.js";
import { initWeights } from "../shared/init-weights.js";
import { PreTrainedModelBase } from "../shared/pretrained-model.js";
import { innerStates } from "../shared/states.js";
import type { EncoderCall, EncoderInputs, EncoderOutput } from "../shared/types.js";
import { type BertConfig, type BertConfigOptions, bertConfig } from "./config.js";
import { BertEmbeddings } from "./embeddings.js";
import { BertEncoder, BertPooler } from "./encoder.js";

/**
 * BERT (https://arxiv.org/abs/1810.04805) without a head. Fields are named as in transformers' state dict. A new one has random
 * weights and is in training mode; one from `fromPretrained` is in evaluation mode.
 *
 * @example
 * const bert = await BertModel.fromPretrained("bert-folder");
 * const { last_hidden_state, pooler_output } = bert({ input_ids: tensor([[101, 7592, 102]], { dtype: "int64" }) });
 */
export class BertModel extends PreTrainedModelBase {
  readonly config: BertConfig;
  readonly embeddings: BertEmbeddings;
  readonly encoder: BertEncoder;
  /** Models with a head on the tokens have none. */
  readonly pooler: BertPooler | undefined;

  constructor(config: BertConfigOptions | BertConfig, options: MakeBaseOptions = {}) {
    super();
    this.config = bertConfig(config);
    this.embeddings = new BertEmbeddings(this.config);
    this.encoder = new BertEncoder(this.config);
    this.pooler = options.pooler === false ? undefined : new BertPooler(this.config);
    if (options.init !== false) initWeights(this, { std: this.config.initializer_range });
  }

  static readonly architecture: Architecture<BertModel, BertConfig> = {
    name: "BertModel",
    prefix: "bert",
    config: bertConfig,
    make: (config) => new BertModel(config, { init: false }),
  };

  /** Loads a folder with config.json and weights, or a model of the hub, with or without a head. */
  static fromPretrained(checkpoint: string, options: FromPretrainedOptions = {}): Promise<BertModel> {
    return loadPretrained(BertModel.architecture, checkpoint, options);
  }

  override inputEmbeddings(): Embedding {
    return this.embeddings.word_embeddings;
  }

  forward(inputs: EncoderInputs): EncoderOutput {
    checkKeys("BertModel", inputs, encoderKeys);
    const mask = inputs.attention_mask && additiveMask(inputs.attention_mask);
    const { last, hidden, attentions } = this.encoder(this.embeddings(inputs), mask);
    return {
      last_hidden_state: last as Tensor<3, "float32">,
      // A model with a head on the tokens does not look at it.
      ...(this.pooler && { pooler_output: this.pooler(last) }),
      ...innerStates(this.config, hidden, attentions),
    } as EncoderOutput;
  }

  override checkCall(inputs: EncoderInputs): void {
    checkEncoderValues(inputs, this.config);
  }
}
export interface BertModel extends EncoderCall {}
