// EvalPrediction: what computeMetrics is given.
import type { Tensor } from "../../tensor/index.js";

/** Tensors as a model gave them: one, several, or by name. With `evalDoConcatBatches: false` a list with an entry for each batch. */
export type Predictions = Tensor | readonly Predictions[] | { readonly [name: string]: Predictions };

/** What an EvalPrediction holds beside predictions and labels, where `includeForMetrics` asks for it. */
export interface EvalExtras {
  readonly inputs?: Predictions | undefined;
  readonly losses?: Predictions | undefined;
}

interface Named<P, L> extends EvalExtras {
  /** What the model gave beside the loss; of one output the tensor itself. */
  readonly predictions: P;
  readonly labelIds: L;
  /** With "inputs" in `includeForMetrics`: the batches' input_ids. */
  readonly inputs: Predictions | undefined;
  /** With "loss" in `includeForMetrics`: for each row the mean loss of its batch. */
  readonly losses: Predictions | undefined;
}

/** A list, so that it is taken apart by place; inputs and losses are behind the pair where they are asked for. */
class Evaluated extends Array<unknown> implements Named<unknown, unknown> {
  static override get [Symbol.species]() {
    return Array;
  }
  readonly predictions: unknown;
  readonly labelIds: unknown;
  readonly inputs: Predictions | undefined;
  readonly losses: Predictions | undefined;

  constructor(predictions: unknown, labelIds: unknown, { inputs, losses }: EvalExtras = {}) {
    super();
    this.predictions = predictions;
    this.labelIds = labelIds;
    this.inputs = inputs;
    this.losses = losses;
    this.push(predictions, labelIds, ...[inputs, losses].filter((extra) => extra !== undefined));
  }
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
export type EvalPrediction<P = Tensor<2, "float32">, L = Tensor<1, "int64">> = readonly [predictions: P, labelIds: L, ...more: Predictions[]] & Named<P, L>;
export const EvalPrediction: {
  new <P, L>(predictions: P, labelIds: L, extras?: EvalExtras): EvalPrediction<P, L>;
  readonly prototype: EvalPrediction<unknown, unknown>;
} = Evaluated as never;
