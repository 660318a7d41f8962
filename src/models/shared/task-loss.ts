// The losses of the tasks, and which one a classifier has.
import { ArgumentError } from "../../errors.js";
import { bceWithLogits, crossEntropy, mseLoss } from "../../nn/index.js";
import { cat, full, type Scalar, type Tensor } from "../../tensor/index.js";
import type { ProblemType } from "../loading/config.js";

/** The label of a place that does not count. */
export const ignoredLabel = -100;

const isInteger = (labels: Tensor): boolean => labels.dtype === "int64" || labels.dtype === "int32";
/** [B, 1] as [B]. */
const flat = (x: Tensor): Tensor => (x.rank === 2 ? x.squeeze(-1) : x);

/** What a config says of a classifier. */
export interface ClassifierConfig {
  readonly num_labels: number;
  readonly problem_type?: ProblemType | null | undefined;
}

/** What the labels mean where the config does not say: transformers' rule. */
export function problemTypeOf(config: ClassifierConfig, labels: Tensor): ProblemType {
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

/** Loss of a classifier of whole sequences, if there are labels; logits [B, num_labels]. */
export function sequenceLoss(config: ClassifierConfig, logits: Tensor, labels: Tensor | undefined): Scalar | undefined {
  return labels && losses[problemTypeOf(config, labels)](logits, labels, config.num_labels);
}

/** Loss of a class or token for each place, if there are labels; logits [B, S, C], labels [B, S]. */
export function tokenLoss(logits: Tensor, labels: Tensor | undefined): Scalar | undefined {
  return labels && crossEntropy(logits, labels, { ignoreIndex: ignoredLabel });
}

/**
 * Loss of a causal language model, if there are labels: each place is to say the label of the next one. The labels are shifted and not the logits, of which a copy would be
 * as large as they are; the last place has nothing to say.
 */
export function causalLoss(logits: Tensor, labels: Tensor | undefined): Scalar | undefined {
  if (!labels) return undefined;
  const last = full([labels.size(0), 1], ignoredLabel, { dtype: labels.dtype }) as Tensor;
  return tokenLoss(logits, cat([labels.at(":", "1:"), last], 1));
}
