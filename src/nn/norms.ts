// Normalizations that need no statistics of the batch: over groups of channels, over each channel of each image, by the root mean square.
import { checkNames, type OptionNames } from "../option-names.js";
import { ArgumentError, ShapeError } from "../errors.js";
import { apply, Parameter } from "../tensor/index.js";
import type { Tensor } from "../tensor/index.js";
import { ones, zeros } from "./init.js";
import { checkSize } from "./linear.js";
import { Module } from "./module.js";
import { pythonBool, pythonFloat } from "./module-repr.js";

export interface ChannelNormOptions {
  /** Added to the variance; default 1e-5. */
  readonly epsilon?: number;
  /** Scale and shift per channel; default true for groups, false for instances, as in torch. */
  readonly affine?: boolean;
}
const channelNormOptions: OptionNames<ChannelNormOptions> = { epsilon: true, affine: true };
const vector = (x: Tensor): Parameter<1> => new Parameter(x as Tensor<1, "float32">);

/**
 * Normalizes [N, C, ..] over groups of channels and all dims after them: https://arxiv.org/abs/1803.08494.
 *
 * @example
 * const norm = new GroupNorm(4, 32);
 * const y = norm(zeros([2, 32, 8, 8]));
 */
export class GroupNorm extends Module {
  readonly numGroups: number;
  readonly numChannels: number;
  readonly epsilon: number;
  readonly weight: Parameter<1> | undefined;
  readonly bias: Parameter<1> | undefined;

  constructor(numGroups: number, numChannels: number, options: ChannelNormOptions = {}) {
    super();
    checkNames("GroupNorm", options, channelNormOptions);
    checkSize("GroupNorm", "numGroups", numGroups);
    checkSize("GroupNorm", "numChannels", numChannels);
    if (numChannels % numGroups !== 0) throw new ArgumentError(`GroupNorm: ${numChannels} channels do not divide into ${numGroups} groups`);
    this.numGroups = numGroups;
    this.numChannels = numChannels;
    this.epsilon = options.epsilon ?? 1e-5;
    const affine = options.affine ?? true;
    this.weight = affine ? vector(ones([numChannels])) : undefined;
    this.bias = affine ? vector(zeros([numChannels])) : undefined;
  }
  override extraRepr(): string {
    return `${this.numGroups}, ${this.numChannels}, eps=${pythonFloat(this.epsilon)}, affine=${pythonBool(this.weight !== undefined)}, bias=${pythonBool(this.bias !== undefined)}`;
  }
  forward(x: Tensor): Tensor {
    const scale = this.weight ?? ones([this.numChannels]);
    const shift = this.bias ?? zeros([this.numChannels]);
    return apply("groupNorm", [x, scale, shift], { epsilon: this.epsilon, groups: this.numGroups });
  }
}

/**
 * Normalizes each channel of each image [N, C, H, W] by itself: https://arxiv.org/abs/1607.08022.
 *
 * @example
 * const norm = new InstanceNorm2d(8, { affine: true });
 * const y = norm(zeros([2, 8, 16, 16]));
 */
export class InstanceNorm2d extends Module {
  readonly numFeatures: number;
  readonly epsilon: number;
  readonly weight: Parameter<1> | undefined;
  readonly bias: Parameter<1> | undefined;

  constructor(numFeatures: number, options: ChannelNormOptions = {}) {
    super();
    checkNames("InstanceNorm2d", options, channelNormOptions);
    checkSize("InstanceNorm2d", "numFeatures", numFeatures);
    this.numFeatures = numFeatures;
    this.epsilon = options.epsilon ?? 1e-5;
    const affine = options.affine ?? false;
    this.weight = affine ? vector(ones([numFeatures])) : undefined;
    this.bias = affine ? vector(zeros([numFeatures])) : undefined;
  }
  override extraRepr(): string {
    return `${this.numFeatures}, eps=${pythonFloat(this.epsilon)}, momentum=0.1, affine=${pythonBool(this.weight !== undefined)}, bias=${pythonBool(this.bias !== undefined)}, track_running_stats=False`;
  }
  forward(x: Tensor): Tensor {
    if (x.rank !== 4) throw new ShapeError(`InstanceNorm2d takes [N, C, H, W], not ${x.rank} dims`);
    const scale = this.weight ?? ones([this.numFeatures]);
    const shift = this.bias ?? zeros([this.numFeatures]);
    return apply("instanceNorm", [x, scale, shift], { epsilon: this.epsilon });
  }
}

export interface RMSNormOptions {
  /** Added to the mean square; default that of float32, 1.1920929e-7, as in torch. */
  readonly epsilon?: number;
}

const rmsNormOptions: OptionNames<RMSNormOptions> = { epsilon: true };

/**
 * x / sqrt(mean(x^2) + epsilon) * weight over the last dim: https://arxiv.org/abs/1910.07467.
 *
 * @example
 * const norm = new RMSNorm(2);
 * await norm(tensor([[3, 4]])).toArray(); // [[0.849, 1.131]]
 */
export class RMSNorm extends Module {
  readonly epsilon: number | undefined;
  readonly weight: Parameter<1>;

  constructor(size: number, options: RMSNormOptions = {}) {
    super();
    checkNames("RMSNorm", options, rmsNormOptions);
    checkSize("RMSNorm", "size", size);
    this.epsilon = options.epsilon;
    this.weight = vector(ones([size]));
  }
  override extraRepr(): string {
    return `(${this.weight.shape[0]},), eps=${this.epsilon === undefined ? "None" : pythonFloat(this.epsilon)}, elementwise_affine=True`;
  }
  forward(x: Tensor): Tensor {
    const square = x.mul(x).mean(-1, { keepDim: true } as const) as Tensor;
    return x.div(square.add(this.epsilon ?? 2 ** -23).sqrt()).mul(this.weight);
  }
}
