// RoBERTa that says which token stands behind a mask.
import { type Embedding, gelu, init, LayerNorm, type Linear, Module, Parameter } from "../../nn/index.js";
import type { Tensor } from "../../tensor/index.js";
import { type FromPretrainedOptions, loadPretrained } from "../loading/from-pretrained.js";
import type { Architecture, MakeOptions } from "../shared/architecture.js";
import { checkEncoderValues, checkKeys, checkTokens, labelledKeys } from "../shared/check-batch.js";
import { initWeights } from "../shared/init-weights.js";
import { decoderOf, unset } from "../shared/layers.js";
import { PreTrainedModelBase } from "../shared/pretrained-model.js";
import { tokenLoss } from "../shared/task-loss.js";
import type { LanguageModelCall, LanguageModelInputs, LanguageModelOutput } from "../shared/types.js";
import { type RobertaConfig, type RobertaConfigOptions, robertaConfig } from "./config.js";
import { RobertaModel } from "./model.js";

/** Hidden states [B, S, H] to words [B, S, vocab_size]. `bias` is the decoder's, under a name of its own. */
export class RobertaLMHead extends Module {
  readonly bias: Parameter<1>;
  readonly dense: Linear;
  readonly layer_norm: LayerNorm;
  readonly decoder: Linear;

  constructor(config: RobertaConfig, words: Embedding) {
    super();
    this.bias = new Parameter(init.zeros([config.vocab_size]) as Tensor<1, "float32">);
    this.dense = unset(config.hidden_size, config.hidden_size);
    this.layer_norm = new LayerNorm(config.hidden_size, { epsilon: config.layer_norm_eps });
    this.decoder = decoderOf(config, words, this.bias);
  }

  /** The activation is always gelu, whatever the layers have. */
  forward(x: Tensor): Tensor {
    return this.decoder(this.layer_norm(gelu(this.dense(x))));
  }
}

/**
 * RoBERTa with its language-modelling head, as transformers' class of that name. The last map is the table of the words itself (`tie_word_embeddings: false` gives it weights
 * of its own). The loss is cross-entropy over the places whose label is not -100.
 *
 * @example
 * const model = await RobertaForMaskedLM.fromPretrained("roberta-folder");
 * const { logits } = model({ input_ids, attention_mask }); // [B, S, vocab_size]
 */
export class RobertaForMaskedLM extends PreTrainedModelBase {
  readonly config: RobertaConfig;
  readonly roberta: RobertaModel;
  readonly lm_head: RobertaLMHead;

  constructor(config: RobertaConfigOptions | RobertaConfig, options: MakeOptions = {}) {
    super();
    this.config = robertaConfig(config);
    this.roberta = new RobertaModel(this.config, { init: false, pooler: false });
    this.lm_head = new RobertaLMHead(this.config, this.roberta.inputEmbeddings());
    if (options.init !== false) initWeights(this, { std: this.config.initializer_range });
  }

  static readonly architecture: Architecture<RobertaForMaskedLM, RobertaConfig> = {
    name: "RobertaForMaskedLM",
    prefix: "roberta",
    config: robertaConfig,
    make: (config) => new RobertaForMaskedLM(config, { init: false }),
  };

  /** Loads a folder with config.json and weights, or a model of the hub; a head that is not in the file starts anew, with a warning. */
  static fromPretrained(checkpoint: string, options: FromPretrainedOptions = {}): Promise<RobertaForMaskedLM> {
    return loadPretrained(RobertaForMaskedLM.architecture, checkpoint, options);
  }

  override inputEmbeddings(): Embedding {
    return this.roberta.inputEmbeddings();
  }
  override outputEmbeddings(): Linear {
    return this.lm_head.decoder;
  }
  override outputBias(): Parameter<1> {
    return this.lm_head.bias;
  }

  forward(batch: LanguageModelInputs): LanguageModelOutput<LanguageModelInputs> {
    checkKeys("RobertaForMaskedLM", batch, labelledKeys);
    const { labels, ...inputs } = batch;
    const { last_hidden_state: hidden, pooler_output: _, ...states } = this.roberta(inputs);
    const logits = this.lm_head(hidden) as Tensor<3, "float32">;
    return { loss: tokenLoss(logits, labels), logits, ...states };
  }

  override checkCall(batch: LanguageModelInputs): void {
    checkEncoderValues(batch, this.config, this.config.pad_token_id);
    checkTokens(batch, this.config);
  }
}
export interface RobertaForMaskedLM extends LanguageModelCall {}
