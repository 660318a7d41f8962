// Convolutions over one and two spatial dims, and the transposed one.
import { checkNames, type OptionNames } from "../option-names.js";
import { ArgumentError } from "../errors.js";
import { apply, Parameter } from "../tensor/index.js";
import type { Tensor } from "../tensor/index.js";
import { type Initializer, kaimingUniform, uniform, fans } from "./init.js";
import { checkSize } from "./linear.js";
import { Module } from "./module.js";
import { bothSides, perDim, type PerDim, tuple } from "./windows.js";

export interface ConvOptions {
  /** By how much the windows move; default 1. */
  readonly stride?: PerDim;
  /** Zeros on both sides of each dim; "same" keeps the sizes (stride 1 only). Default 0. */
  readonly padding?: PerDim | "same";
  /** Distance of a kernel's elements; default 1. */
  readonly dilation?: PerDim;
  /** Channels are parted into groups, each convolved by itself; default 1. */
  readonly groups?: number;
  /** Default true. */
  readonly bias?: boolean;
  /** First values of the weight and of the bias; torch's unless told. */
  readonly weightInit?: Initializer;
  readonly biasInit?: Initializer;
}

const convOptions: OptionNames<ConvOptions> = { stride: true, padding: true, dilation: true, groups: true, bias: true, weightInit: true, biasInit: true };

/** Pads before and after each dim. */
function padsOf(who: string, options: ConvOptions, kernel: readonly number[], strides: readonly number[], dilations: readonly number[]): readonly number[] {
  const { padding = 0 } = options;
  if (padding !== "same") return bothSides(perDim(who, "padding", padding, kernel.length, 0));
  if (strides.some((s) => s !== 1)) throw new ArgumentError(`${who}: padding "same" is for stride 1`, { hint: "give the padding in numbers" });
  const totals = kernel.map((k, i) => (k - 1) * dilations[i]!);
  return [...totals.map((t) => Math.floor(t / 2)), ...totals.map((t) => Math.ceil(t / 2))];
}

/** What convolutions of all kinds share. Weights start as torch's: U(-b, b) with b = 1 / sqrt(fan in), the bias likewise. */
abstract class ConvBase extends Module {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly kernelSize: readonly number[];
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  /** Zeros before each dim, then after each. */
  readonly pads: readonly number[];
  readonly groups: number;
  readonly weight: Parameter;
  readonly bias: Parameter<1> | undefined;
  readonly padding: PerDim | "same";

  constructor(who: string, dims: number, transposed: boolean, inChannels: number, outChannels: number, kernelSize: PerDim, options: ConvOptions) {
    super();
    checkNames(who, options, transposed ? { ...convOptions, outputPadding: true } : convOptions);
    checkSize(who, "inChannels", inChannels);
    checkSize(who, "outChannels", outChannels);
    const groups = options.groups ?? 1;
    checkSize(who, "groups", groups);
    if (inChannels % groups !== 0 || outChannels % groups !== 0)
      throw new ArgumentError(`${who}: ${inChannels} and ${outChannels} channels do not divide into ${groups} groups`);
    this.inChannels = inChannels;
    this.outChannels = outChannels;
    this.groups = groups;
    this.kernelSize = perDim(who, "kernelSize", kernelSize, dims, 1);
    this.stride = perDim(who, "stride", options.stride ?? 1, dims, 1);
    this.dilation = perDim(who, "dilation", options.dilation ?? 1, dims, 1);
    this.padding = options.padding ?? 0;
    this.pads = padsOf(who, options, this.kernelSize, this.stride, this.dilation);
    const shape = transposed ? [inChannels, outChannels / groups, ...this.kernelSize] : [outChannels, inChannels / groups, ...this.kernelSize];
    this.weight = new Parameter((options.weightInit ?? ((s) => kaimingUniform(s, { a: Math.sqrt(5) })))(shape));
    const bound = 1 / Math.sqrt(fans(shape).fanIn);
    const biasInit = options.biasInit ?? ((s) => uniform(s, { low: -bound, high: bound }));
    this.bias = options.bias === false ? undefined : new Parameter(biasInit([outChannels]) as Tensor<1, "float32">);
  }

