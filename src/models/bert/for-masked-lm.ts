// BERT that says which token stands behind a mask.
import { type Embedding, init, LayerNorm, type Linear, Module, Parameter } from "../../nn/index.js";
import type { Tensor } from "../../tensor/index.js";
import { type FromPretrainedOptions, loadPretrained } from "../loading/from-pretrained.js";
import { type ActivationName, activations } from "../shared/activations.js";
import type { Architecture, MakeOptions } from "../shared/architecture.js";
import { checkEncoderValues, checkKeys, checkTokens, labelledKeys } from "../shared/check-batch.js";
import { initWeights } from "../shared/init-weights.js";
import { decoderOf, unset } from "../shared/layers.js";
import { PreTrainedModelBase } from "../shared/pretrained-model.js";
import { tokenLoss } from "../shared/task-loss.js";
import type { LanguageModelCall, LanguageModelInputs, LanguageModelOutput } from "../shared/types.js";
import { type BertConfig, type BertConfigOptions, bertConfig } from "./config.js";
import { BertModel } from "./model.js";

/** LayerNorm(act(dense(x))). */
export class BertPredictionHeadTransform extends Module {
  readonly dense: Linear;
  readonly act: ActivationName;
  readonly LayerNorm: LayerNorm;

  constructor(config: BertConfig) {
    super();
    this.dense = unset(config.hidden_size, config.hidden_size);
    this.act = config.hidden_act;
    this.LayerNorm = new LayerNorm(config.hidden_size, { epsilon: config.layer_norm_eps });
  }

  forward(x: Tensor): Tensor {
    return this.LayerNorm(activations[this.act](this.dense(x)));
  }
}

/** Hidden states [B, S, H] to words [B, S, vocab_size]. `bias` is the decoder's, under a name of its own. */
export class BertLMPredictionHead extends Module {
  readonly bias: Parameter<1>;
  readonly transform: BertPredictionHeadTransform;
  readonly decoder: Linear;

  constructor(config: BertConfig, words: Embedding) {
    super();
    this.bias = new Parameter(init.zeros([config.vocab_size]) as Tensor<1, "float32">);
    this.transform = new BertPredictionHeadTransform(config);
    this.decoder = decoderOf(config, words, this.bias);
  }

  forward(x: Tensor): Tensor {
    return this.decoder(this.transform(x));
  }
}

/** A level of names: `cls.predictions`. */
export class BertOnlyMLMHead extends Module {
  readonly predictions: BertLMPredictionHead;

  constructor(config: BertConfig, words: Embedding) {
    super();
    this.predictions = new BertLMPredictionHead(config, words);
  }

  forward(x: Tensor): Tensor {
    return this.predictions(x);
  }
}

/**
 * BERT with its language-modelling head, as transformers' class of that name. The last map is the table of the words itself (`tie_word_embeddings: false` gives it weights of
 * its own). The loss is cross-entropy over the places whose label is not -100.
 *
 * @example
 * const model = await BertForMaskedLM.fromPretrained("bert-folder");
 * const { logits } = model({ input_ids, attention_mask }); // [B, S, vocab_size]
 */
export class BertForMaskedLM extends PreTrainedModelBase {
  readonly config: BertConfig;
  readonly bert: BertModel;
  readonly cls: BertOnlyMLMHead;

  constructor(config: BertConfigOptions | BertConfig, options: MakeOptions = {}) {
    super();
    this.config = bertConfig(config);
    this.bert = new BertModel(this.config, { init: false, pooler: false });
    this.cls = new BertOnlyMLMHead(this.config, this.bert.inputEmbeddings());
    if (options.init !== false) initWeights(this, { std: this.config.initializer_range });
  }

  static readonly architecture: Architecture<BertForMaskedLM, BertConfig> = {
    name: "BertForMaskedLM",
    prefix: "bert",
    config: bertConfig,
    make: (config) => new BertForMaskedLM(config, { init: false }),
  };

  /** Loads a folder with config.json and weights, or a model of the hub; a head that is not in the file starts anew, with a warning. */
  static fromPretrained(checkpoint: string, options: FromPretrainedOptions = {}): Promise<BertForMaskedLM> {
    return loadPretrained(BertForMaskedLM.architecture, checkpoint, options);
  }

  override inputEmbeddings(): Embedding {
    return this.bert.inputEmbeddings();
  }
  override outputEmbeddings(): Linear {
    return this.cls.predictions.decoder;
  }
  override outputBias(): Parameter<1> {
    return this.cls.predictions.bias;
  }

  forward(batch: LanguageModelInputs): LanguageModelOutput<LanguageModelInputs> {
    checkKeys("BertForMaskedLM", batch, labelledKeys);
    const { labels, ...inputs } = batch;
    const { last_hidden_state: hidden, pooler_output: _, ...states } = this.bert(inputs);
    const logits = this.cls(hidden) as Tensor<3, "float32">;
    return { loss: tokenLoss(logits, labels), logits, ...states };
  }

  override checkCall(batch: LanguageModelInputs): void {
    checkEncoderValues(batch, this.config);
    checkTokens(batch, this.config);
  }
}
export interface BertForMaskedLM extends LanguageModelCall {}
