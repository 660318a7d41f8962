// DistilBERT that says which token stands behind a mask.
import { type Embedding, LayerNorm, type Linear } from "../../nn/index.js";
import type { Tensor } from "../../tensor/index.js";
import { type FromPretrainedOptions, loadPretrained } from "../loading/from-pretrained.js";
import { activations } from "../shared/activations.js";
import type { Architecture, MakeOptions } from "../shared/architecture.js";
import { checkEncoderValues, checkKeys, checkTokens, labelledKeys } from "../shared/check-batch.js";
import { initWeights } from "../shared/init-weights.js";
import { decoderOf, unset } from "../shared/layers.js";
import { PreTrainedModelBase } from "../shared/pretrained-model.js";
import { tokenLoss } from "../shared/task-loss.js";
import type { LanguageModelCall, LanguageModelInputs, LanguageModelOutput } from "../shared/types.js";
import { type DistilBertConfig, type DistilBertConfigOptions, distilBertConfig } from "./config.js";
import { DistilBertModel } from "./model.js";

/**
 * DistilBERT with its language-modelling head, as transformers' class of that name. The last map is the table of the words itself (`tie_word_embeddings: false` gives it weights
 * of its own). The loss is cross-entropy over the places whose label is not -100.
 *
 * @example
 * const model = await DistilBertForMaskedLM.fromPretrained("distilbert-folder");
 * const { logits } = model({ input_ids, attention_mask }); // [B, S, vocab_size]
 */
export class DistilBertForMaskedLM extends PreTrainedModelBase {
  readonly config: DistilBertConfig;
  readonly distilbert: DistilBertModel;
  readonly vocab_transform: Linear;
  readonly vocab_layer_norm: LayerNorm;
  readonly vocab_projector: Linear;

  constructor(config: DistilBertConfigOptions | DistilBertConfig, options: MakeOptions = {}) {
    super();
    this.config = distilBertConfig(config);
    this.distilbert = new DistilBertModel(this.config, { init: false });
    this.vocab_transform = unset(this.config.dim, this.config.dim);
    this.vocab_layer_norm = new LayerNorm(this.config.dim, { epsilon: 1e-12 });
    this.vocab_projector = decoderOf(this.config, this.distilbert.inputEmbeddings(), true);
    if (options.init !== false) initWeights(this, { std: this.config.initializer_range });
  }

  static readonly architecture: Architecture<DistilBertForMaskedLM, DistilBertConfig> = {
    name: "DistilBertForMaskedLM",
    prefix: "distilbert",
    config: distilBertConfig,
    make: (config) => new DistilBertForMaskedLM(config, { init: false }),
  };

  /** Loads a folder with config.json and weights, or a model of the hub; a head that is not in the file starts anew, with a warning. */
  static fromPretrained(checkpoint: string, options: FromPretrainedOptions = {}): Promise<DistilBertForMaskedLM> {
    return loadPretrained(DistilBertForMaskedLM.architecture, checkpoint, options);
  }

  override inputEmbeddings(): Embedding {
    return this.distilbert.inputEmbeddings();
  }
  override outputEmbeddings(): Linear {
    return this.vocab_projector;
  }

  forward(batch: LanguageModelInputs): LanguageModelOutput<LanguageModelInputs> {
    checkKeys("DistilBertForMaskedLM", batch, labelledKeys);
    const { labels, ...inputs } = batch;
    const { last_hidden_state: hidden, pooler_output: _, ...states } = this.distilbert(inputs);
    const transformed = this.vocab_layer_norm(activations[this.config.activation](this.vocab_transform(hidden)));
    const logits = this.vocab_projector(transformed) as Tensor<3, "float32">;
    return { loss: tokenLoss(logits, labels), logits, ...states };
  }

  override checkCall(batch: LanguageModelInputs): void {
    checkEncoderValues(batch, this.config);
    checkTokens(batch, this.config);
  }
}
export interface DistilBertForMaskedLM extends LanguageModelCall {}
