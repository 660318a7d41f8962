// The typed face of the addon's optimizer kernels (src/native/optimizer_binding.cc), and the order of their constants.
import type { Engine } from "../runtime/engine.js";
import type { GradientSources } from "../tensor/index.js";

/** Names of the constants of one row, in the order of `AdamConstants` in src/native/kernels/optimizer.h. */
export const adamFields = ["gradScale", "l2", "oneMinusBeta1", "beta2", "oneMinusBeta2", "decayBefore", "stepSize", "rootScale", "eps", "decayAfter"] as const;
/** Names of the constants of one row, in the order of `SgdConstants`. */
export const sgdFields = ["gradScale", "l2", "momentum", "oneMinusDampening", "lr", "gFactor", "bFactor"] as const;

/** Of `RmspropConstants`. */
export const rmspropFields = ["gradScale", "l2", "alpha", "oneMinusAlpha", "eps", "momentum", "lr"] as const;
/** Of `AdagradConstants`. */
export const adagradFields = ["gradScale", "l2", "initial", "stepSize", "eps"] as const;
/** Of `LionConstants`. */
export const lionFields = ["gradScale", "beta1", "oneMinusBeta1", "beta2", "oneMinusBeta2", "lr", "decay"] as const;
/** Of `AdafactorConstants` in src/native/kernels/adafactor.h. */
export const adafactorFields = [
  "gradScale",
  "beta2",
  "oneMinusBeta2",
  "epsSquare",
  "epsScale",
  "clipThreshold",
  "lr",
  "scales",
  "beta1",
  "oneMinusBeta1",
  "weightDecay",
] as const;

export type AdamConstants = Readonly<Record<(typeof adamFields)[number], number>>;
export type SgdConstants = Readonly<Record<(typeof sgdFields)[number], number>>;
export type RmspropConstants = Readonly<Record<(typeof rmspropFields)[number], number>>;
export type AdagradConstants = Readonly<Record<(typeof adagradFields)[number], number>>;
export type LionConstants = Readonly<Record<(typeof lionFields)[number], number>>;
export type AdafactorConstants = Readonly<Record<(typeof adafactorFields)[number], number>>;

/** Arrays of Adafactor's states: averages of rows and of columns, of squares, and where there are any the first moment (as long as the values) and the RMS of parameters. */
export interface AdafactorArrays {
  readonly rows: Float32Array;
  readonly columns: Float32Array;
  readonly squares: Float32Array;
  readonly average: Float32Array | undefined;
  readonly rms: Float32Array | undefined;
}

/** As many gradients can be added up at once: `max_sources` in src/native/kernels/optimizer.h. */
export const maxSources = 53;

export const normKinds = { squares: 0, absolutes: 1, maximum: 2, power: 3 } as const;

/**
 * Jobs on the native run thread, in the order of the calls. `ranges` holds quadruples (offset, length, row, contributors) in elements, `rows` the
 * constants of each row one after the other. Contributors say which of several gradients are added up: bit r for array r.
 */
export interface OptimizerKernels {
  adamStep(
    values: Float32Array,
    gradients: Float32Array | GradientSources,
    m: Float32Array,
    v: Float32Array,
    ranges: Float64Array,
    rows: Float64Array,
  ): Promise<void>;
  sgdStep(
    values: Float32Array,
    gradients: Float32Array | GradientSources,
    momentum: Float32Array | undefined,
    ranges: Float64Array,
    rows: Float64Array,
  ): Promise<void>;
  rmspropStep(
    values: Float32Array,
    gradients: Float32Array | GradientSources,
    squareAverage: Float32Array,
    momentum: Float32Array | undefined,
    gradientAverage: Float32Array | undefined,
    ranges: Float64Array,
    rows: Float64Array,
  ): Promise<void>;
  adagradStep(values: Float32Array, gradients: Float32Array | GradientSources, sum: Float32Array, ranges: Float64Array, rows: Float64Array): Promise<void>;
  lionStep(values: Float32Array, gradients: Float32Array | GradientSources, m: Float32Array, ranges: Float64Array, rows: Float64Array): Promise<void>;
  /** `parameters`: offset, row, contributors, matrices, rows, columns and places in the states (rows, columns, squares, rms) of each; rows is 0 for what is not factored. */
  adafactorStep(
    values: Float32Array,
    gradients: Float32Array | GradientSources,
    states: AdafactorArrays,
    parameters: Float64Array,
    rows: Float64Array,
  ): Promise<void>;
  /** out = factor * (sum over the contributors, in the order of the arrays); zero where there are none. */
  sum(out: Float32Array, sources: GradientSources, ranges: Float64Array): Promise<void>;
  /** Here and below: of one array, with what is known of its rows or without. */
  norm(
    data: Float32Array | GradientSources,
    ranges: Float64Array,
    kind: number,
    exponent: number,
  ): Promise<{ readonly value: number; readonly nonFinite: number }>;
  scale(data: Float32Array | GradientSources, ranges: Float64Array, factor: number): Promise<void>;
  clamp(data: Float32Array | GradientSources, ranges: Float64Array, limit: number): Promise<void>;
}

/** The kernels of an engine's addon. */
export function kernelsOf(engine: Engine): OptimizerKernels {
  return (engine.native as unknown as { readonly optimizerKernels: OptimizerKernels }).optimizerKernels;
}
