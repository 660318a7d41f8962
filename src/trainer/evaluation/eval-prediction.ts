// EvalPrediction: what computeMetrics is given.
import type { Tensor } from "../../tensor/index.js";

/** Tensors as a model gave them: one, several, or by name. With `evalDoConcatBatches: false` a list with an entry for each batch. */
export type Predictions = Tensor | readonly Predictions[] | { readonly [name: string]: Predictions };

/** What an EvalPrediction holds beside predictions and labels, where `includeForMetrics` asks for it. */
export interface EvalExtras {
  readonly inputs?: Predictions | undefined;
  readonly losses?: Predictions | undefined;
}

/**
 * Predictions and labels of an evaluation, rows in the order of the dataset: by name, or as a pair. Classifiers of sequences give [rows, classes] and [rows]; for other models say which kinds of tensors
 * they are: `EvalPrediction<Tensor<3>, Tensor<2, "int64">>`. Where batches differ in their second size, shorter ones are filled up with -100.
 *
 * @example
 * const computeMetrics = async ([logits, labels]: EvalPrediction) => {
 *   const metric = loadMetric("accuracy");
 *   await metric.addBatch({ predictions: logits.argmax(-1), references: labels });
 *   return metric.compute();
 * };
 */
export class EvalPrediction<out P = Tensor<2, "float32">, out L = Tensor<1, "int64">> implements Iterable<unknown>, EvalExtras {
  /** What the model gave beside the loss; of one output the tensor itself. */
  readonly predictions: P;
  readonly labelIds: L;
  /** With "inputs" in `includeForMetrics`: the batches' input_ids. */
  readonly inputs: Predictions | undefined;
  /** With "loss" in `includeForMetrics`: for each row the mean loss of its batch. */
  readonly losses: Predictions | undefined;
  declare readonly 0: P;
  declare readonly 1: L;

  constructor(predictions: P, labelIds: L, { inputs, losses }: EvalExtras = {}) {
    this.predictions = predictions;
    this.labelIds = labelIds;
    this.inputs = inputs;
    this.losses = losses;
    this.#elements().forEach((value, i) => {
      Object.defineProperty(this, i, { value, enumerable: false });
    });
  }
  #elements(): unknown[] {
    const { inputs, losses } = this;
    return [this.predictions, this.labelIds, ...[inputs, losses].filter((extra) => extra !== undefined)];
  }
  [Symbol.iterator](): IterableIterator<unknown> {
    return this.#elements()[Symbol.iterator]();
  }
}
