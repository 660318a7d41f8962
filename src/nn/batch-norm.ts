// Batch normalization: by the statistics of the batch in training, by running ones in evaluation.
import { checkNames, type OptionNames } from "../option-names.js";
import { ArgumentError, ShapeError } from "../errors.js";
import { apply, Parameter, tensor, updateBuffer, zeros as zerosOf } from "../tensor/index.js";
import type { Tensor } from "../tensor/index.js";
import { ones, zeros } from "./init.js";
import { checkSize } from "./linear.js";
import { Module } from "./module.js";
import { pythonBool, pythonFloat } from "./module-repr.js";
import { sizesInCall } from "./sizes.js";

export interface BatchNormOptions {
  /** Added to the variance; default 1e-5. */
  readonly epsilon?: number;
  /** Share of the batch in the running statistics; null: the average over all batches. Default 0.1. */
  readonly momentum?: number | null;
  /** Scale and shift per channel; default true. */
  readonly affine?: boolean;
  /** Keeps running statistics, and normalizes by them in evaluation; default true. */
  readonly trackRunningStats?: boolean;
}
const optionNames: OptionNames<BatchNormOptions> = { epsilon: true, momentum: true, affine: true, trackRunningStats: true };

/** x [N, C, ..] normalized by the mean and the biased variance [C] of the batch, scaled and shifted by vectors [C]. */
export function batchStatisticsNorm(
  x: Tensor,
  weight: Tensor | undefined,
  bias: Tensor | undefined,
  epsilon: number,
): { readonly y: Tensor; readonly mean: Tensor; readonly variance: Tensor } {
  const mean = apply("channelMean", [x]);
  const centred = x.sub(mean);
  const variance = apply("channelMean", [centred.mul(centred)]);
  const deviation = variance.add(epsilon).sqrt();
  const scaled = weight ? centred.mul(apply("perChannel", [weight, x]).div(deviation)) : centred.div(deviation);
  return { y: bias ? scaled.add(apply("perChannel", [bias, x])) : scaled, mean: mean.reshape([-1]), variance: variance.reshape([-1]) };
}
/** Moves a running statistic towards that of the batch by a share from 0 to 1. */
export function moveStatistics(running: Tensor, batch: Tensor, share: number | Tensor): void {
  const moved = typeof share === "number" ? running.mul(1 - share).add(batch.mul(share)) : running.add(batch.sub(running).mul(share));
  updateBuffer(running, moved);
}

/**
 * In training every channel is normalized by its mean and biased variance over the batch, and the running statistics move towards the mean and
 * the unbiased variance; in evaluation these are used. They move once per call of the model whose outputs are computed, and each worker
 * keeps its own until they are brought together, see `Accelerator`.
 */
abstract class BatchNormBase extends Module {
  readonly numFeatures: number;
  readonly epsilon: number;
  readonly momentum: number | null;
  readonly weight: Parameter<1> | undefined;
  readonly bias: Parameter<1> | undefined;
  /** Buffers `running_mean`, `running_var`, `num_batches_tracked`, as torch names them. */
  readonly runningMean: Tensor<1, "float32"> | undefined;
  readonly runningVar: Tensor<1, "float32"> | undefined;
  readonly numBatchesTracked: Tensor<0, "int64"> | undefined;

  constructor(who: string, numFeatures: number, options: BatchNormOptions) {
    super();
    checkNames(who, options, optionNames);
    checkSize(who, "numFeatures", numFeatures);
    const { momentum = 0.1 } = options;
    if (momentum !== null && !(momentum >= 0 && momentum <= 1)) throw new ArgumentError(`${who}: momentum is a number from 0 to 1 or null, not ${momentum}`);
    this.numFeatures = numFeatures;
    this.epsilon = options.epsilon ?? 1e-5;
    this.momentum = momentum;
    const affine = options.affine ?? true;
    this.weight = affine ? new Parameter(ones([numFeatures]) as Tensor<1, "float32">) : undefined;
    this.bias = affine ? new Parameter(zeros([numFeatures]) as Tensor<1, "float32">) : undefined;
    const tracked = options.trackRunningStats ?? true;
    const buffer = <T extends Tensor>(name: string, first: Tensor): T | undefined =>
      tracked ? this.registerBuffer(name, first as T, { updated: true }) : undefined;
    this.runningMean = buffer("running_mean", zeros([numFeatures]));
    this.runningVar = buffer("running_var", ones([numFeatures]));
    this.numBatchesTracked = buffer("num_batches_tracked", zerosOf([], { dtype: "int64" }));
  }

  protected abstract checkRank(rank: number): void;

  override extraRepr(): string {
    const { numFeatures, epsilon, momentum, weight, runningMean } = this;
    return `${numFeatures}, eps=${pythonFloat(epsilon)}, momentum=${momentum === null ? "None" : pythonFloat(momentum)}, affine=${pythonBool(weight !== undefined)}, bias=${pythonBool(weight !== undefined)}, track_running_stats=${pythonBool(runningMean !== undefined)}`;
  }

  forward(x: Tensor): Tensor {
    this.checkRank(x.rank);
    const { runningMean, runningVar, numBatchesTracked, epsilon, momentum, training } = this;
    if (!training && runningMean && runningVar) {
      const weight = this.weight ?? (ones([this.numFeatures]) as Tensor);
      const bias = this.bias ?? (zeros([this.numFeatures]) as Tensor);
      return apply("batchNorm", [x, weight, bias, runningMean, runningVar], { epsilon });
    }
    const sizes = sizesInCall(x);
    if (training && sizes.every((d) => d !== undefined) && sizes.every((d, i) => i === 1 || d === 1))
      throw new ShapeError(`${this.constructor.name}: in training, more than one value per channel is needed; the input is [${sizes.join(", ")}]`, {
        hint: "use larger batches, or drop a last batch of one",
      });
    const { y, mean, variance } = batchStatisticsNorm(x, this.weight, this.bias, epsilon);
    if (!training || !runningMean || !runningVar || !numBatchesTracked) return y;
    const batches = numBatchesTracked.add(1);
    updateBuffer(numBatchesTracked, batches);
    // The average over n batches moves by a share of 1 / n.
    const share = momentum ?? tensor(1).div(batches.to("float32"));
    moveStatistics(runningMean, mean, share);
    moveStatistics(runningVar, apply("unbiased", [variance, x]), share);
    return y;
  }
}

/**
 * Batch normalization of rows [N, C] or sequences [N, C, L].
 *
 * @example
 * const layers = new Sequential(new Linear(4, 8), new BatchNorm1d(8), new ReLU());
 */
export class BatchNorm1d extends BatchNormBase {
  constructor(numFeatures: number, options: BatchNormOptions = {}) {
    super("BatchNorm1d", numFeatures, options);
  }
  protected override checkRank(rank: number): void {
    if (rank !== 2 && rank !== 3) throw new ShapeError(`BatchNorm1d takes [N, C] or [N, C, L], not ${rank} dims`);
  }
}

/**
 * Batch normalization of images [N, C, H, W].
 *
 * @example
 * const layers = new Sequential(new Conv2d(3, 8, 3, { bias: false }), new BatchNorm2d(8), new ReLU());
 */
export class BatchNorm2d extends BatchNormBase {
  constructor(numFeatures: number, options: BatchNormOptions = {}) {
    super("BatchNorm2d", numFeatures, options);
  }
  protected override checkRank(rank: number): void {
    if (rank !== 4) throw new ShapeError(`BatchNorm2d takes [N, C, H, W], not ${rank} dims`);
  }
}
