// RoBERTa with a classifier on every token.
import { Dropout, type Embedding, type Linear } from "../../nn/index.js";
import type { Tensor } from "../../tensor/index.js";
import { type FromPretrainedOptions, loadPretrained } from "../loading/from-pretrained.js";
import type { Architecture, MakeOptions } from "../shared/architecture.js";
import { checkEncoderValues, checkKeys, checkTokenLabels, labelledKeys } from "../shared/check-batch.js";
import { initWeights } from "../shared/init-weights.js";
import { unset } from "../shared/layers.js";
import { PreTrainedModelBase } from "../shared/pretrained-model.js";
import { tokenLoss } from "../shared/task-loss.js";
import type { TokenClassifierCall, TokenClassifierInputs, TokenClassifierOutput } from "../shared/types.js";
import { type RobertaConfig, type RobertaConfigOptions, robertaConfig } from "./config.js";
import { RobertaModel } from "./model.js";

/**
 * RoBERTa with a linear classifier of each token, for named entities and the like, as transformers' class of that name. The loss is cross-entropy over the tokens whose label is
 * not -100.
 *
 * @example
 * const model = await RobertaForTokenClassification.fromPretrained("roberta-folder", { id2label: ["O", "B-PER", "I-PER"] });
 * const { loss, logits } = model({ input_ids, attention_mask, labels }); // logits [B, S, 3]
 */
export class RobertaForTokenClassification extends PreTrainedModelBase {
  readonly config: RobertaConfig;
  readonly roberta: RobertaModel;
  readonly dropout: Dropout;
  readonly classifier: Linear;

  constructor(config: RobertaConfigOptions | RobertaConfig, options: MakeOptions = {}) {
    super();
    this.config = robertaConfig(config);
    this.roberta = new RobertaModel(this.config, { init: false, pooler: false });
    this.dropout = new Dropout(this.config.classifier_dropout ?? this.config.hidden_dropout_prob);
    this.classifier = unset(this.config.hidden_size, this.config.num_labels);
    if (options.init !== false) initWeights(this, { std: this.config.initializer_range });
  }

  static readonly architecture: Architecture<RobertaForTokenClassification, RobertaConfig> = {
    name: "RobertaForTokenClassification",
    prefix: "roberta",
    config: robertaConfig,
    make: (config) => new RobertaForTokenClassification(config, { init: false }),
  };

  /** Loads a folder with config.json and weights, or a model of the hub; a classifier that is not in the file starts anew, with a warning. */
  static fromPretrained(checkpoint: string, options: FromPretrainedOptions = {}): Promise<RobertaForTokenClassification> {
    return loadPretrained(RobertaForTokenClassification.architecture, checkpoint, options);
  }

  override inputEmbeddings(): Embedding {
    return this.roberta.inputEmbeddings();
  }

  forward(batch: TokenClassifierInputs): TokenClassifierOutput<TokenClassifierInputs> {
    checkKeys("RobertaForTokenClassification", batch, labelledKeys);
    const { labels, ...inputs } = batch;
    const { last_hidden_state: hidden, pooler_output: _, ...states } = this.roberta(inputs);
    const logits = this.classifier(this.dropout(hidden)) as Tensor<3, "float32">;
    return { loss: tokenLoss(logits, labels), logits, ...states };
  }

  override checkCall(batch: TokenClassifierInputs): void {
    checkEncoderValues(batch, this.config, this.config.pad_token_id);
    checkTokenLabels(batch, this.config);
  }
}
export interface RobertaForTokenClassification extends TokenClassifierCall {}
