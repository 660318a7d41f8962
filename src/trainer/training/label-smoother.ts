// Label smoothing: a loss that leaves a little probability to all classes.
import { ignoredLabel } from "../../models/shared/task-loss.js";
import { crossEntropy } from "../../nn/index.js";
import { cat, full, type Tensor } from "../../tensor/index.js";
import type { TrainerOutput } from "../options.js";

export interface SmoothingOptions {
  /** Of a causal language model: each place is to say the label of the next. */
  readonly shiftLabels: boolean;
  /** What the sum is divided by; undefined: the labels of the batch that count. */
  readonly numItemsInBatch: number | undefined;
}

/** (1 - e) * mean(-log p[label]) + e * mean over the classes of -log p, as transformers' LabelSmoother. */
export class LabelSmoother {
  readonly epsilon: number;

  constructor(epsilon: number) {
    this.epsilon = epsilon;
  }

  /** Logits [..., C], labels [...] or [..., 1]. */
  loss({ logits }: TrainerOutput, given: Tensor, { shiftLabels, numItemsInBatch }: SmoothingOptions): Tensor {
    const labels = given.rank === logits.rank ? given.squeeze(-1) : given;
    const targets = shiftLabels ? shifted(labels) : labels;
    const reduction = numItemsInBatch === undefined ? "mean" : "sum";
    const loss = crossEntropy(logits, targets, { reduction, labelSmoothing: this.epsilon, ignoreIndex: ignoredLabel });
    return numItemsInBatch === undefined ? loss : loss.div(numItemsInBatch);
  }
}

/** The labels move, not the logits, of which a copy would be as large as they are. */
function shifted(labels: Tensor): Tensor {
  const last = full([labels.size(0), 1], ignoredLabel, { dtype: labels.dtype }) as Tensor;
  return cat([labels.at(":", "1:"), last], 1);
}
