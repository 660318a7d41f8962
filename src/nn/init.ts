// First values of parameters, drawn from the default generator unless another is given. Formulas are torch.nn.init's.
import { ArgumentError } from "../errors.js";
import { sizeOf } from "../graph/dtype.js";
import { defaultGenerator, fromData } from "../tensor/index.js";
import type { Generator, Tensor } from "../tensor/index.js";

export interface InitOptions {
  readonly generator?: Generator;
}
type Shape = readonly number[];
type Weights = Tensor<number, "float32">;
/** Makes the first values of a parameter of a shape. */
export type Initializer = (shape: Shape) => Weights;

const make = (shape: Shape, data: Float32Array): Weights => fromData(data, shape, "float32") as Weights;
const from = (options: InitOptions): Generator => options.generator ?? defaultGenerator();

/** Inputs and outputs of a unit: of [out, in] weights the last and first dim, times the sizes of further dims. */
export function fans(shape: Shape): { readonly fanIn: number; readonly fanOut: number } {
  if (shape.length < 2) throw new ArgumentError(`fan in and fan out need a shape [out, in, ...], not [${shape}]`);
  const field = sizeOf(shape.slice(2));
  return { fanIn: shape[1]! * field, fanOut: shape[0]! * field };
}

/**
 * One number everywhere.
 *
 * @example
 * const bias = new Parameter(init.constant([4], 0.1));
 */
export function constant(shape: Shape, value: number): Weights {
  return make(shape, new Float32Array(sizeOf(shape)).fill(value));
}
/**
 * Untouched memory: nothing is written before a checkpoint or an init is.
 *
 * @example
 * const bias = new Parameter(init.zeros([4]));
 */
export const zeros = (shape: Shape): Weights => make(shape, new Float32Array(sizeOf(shape)));
/**
 * Ones.
 *
 * @example
 * const scale = new Parameter(init.ones([4]));
 */
export const ones = (shape: Shape): Weights => constant(shape, 1);

/**
 * Normally distributed.
 *
 * @example
 * const weight = new Parameter(init.normal([10, 4], { std: 0.02 }));
 */
export function normal(shape: Shape, options: InitOptions & { readonly mean?: number; readonly std?: number } = {}): Weights {
  return make(shape, from(options).normal(sizeOf(shape), options.mean ?? 0, options.std ?? 1));
}

/**
 * Evenly distributed over [low, high).
 *
 * @example
 * const weight = new Parameter(init.uniform([10, 4], { low: -0.1, high: 0.1 }));
 */
export function uniform(shape: Shape, options: InitOptions & { readonly low?: number; readonly high?: number } = {}): Weights {
  return make(shape, from(options).uniform(sizeOf(shape), options.low ?? 0, options.high ?? 1));
}

/**
 * Normally distributed, drawn again outside [low, high], which are values, not multiples of std.
 *
 * @example
 * const weight = new Parameter(init.truncNormal([10, 4], { std: 0.02 }));
 */
export function truncNormal(
  shape: Shape,
  options: InitOptions & { readonly mean?: number; readonly std?: number; readonly low?: number; readonly high?: number } = {},
): Weights {
  const { mean = 0, std = 1, low = -2, high = 2 } = options;
  // Rejection would take for ever where the interval has next to no probability.
  if (!(low < high && low < mean + 3 * std && high > mean - 3 * std))
    throw new ArgumentError(`truncNormal: [${low}, ${high}] is too far from mean ${mean} with std ${std}`);
  const generator = from(options);
  const data = new Float32Array(sizeOf(shape));
  for (let filled = 0; filled < data.length; ) {
    for (const x of generator.normal(data.length - filled, mean, std)) if (x >= low && x <= high) data[filled++] = x;
  }
  return make(shape, data);
}

/**
 * U(-b, b) with b = sqrt(6 / ((1 + a^2) fanIn)), https://arxiv.org/abs/1502.01852; a is the slope of a leaky ReLU.
 *
 * @example
 * const weight = new Parameter(init.kaimingUniform([10, 4], { a: Math.sqrt(5) }));
 */
export function kaimingUniform(shape: Shape, options: InitOptions & { readonly a?: number } = {}): Weights {
  const bound = Math.sqrt(6 / ((1 + (options.a ?? 0) ** 2) * fans(shape).fanIn));
  return uniform(shape, { ...options, low: -bound, high: bound });
}

/**
 * U(-b, b) with b = gain sqrt(6 / (fanIn + fanOut)): Glorot and Bengio 2010.
 *
 * @example
 * const weight = new Parameter(init.xavierUniform([10, 4]));
 */
export function xavierUniform(shape: Shape, options: InitOptions & { readonly gain?: number } = {}): Weights {
  const { fanIn, fanOut } = fans(shape);
  const bound = (options.gain ?? 1) * Math.sqrt(6 / (fanIn + fanOut));
  return uniform(shape, { ...options, low: -bound, high: bound });
}

/**
 * N(0, s^2) with s = gain sqrt(2 / (fanIn + fanOut)).
 *
 * @example
 * const weight = new Parameter(init.xavierNormal([10, 4]));
 */
export function xavierNormal(shape: Shape, options: InitOptions & { readonly gain?: number } = {}): Weights {
  const { fanIn, fanOut } = fans(shape);
  return normal(shape, { ...options, std: (options.gain ?? 1) * Math.sqrt(2 / (fanIn + fanOut)) });
}
