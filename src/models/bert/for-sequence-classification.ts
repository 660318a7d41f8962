// BERT with a classifier on the pooled first token, and the losses that go with it.
import { ArgumentError } from "../../errors.js";
import { bceWithLogits, crossEntropy, Dropout, type Linear, mseLoss } from "../../nn/index.js";
import type { Scalar, Tensor } from "../../tensor/index.js";
import { BertModel, type MakeOptions } from "./model.js";
import { unset } from "./attention.js";
import { type BertConfig, type BertConfigOptions, bertConfig } from "./config.js";
import { checkClassLabels, checkEncoderValues, checkKeys, classifierKeys } from "../shared/check-batch.js";
import type { ProblemType } from "../loading/config.js";
import { type Architecture, type FromPretrainedOptions, loadPretrained } from "../loading/from-pretrained.js";
import { initWeights, PreTrainedModelBase } from "../shared/pretrained-model.js";
import type { SequenceClassifierCall, SequenceClassifierInputs, SequenceClassifierOutput } from "../shared/types.js";

const isInteger = (labels: Tensor): boolean => labels.dtype === "int64" || labels.dtype === "int32";
/** [B, 1] as [B]. */
const flat = (x: Tensor): Tensor => (x.rank === 2 ? x.squeeze(-1) : x);

/** What the labels mean where the config does not say: transformers' rule. */
export function problemTypeOf(config: BertConfig, labels: Tensor): ProblemType {
  if (config.problem_type) return config.problem_type;
  if (config.num_labels === 1) return "regression";
  return isInteger(labels) ? "single_label_classification" : "multi_label_classification";
}

const losses: { readonly [P in ProblemType]: (logits: Tensor, labels: Tensor, numLabels: number) => Scalar } = {
  regression: (logits, labels, numLabels) => (numLabels === 1 ? mseLoss(logits.squeeze(-1), flat(labels)) : mseLoss(logits, labels)),
  single_label_classification: (logits, labels) => {
    if (!isInteger(labels))
      throw new ArgumentError(`labels of a single-label classification are class numbers, not ${labels.dtype}`, {
        code: "ERR_DTYPE",
        hint: 'make them int64, or set problem_type: "multi_label_classification" in the config',
      });
    return crossEntropy(logits, flat(labels));
  },
  multi_label_classification: (logits, labels) => bceWithLogits(logits, labels),
};

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

  /** Loads a folder with config.json and model.safetensors; a classifier that is not in the file starts anew, with a warning. */
  static fromPretrained(checkpoint: string, options: FromPretrainedOptions = {}): Promise<BertForSequenceClassification> {
    return loadPretrained(BertForSequenceClassification.architecture, checkpoint, options);
  }

  forward(batch: SequenceClassifierInputs): SequenceClassifierOutput<SequenceClassifierInputs> {
    checkKeys("BertForSequenceClassification", batch, classifierKeys);
    const { labels, ...inputs } = batch;
    const { pooler_output: pooled, last_hidden_state: _, ...states } = this.bert(inputs);
    const logits = this.classifier(this.dropout(pooled)) as Tensor<2, "float32">;
    const loss = labels && losses[problemTypeOf(this.config, labels)](logits, labels, this.config.num_labels);
    return { loss, logits, ...states };
  }

  override checkCall(batch: SequenceClassifierInputs): void {
    checkEncoderValues(batch, this.config);
    if (batch.labels && problemTypeOf(this.config, batch.labels) === "single_label_classification") checkClassLabels(batch, this.config);
  }
}
export interface BertForSequenceClassification extends SequenceClassifierCall {}
