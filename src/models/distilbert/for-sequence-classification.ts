// DistilBERT with a classifier of two layers on the first token.
import { Dropout, type Embedding, type Linear } from "../../nn/index.js";
import type { Tensor } from "../../tensor/index.js";
import { type FromPretrainedOptions, loadPretrained } from "../loading/from-pretrained.js";
import type { Architecture, MakeOptions } from "../shared/architecture.js";
import { checkEncoderValues, checkKeys, checkSequenceLabels, labelledKeys } from "../shared/check-batch.js";
import { initWeights } from "../shared/init-weights.js";
import { unset } from "../shared/layers.js";
import { PreTrainedModelBase } from "../shared/pretrained-model.js";
import { sequenceLoss } from "../shared/task-loss.js";
import type { SequenceClassifierCall, SequenceClassifierInputs, SequenceClassifierOutput } from "../shared/types.js";
import { type DistilBertConfig, type DistilBertConfigOptions, distilBertConfig } from "./config.js";
import { DistilBertModel } from "./model.js";

/**
 * DistilBERT with a classifier, as transformers' class of that name: classifier(dropout(relu(pre_classifier(first token)))). For the losses see
 * `BertForSequenceClassification`.
 *
 * @example
 * const model = await DistilBertForSequenceClassification.fromPretrained("distilbert-folder", { numLabels: 2 });
 * const { loss, logits } = model({ input_ids, attention_mask, labels });
 */
export class DistilBertForSequenceClassification extends PreTrainedModelBase {
  readonly config: DistilBertConfig;
  readonly distilbert: DistilBertModel;
  readonly pre_classifier: Linear;
  readonly classifier: Linear;
  readonly dropout: Dropout;

  constructor(config: DistilBertConfigOptions | DistilBertConfig, options: MakeOptions = {}) {
    super();
    this.config = distilBertConfig(config);
    this.distilbert = new DistilBertModel(this.config, { init: false });
    this.pre_classifier = unset(this.config.dim, this.config.dim);
    this.classifier = unset(this.config.dim, this.config.num_labels);
    this.dropout = new Dropout(this.config.seq_classif_dropout);
    if (options.init !== false) initWeights(this, { std: this.config.initializer_range });
  }

  static readonly architecture: Architecture<DistilBertForSequenceClassification, DistilBertConfig> = {
    name: "DistilBertForSequenceClassification",
    prefix: "distilbert",
    config: distilBertConfig,
    make: (config) => new DistilBertForSequenceClassification(config, { init: false }),
  };

  /** Loads a folder with config.json and weights, or a model of the hub; a classifier that is not in the file starts anew, with a warning. */
  static fromPretrained(checkpoint: string, options: FromPretrainedOptions = {}): Promise<DistilBertForSequenceClassification> {
    return loadPretrained(DistilBertForSequenceClassification.architecture, checkpoint, options);
  }

  override inputEmbeddings(): Embedding {
    return this.distilbert.inputEmbeddings();
  }

  forward(batch: SequenceClassifierInputs): SequenceClassifierOutput<SequenceClassifierInputs> {
    checkKeys("DistilBertForSequenceClassification", batch, labelledKeys);
    const { labels, ...inputs } = batch;
    const { last_hidden_state: hidden, pooler_output: _, ...states } = this.distilbert(inputs);
    const first = this.pre_classifier(hidden.at(":", 0)).relu();
    const logits = this.classifier(this.dropout(first)) as Tensor<2, "float32">;
    return { loss: sequenceLoss(this.config, logits, labels), logits, ...states };
  }

  override checkCall(batch: SequenceClassifierInputs): void {
    checkEncoderValues(batch, this.config);
    checkSequenceLabels(batch, this.config);
  }
}
export interface DistilBertForSequenceClassification extends SequenceClassifierCall {}
