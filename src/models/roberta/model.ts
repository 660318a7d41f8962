// RobertaModel: BERT's layers, with positions that are counted over the tokens that are no padding.
import { additiveMask, type Embedding } from "../../nn/index.js";
import type { Tensor } from "../../tensor/index.js";
import { BertEmbeddings } from "../bert/embeddings.js";
import { BertEncoder, BertPooler } from "../bert/encoder.js";
import { type FromPretrainedOptions, loadPretrained } from "../loading/from-pretrained.js";
import type { Architecture, MakeBaseOptions } from "../shared/architecture.js";
import { checkEncoderValues, checkKeys, encoderKeys } from "../shared/check-batch.js";
import { initWeights } from "../shared/init-weights.js";
import { PreTrainedModelBase } from "../shared/pretrained-model.js";
import { innerStates } from "../shared/states.js";
import type { EncoderCall, EncoderInputs, EncoderOutput } from "../shared/types.js";
import { type RobertaConfig, type RobertaConfigOptions, robertaConfig } from "./config.js";

/** BERT's embeddings, of which the padding has a position of its own. */
export class RobertaEmbeddings extends BertEmbeddings {
  readonly padding: number;

  constructor(config: RobertaConfig) {
    super(config, config.pad_token_id);
    this.padding = config.pad_token_id;
  }

  /** The padding's position is its id, tokens are counted from there on: [B, S]. It goes by the ids and not by the mask, as in transformers. */
  override positionsOf(ids: Tensor): Tensor {
    const tokens = ids.ne(this.padding).to("int64");
    return tokens.cumsum(1).mul(tokens).add(this.padding);
  }
}

/**
 * RoBERTa (https://arxiv.org/abs/1907.11692) without a head. Fields are named as in transformers' state dict. A new one has random
 * weights and is in training mode; one from `fromPretrained` is in evaluation mode.
 *
 * @example
 * const roberta = await RobertaModel.fromPretrained("roberta-folder");
 * const { last_hidden_state, pooler_output } = roberta({ input_ids: tensor([[0, 31414, 2]], { dtype: "int64" }) });
 */
export class RobertaModel extends PreTrainedModelBase {
  readonly config: RobertaConfig;
  readonly embeddings: RobertaEmbeddings;
  readonly encoder: BertEncoder;
  /** Models with a head of their own have none. */
  readonly pooler: BertPooler | undefined;

  constructor(config: RobertaConfigOptions | RobertaConfig, options: MakeBaseOptions = {}) {
    super();
    this.config = robertaConfig(config);
    this.embeddings = new RobertaEmbeddings(this.config);
    this.encoder = new BertEncoder(this.config);
    this.pooler = options.pooler === false ? undefined : new BertPooler(this.config);
    if (options.init !== false) initWeights(this, { std: this.config.initializer_range });
  }

  static readonly architecture: Architecture<RobertaModel, RobertaConfig> = {
    name: "RobertaModel",
    prefix: "roberta",
    config: robertaConfig,
    make: (config) => new RobertaModel(config, { init: false }),
  };

  /** Loads a folder with config.json and weights, or a model of the hub, with or without a head. */
  static fromPretrained(checkpoint: string, options: FromPretrainedOptions = {}): Promise<RobertaModel> {
    return loadPretrained(RobertaModel.architecture, checkpoint, options);
  }

  override inputEmbeddings(): Embedding {
    return this.embeddings.word_embeddings;
  }

  forward(inputs: EncoderInputs): EncoderOutput {
    checkKeys("RobertaModel", inputs, encoderKeys);
    const mask = inputs.attention_mask && additiveMask(inputs.attention_mask);
    const { last, hidden, attentions } = this.encoder(this.embeddings(inputs), mask);
    return {
      last_hidden_state: last as Tensor<3, "float32">,
      // A model with a head of its own does not look at it.
      ...(this.pooler && { pooler_output: this.pooler(last) }),
      ...innerStates(this.config, hidden, attentions),
    } as EncoderOutput;
  }

  override checkCall(inputs: EncoderInputs): void {
    checkEncoderValues(inputs, this.config, this.config.pad_token_id);
  }
}
export interface RobertaModel extends EncoderCall {}
