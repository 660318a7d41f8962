// How many predictions are right: of a batch, and of all batches of a loader, over all workers.
import type { Accelerator } from "../accelerator/index.js";
import type { DataLoader } from "../data/index.js";
import type { ModuleBase } from "../nn/index.js";
import type { Tensor } from "../tensor/index.js";

/** A model of one input. */
export type Net<X> = ModuleBase & ((x: X) => Tensor);
/** Batches of an input and its labels. */
export type Batches<X> = DataLoader<[X, Tensor]>;

/** 1 where the prediction is the label, else 0, in the labels' shape. Scores [..., C] predict their largest class, whole numbers themselves. */
export function rightOnes(predicted: Tensor, y: Tensor): Tensor<number, "float32"> {
  const classes = predicted.rank > y.rank ? predicted.argmax(-1) : predicted.to(y.dtype);
  return classes.eq(y).to("float32");
}

export const sumOf = (values: ArrayLike<number>): number => Array.prototype.reduce.call(values, (a, b) => (a as number) + (b as number), 0) as number;

/**
 * How many predictions are right.
 *
 * @example
 * await accuracy(tensor([[0.1, 0.9], [0.8, 0.2]]), tensor([1, 1], { dtype: "int64" })); // 1
 */
export async function accuracy(predicted: Tensor, y: Tensor): Promise<number> {
  return sumOf(await rightOnes(predicted, y).data());
}

export interface EvaluateOptions {
  /** Counts the rows of all workers, each once; the loader must be prepared. */
  readonly accelerator?: Accelerator | undefined;
}

/**
 * The share of right predictions over a data set. Leaves the model in evaluation mode.
 *
 * @example
 * console.log(await evaluateAccuracy(net, testIter));
 */
export async function evaluateAccuracy<X>(net: Net<X>, dataIter: Batches<X>, { accelerator }: EvaluateOptions = {}): Promise<number> {
  net.eval();
  let [right, all] = [0, 0];
  for await (const [x, y] of dataIter) {
    const own = rightOnes(net(x), y);
    const values = await (accelerator ? await accelerator.gatherForMetrics(own) : own).data();
    right += sumOf(values);
    all += values.length;
  }
  return right / all;
}
/** The book's name for a model on a GPU. */
export const evaluateAccuracyGpu: typeof evaluateAccuracy = evaluateAccuracy;
