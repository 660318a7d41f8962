// Pools over images.
import { checkNames, type OptionNames } from "../option-names.js";
import { apply } from "../tensor/index.js";
import type { Tensor } from "../tensor/index.js";
import { ArgumentError } from "../errors.js";
import { Module } from "./module.js";
import { pythonBool } from "./module-repr.js";
import { bothSides, perDim, type PerDim, tuple } from "./windows.js";

export interface PoolOptions {
  /** By how much the windows move; default: the kernel's size. */
  readonly stride?: PerDim;
  /** Elements on both sides of each dim, at most half a kernel; default 0. */
  readonly padding?: PerDim;
  /** Sizes are rounded up, not down, where windows leave a rest. Default false. */
  readonly ceilMode?: boolean;
}
export interface MaxPoolOptions extends PoolOptions {
  readonly dilation?: PerDim;
}
export interface AvgPoolOptions extends PoolOptions {
  /** Pads count as zeros (default), or are left out of the averages. */
  readonly countIncludePad?: boolean;
}

const poolOptions: OptionNames<PoolOptions> = { stride: true, padding: true, ceilMode: true };
const maxPoolOptions: OptionNames<MaxPoolOptions> = { ...poolOptions, dilation: true };
const avgPoolOptions: OptionNames<AvgPoolOptions> = { ...poolOptions, countIncludePad: true };

abstract class PoolBase extends Module {
  readonly kernelSize: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  readonly ceilMode: boolean;

  constructor(who: string, kernelSize: PerDim, options: PoolOptions) {
    super();
    this.kernelSize = perDim(who, "kernelSize", kernelSize, 2, 1);
    this.stride = perDim(who, "stride", options.stride ?? this.kernelSize, 2, 1);
    this.padding = perDim(who, "padding", options.padding ?? 0, 2, 0);
    this.ceilMode = options.ceilMode ?? false;
    if (this.padding.some((p, i) => p > this.kernelSize[i]! / 2))
      throw new ArgumentError(`${who}: padding ${this.padding.join(", ")} is more than half of the kernel ${this.kernelSize.join(", ")}`);
  }
  protected attributes(): { kernel_shape: readonly number[]; strides: readonly number[]; pads: readonly number[]; ceil_mode: boolean } {
    return { kernel_shape: this.kernelSize, strides: this.stride, pads: bothSides(this.padding), ceil_mode: this.ceilMode };
  }
}

/**
 * The largest element of each window: [N, C, H, W] to [N, C, H', W'].
 *
 * @example
 * const y = new MaxPool2d(2)(zeros([1, 8, 28, 28])); // [1, 8, 14, 14]
 */
export class MaxPool2d extends PoolBase {
  readonly dilation: readonly number[];

  constructor(kernelSize: PerDim, options: MaxPoolOptions = {}) {
    checkNames("MaxPool2d", options, maxPoolOptions);
    super("MaxPool2d", kernelSize, options);
    this.dilation = perDim("MaxPool2d", "dilation", options.dilation ?? 1, 2, 1);
  }
  override extraRepr(): string {
    const { kernelSize, stride, padding, dilation } = this;
    return `kernel_size=${tuple(kernelSize, true)}, stride=${tuple(stride, true)}, padding=${tuple(padding, true)}, dilation=${tuple(dilation, true)}, ceil_mode=${pythonBool(this.ceilMode)}`;
  }
  forward(x: Tensor): Tensor {
    return apply("maxPool", [x], { ...this.attributes(), dilations: this.dilation });
  }
}

/**
 * The mean of each window: [N, C, H, W] to [N, C, H', W'].
 *
 * @example
 * const y = new AvgPool2d(2)(zeros([1, 8, 28, 28])); // [1, 8, 14, 14]
 */
export class AvgPool2d extends PoolBase {
  readonly countIncludePad: boolean;

  constructor(kernelSize: PerDim, options: AvgPoolOptions = {}) {
    checkNames("AvgPool2d", options, avgPoolOptions);
    super("AvgPool2d", kernelSize, options);
    this.countIncludePad = options.countIncludePad ?? true;
  }
  override extraRepr(): string {
    return `kernel_size=${tuple(this.kernelSize, true)}, stride=${tuple(this.stride, true)}, padding=${tuple(this.padding, true)}`;
  }
  forward(x: Tensor): Tensor {
    return apply("avgPool", [x], { ...this.attributes(), count_include_pad: this.countIncludePad });
  }
}

/**
 * Averages over as many parts of an image as are asked for, whatever its size: [N, C, H, W] to [N, C, height, width].
 *
 * @example
 * const y = new AdaptiveAvgPool2d(1)(zeros([1, 8, 7, 7])); // [1, 8, 1, 1]
 */
export class AdaptiveAvgPool2d extends Module {
  readonly outputSize: readonly number[];

  constructor(outputSize: PerDim) {
    super();
    this.outputSize = perDim("AdaptiveAvgPool2d", "outputSize", outputSize, 2, 1);
  }
  override extraRepr(): string {
    return `output_size=${tuple(this.outputSize, true)}`;
  }
  forward(x: Tensor): Tensor {
    return apply("adaptiveAvgPool", [x], { sizes: this.outputSize });
  }
}
