// BERT with a classifier on the pooled first token.
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
import { type BertConfig, type BertConfigOptions, bertConfig } from "./config.js";
import { BertModel } from "./model.js";

/**
 * BERT with a linear classifier, as transformers' class of that name. Without labels there are only logits. The loss is
 * cross-entropy for class numbers (the label -100 does not count), mean squared error for one label, binary cross-entropy for
 * several independent ones; `problem_type` in the config decides over that.
 *
 * @example
 * const model = new BertForSequenceClassification({ vocab_size: 8000, hidden_size: 128, num_hidden_layers: 2, num_attention_heads: 2, intermediate_size: 512 });
 * const { loss, logits } = model({ input_ids, attention_mask, labels });
 */
export class BertForSequenceClassification extends PreTrainedModelBase {
  readonly config: BertConfig;
  readonly bert: BertModel;
  readonly dropout: Dropout;
  readonly classifier: Linear;

  constructor(config: BertConfigOptions | BertConfig, options: MakeOptions = {}) {
    super();
    this.config = bertConfig(config);
    this.bert = new BertModel(this.config, { init: false });
    this.dropout = new Dropout(this.config.classifier_dropout ?? this.config.hidden_dropout_prob);
    this.classifier = unset(this.config.hidden_size, this.config.num_labels);
    if (options.init !== false) initWeights(this, { std: this.config.initializer_range });
  }

  static readonly architecture: Architecture<BertForSequenceClassification, BertConfig> = {
    name: "BertForSequenceClassification",
    prefix: "bert",
    config: bertConfig,
    make: (config) => new BertForSequenceClassification(config, { init: false }),
  };

  /** Loads a folder with config.json and weights, or a model of the hub; a classifier that is not in the file starts anew, with a warning. */
  static fromPretrained(checkpoint: string, options: FromPretrainedOptions = {}): Promise<BertForSequenceClassification> {
    return loadPretrained(BertForSequenceClassification.architecture, checkpoint, options);
  }

  override inputEmbeddings(): Embedding {
    return this.bert.inputEmbeddings();
  }

  forward(batch: SequenceClassifierInputs): SequenceClassifierOutput<SequenceClassifierInputs> {
    checkKeys("BertForSequenceClassification", batch, labelledKeys);
    const { labels, ...inputs } = batch;
    const { pooler_output: pooled, last_hidden_state: _, ...states } = this.bert(inputs);
    const logits = this.classifier(this.dropout(pooled)) as Tensor<2, "float32">;
    return { loss: sequenceLoss(this.config, logits, labels), logits, ...states };
  }

  override checkCall(batch: SequenceClassifierInputs): void {
    checkEncoderValues(batch, this.config);
    checkSequenceLabels(batch, this.config);
  }
}
export interface BertForSequenceClassification extends SequenceClassifierCall {}
