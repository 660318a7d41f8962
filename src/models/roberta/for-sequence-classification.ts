// RoBERTa with a classifier of two layers on the first token.
import { Dropout, type Embedding, type Linear, Module } from "../../nn/index.js";
import type { Tensor } from "../../tensor/index.js";
import { type FromPretrainedOptions, loadPretrained } from "../loading/from-pretrained.js";
import type { Architecture, MakeOptions } from "../shared/architecture.js";
import { checkEncoderValues, checkKeys, checkSequenceLabels, labelledKeys } from "../shared/check-batch.js";
import { initWeights } from "../shared/init-weights.js";
import { unset } from "../shared/layers.js";
import { PreTrainedModelBase } from "../shared/pretrained-model.js";
import { sequenceLoss } from "../shared/task-loss.js";
import type { SequenceClassifierCall, SequenceClassifierInputs, SequenceClassifierOutput } from "../shared/types.js";
import { type RobertaConfig, type RobertaConfigOptions, robertaConfig } from "./config.js";
import { RobertaModel } from "./model.js";

/** out_proj(tanh(dense(first token))), with dropout before both maps: [B, S, H] to [B, num_labels]. */
export class RobertaClassificationHead extends Module {
  readonly dense: Linear;
  readonly dropout: Dropout;
  readonly out_proj: Linear;

  constructor(config: RobertaConfig) {
    super();
    this.dense = unset(config.hidden_size, config.hidden_size);
    this.dropout = new Dropout(config.classifier_dropout ?? config.hidden_dropout_prob);
    this.out_proj = unset(config.hidden_size, config.num_labels);
  }

  forward(hidden: Tensor): Tensor {
    const first = this.dense(this.dropout(hidden.at(":", 0))).tanh();
    return this.out_proj(this.dropout(first));
  }
}

/**
 * RoBERTa with a classifier, as transformers' class of that name; for the losses see `BertForSequenceClassification`.
 *
 * @example
 * const model = await RobertaForSequenceClassification.fromPretrained("roberta-folder", { numLabels: 2 });
 * const { loss, logits } = model({ input_ids, attention_mask, labels });
 */
export class RobertaForSequenceClassification extends PreTrainedModelBase {
  readonly config: RobertaConfig;
  readonly roberta: RobertaModel;
  readonly classifier: RobertaClassificationHead;

  constructor(config: RobertaConfigOptions | RobertaConfig, options: MakeOptions = {}) {
    super();
    this.config = robertaConfig(config);
    this.roberta = new RobertaModel(this.config, { init: false, pooler: false });
    this.classifier = new RobertaClassificationHead(this.config);
    if (options.init !== false) initWeights(this, { std: this.config.initializer_range });
  }

  static readonly architecture: Architecture<RobertaForSequenceClassification, RobertaConfig> = {
    name: "RobertaForSequenceClassification",
    prefix: "roberta",
    config: robertaConfig,
    make: (config) => new RobertaForSequenceClassification(config, { init: false }),
  };

  /** Loads a folder with config.json and weights, or a model of the hub; a classifier that is not in the file starts anew, with a warning. */
  static fromPretrained(checkpoint: string, options: FromPretrainedOptions = {}): Promise<RobertaForSequenceClassification> {
    return loadPretrained(RobertaForSequenceClassification.architecture, checkpoint, options);
  }

  override inputEmbeddings(): Embedding {
    return this.roberta.inputEmbeddings();
  }

  forward(batch: SequenceClassifierInputs): SequenceClassifierOutput<SequenceClassifierInputs> {
    checkKeys("RobertaForSequenceClassification", batch, labelledKeys);
    const { labels, ...inputs } = batch;
    const { last_hidden_state: hidden, pooler_output: _, ...states } = this.roberta(inputs);
    const logits = this.classifier(hidden) as Tensor<2, "float32">;
    return { loss: sequenceLoss(this.config, logits, labels), logits, ...states };
  }

  override checkCall(batch: SequenceClassifierInputs): void {
    checkEncoderValues(batch, this.config, this.config.pad_token_id);
    checkSequenceLabels(batch, this.config);
  }
}
export interface RobertaForSequenceClassification extends SequenceClassifierCall {}