  /** What torch prints after the sizes that are always shown. */
  protected details(outputPadding?: readonly number[]): string {
    const parts = [`${this.inChannels}, ${this.outChannels}, kernel_size=${tuple(this.kernelSize)}, stride=${tuple(this.stride)}`];
    if (this.padding === "same") parts.push("padding=same");
    else if (this.pads.some((p) => p !== 0)) parts.push(`padding=${tuple(this.pads.slice(0, this.kernelSize.length))}`);
    if (this.dilation.some((d) => d !== 1)) parts.push(`dilation=${tuple(this.dilation)}`);
    if (outputPadding?.some((p) => p !== 0)) parts.push(`output_padding=${tuple(outputPadding)}`);
    if (this.groups !== 1) parts.push(`groups=${this.groups}`);
    if (!this.bias) parts.push("bias=False");
    return parts.join(", ");
  }
  override extraRepr(): string {
    return this.details();
  }

  forward(x: Tensor): Tensor {
    return apply("conv", [x, this.weight, this.bias], { strides: this.stride, dilations: this.dilation, pads: this.pads, group: this.groups });
  }
}

/**
 * Convolution over sequences: [N, inChannels, L] to [N, outChannels, L']. The weight is [outChannels, inChannels / groups, kernelSize].
 *
 * @example
 * const layer = new Conv1d(3, 8, 5, { padding: 2 });
 * const y = layer(zeros([1, 3, 20])); // [1, 8, 20]
 */
export class Conv1d extends ConvBase {
  constructor(inChannels: number, outChannels: number, kernelSize: PerDim, options: ConvOptions = {}) {
    super("Conv1d", 1, false, inChannels, outChannels, kernelSize, options);
  }
}

/**
 * Convolution over images: [N, inChannels, H, W] to [N, outChannels, H', W']. The weight is [outChannels, inChannels / groups, kernel height, width].
 *
 * @example
 * const layer = new Conv2d(3, 8, 3, { padding: 1, stride: 2 });
 * const y = layer(zeros([1, 3, 32, 32])); // [1, 8, 16, 16]
 */
export class Conv2d extends ConvBase {
  constructor(inChannels: number, outChannels: number, kernelSize: PerDim, options: ConvOptions = {}) {
    super("Conv2d", 2, false, inChannels, outChannels, kernelSize, options);
  }
}

export interface ConvTransposeOptions extends Omit<ConvOptions, "padding"> {
  /** What the convolution whose gradient this is pads; cut off here. Default 0. */
  readonly padding?: PerDim;
  /** Added to the sizes of the output, at their ends; default 0. */
  readonly outputPadding?: PerDim;
}

/**
 * The gradient of a convolution as a layer, which makes images larger: [N, inChannels, H, W] to [N, outChannels, (H - 1) stride - 2 padding + dilation (kernel - 1) + outputPadding + 1, ..].
 * The weight is [inChannels, outChannels / groups, kernel height, width].
 *
 * @example
 * const layer = new ConvTranspose2d(8, 3, 2, { stride: 2 });
 * const y = layer(zeros([1, 8, 16, 16])); // [1, 3, 32, 32]
 */
export class ConvTranspose2d extends ConvBase {
  readonly outputPadding: readonly number[];

  constructor(inChannels: number, outChannels: number, kernelSize: PerDim, options: ConvTransposeOptions = {}) {
    super("ConvTranspose2d", 2, true, inChannels, outChannels, kernelSize, options);
    this.outputPadding = perDim("ConvTranspose2d", "outputPadding", options.outputPadding ?? 0, 2, 0);
    if (this.outputPadding.some((p, i) => p >= Math.max(this.stride[i]!, this.dilation[i]!)))
      throw new ArgumentError(`ConvTranspose2d: outputPadding ${this.outputPadding.join(", ")} is not below stride or dilation`);
  }

  override extraRepr(): string {
    return this.details(this.outputPadding);
  }

  override forward(x: Tensor): Tensor {
    const attributes = { strides: this.stride, dilations: this.dilation, pads: this.pads, group: this.groups, output_padding: this.outputPadding };
    return apply("convTranspose", [x, this.weight, this.bias], attributes);
  }
}
