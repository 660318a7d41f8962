// The training loop of the book's chapter 13: sums of losses, accuracies, examples per second, a chart.
import type { Accelerator } from "../accelerator/index.js";
import { ArgumentError } from "../errors.js";
import type { Optimizer } from "../optim/index.js";
import { pythonFixed } from "../python-numbers.js";
import type { Device } from "../runtime/device.js";
import type { Tensor } from "../tensor/index.js";
import { type Batches, evaluateAccuracy, type Net, rightOnes, sumOf } from "./accuracy.js";
import { Animator } from "./animator.js";
import { deviceText, tryAllGpus } from "./devices.js";
import { Accumulator, Timer } from "./measures.js";

/** One loss per example ([batch]); a single one is taken as their sum. */
export type Loss = (predicted: Tensor, y: Tensor) => Tensor;

export interface BatchOptions {
  /** Its workers train one model: their losses are added up. */
  readonly accelerator?: Accelerator | undefined;
}
export interface TrainOptions extends BatchOptions {
  readonly numEpochs: number;
  /** What is printed at the end; the Accelerator's unless told. */
  readonly devices?: readonly Device[];
  /** Gets the train loss, train accuracy and test accuracy; one of its own unless given. */
  readonly animator?: Animator;
}
/** Sums over a batch, of all workers. */
export interface BatchSums {
  readonly loss: number;
  readonly correct: number;
  readonly examples: number;
  readonly labels: number;
}
export interface TrainResult {
  /** Per example, in the last epoch. */
  readonly loss: number;
  readonly trainAcc: number;
  readonly testAcc: number;
  readonly examplesPerSecond: number;
}

/**
 * One step on a batch: the gradient is that of the sum of the losses, over the batches of all workers.
 *
 * @example
 * const { loss, examples } = await trainBatchCh13(net, x, y, (predicted, y) => crossEntropy(predicted, y, { reduction: "none" }), trainer);
 */
export async function trainBatchCh13<X>(net: Net<X>, x: X, y: Tensor, loss: Loss, trainer: Optimizer, { accelerator }: BatchOptions = {}): Promise<BatchSums> {
  net.train();
  trainer.zeroGrad();
  const predicted = net(x);
  const losses = loss(predicted, y);
  // Brought out by the same run: nothing else is made of them.
  const own = [losses.rank === 0 ? losses.detach().unsqueeze(0) : losses.detach(), rightOnes(predicted, y)] as const;
  const total = losses.sum();
  // An Accelerator takes the mean over its workers.
  await (accelerator ? accelerator.backward(total.mul(accelerator.numProcesses)) : total.backward());
  await trainer.step();
  const [allLosses, right] = accelerator ? await accelerator.gatherForMetrics(own) : own;
  const values = (await right.data()) as Float32Array;
  return { loss: sumOf((await allLosses.data()) as Float32Array), correct: sumOf(values), examples: right.shape[0]!, labels: values.length };
}

/** Every so many batches there is a point: five times in an epoch, at each batch of one that has fewer. */
const pointsOf = (batches: number): number => Math.max(1, Math.floor(batches / 5));

/**
 * Trains and evaluates for some epochs, prints the last one's loss and accuracies and the examples per second (loading and evaluation not counted). Adam made before a lazy layer knows its size is fine.
 * With an Accelerator everything is prepared, counted over all workers, and printed by the first.
 *
 * @throws ArgumentError when there is nothing to train on
 * @example
 * const loss = (predicted: Tensor, y: Tensor) => crossEntropy(predicted, y, { reduction: "none" });
 * await trainCh13(net, trainIter, testIter, loss, new Adam(net.parameters(), { lr: 1e-4 }), { numEpochs: 5 });
 * // loss 0.520, train acc 0.791, test acc 0.786
 */
export async function trainCh13<X>(
  net: Net<X>,
  trainIter: Batches<X>,
  testIter: Batches<X>,
  loss: Loss,
  trainer: Optimizer,
  options: TrainOptions,
): Promise<TrainResult> {
  const { numEpochs, accelerator } = options;
  if (!Number.isSafeInteger(numEpochs) || numEpochs < 1)
    throw new ArgumentError(`trainCh13: numEpochs is ${numEpochs}`, { hint: "give a whole number from 1 up" });
  if (accelerator) await accelerator.prepare(net, trainer, trainIter, testIter);
  const numBatches = trainIter.length;
  if (numBatches === 0)
    throw new ArgumentError("trainCh13: there is no batch to train on", {
      code: "ERR_NO_BATCHES",
      hint: "the data set is empty, or smaller than a batch with dropLast",
    });
  const speaks = accelerator?.isMainProcess ?? true;
  const legend = ["train loss", "train acc", "test acc"];
  const animator = options.animator ?? new Animator({ xlabel: "epoch", xlim: [1, numEpochs], ylim: [0, 1], legend });
  const show = (x: number, values: readonly (number | undefined)[]) => {
    if (speaks) animator.add(x, values);
  };
  const timer = new Timer();
  const metric = new Accumulator(4); // losses, correct, examples, labels
  let testAcc = Number.NaN;
  for (let epoch = 0; epoch < numEpochs; epoch++) {
    metric.reset();
    let i = 0;
    for await (const [x, y] of trainIter) {
      timer.start();
      const sums = await trainBatchCh13(net, x, y, loss, trainer, { accelerator });
      metric.add(sums.loss, sums.correct, sums.examples, sums.labels);
      timer.stop();
      i++;
      if (i % pointsOf(numBatches) === 0 || i === numBatches)
        show(i === numBatches ? epoch + 1 : epoch + i / numBatches, [metric.get(0) / metric.get(2), metric.get(1) / metric.get(3), undefined]);
    }
    testAcc = await evaluateAccuracy(net, testIter, { accelerator });
    show(epoch + 1, [undefined, undefined, testAcc]);
  }
  const result = {
    loss: metric.get(0) / metric.get(2),
    trainAcc: metric.get(1) / metric.get(3),
    testAcc,
    examplesPerSecond: (metric.get(2) * numEpochs) / timer.sum(),
  };
  const devices = (options.devices ?? (accelerator ? await accelerator.gatherObject([deviceOf(accelerator.device)]) : tryAllGpus())).map(deviceText);
  if (speaks) {
    console.log(`loss ${pythonFixed(result.loss, 3)}, train acc ${pythonFixed(result.trainAcc, 3)}, test acc ${pythonFixed(result.testAcc, 3)}`);
    console.log(`${pythonFixed(result.examplesPerSecond, 1)} examples/sec on [${devices.join(", ")}]`);
  }
  return result;
}

/** What of a device travels between workers. */
const deviceOf = ({ type, index }: Device): { readonly type: string; readonly index: number } => ({ type, index });
