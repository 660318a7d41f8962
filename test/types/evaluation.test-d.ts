// What the type checker must know of evaluations, and what it must refuse. Compiles as it is; never run.
import { datasetDict, Dataset, loadMetric, type Tensor } from "accelerate-ts";
import type { BertForTokenClassification } from "accelerate-ts/models";
import { EvalPrediction, type Metrics, type Predictions, Trainer, type TrainerOptions } from "accelerate-ts/trainer";

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
declare function same<A, B>(ok: Equal<A, B>): void;
declare const model: BertForTokenClassification;
declare const logits: Tensor<2, "float32">;

/** Sequences: [rows, classes] and [rows], said by nobody. */
export const plain = new Trainer({
  model,
  computeMetrics: async ({ predictions, labelIds }) => {
    same<typeof predictions, Tensor<2, "float32">>(true);
    same<typeof labelIds, Tensor<1, "int64">>(true);
    return { classes: predictions.shape[1]! };
  },
});
/** As seed 002 takes it apart. */
export const apart = new Trainer({
  model,
  computeMetrics: async ([predictions, labels]) => {
    const metric = loadMetric("glue", "mrpc");
    await metric.addBatch({ predictions: predictions.argmax(-1), references: labels });
    return metric.compute();
  },
});
/** Tokens. */
export const tokens = new Trainer({
  model,
  computeMetrics: ([scores, tags]: EvalPrediction<Tensor<3>, Tensor<2, "int64">>) => {
    same<typeof tags, Tensor<2, "int64">>(true);
    return { rows: scores.argmax(-1).shape[0]! };
  },
});
/** Several outputs. */
export const several = new Trainer({
  model,
  computeMetrics: ({ predictions: [a, b], losses }: EvalPrediction<readonly [Tensor<2>, Tensor<3>]>): Metrics => {
    same<typeof losses, Predictions | undefined>(true);
    return { a: a.rank, b: b.rank };
  },
});
// @ts-expect-error: metrics have names
export const unnamed = new Trainer({ model, computeMetrics: () => 3 });

const sets = datasetDict([["matched", Dataset.fromRows([{ x: 1 }])]]);
export const bySplit: TrainerOptions = { model, evalDataset: sets };
export const byName: TrainerOptions = { model, evalDataset: { matched: [{ x: 1 }], mismatched: sets.matched } };

const { predictions: own } = new EvalPrediction(logits, logits);
same<typeof own, Tensor<2, "float32">>(true);
export const predicted = plain.predict(sets.matched).then(({ predictions }) => same<typeof predictions, Tensor<2, "float32">>(true));
