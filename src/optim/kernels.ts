// The typed face of the addon's optimizer kernels (src/native/optimizer_binding.cc), and the order of their constants.
import type { Engine } from "../runtime/engine.js";
import type { GradientSources } from "../tensor/index.js";

/** Names of the constants of one row, in the order of `AdamConstants` in src/native/kernels/optimizer.h. */
export const adamFields = ["gradScale", "l2", "oneMinusBeta1", "beta2", "oneMinusBeta2", "decayBefore", "stepSize", "rootScale", "eps", "decayAfter"] as const;
/** Names of the constants of one row, in the order of `SgdConstants`. */
export const sgdFields = ["gradScale", "l2", "momentum", "oneMinusDampening", "lr", "gFactor", "bFactor"] as const;

export type AdamConstants = Readonly<Record<(typeof adamFields)[number], number>>;
export type SgdConstants = Readonly<Record<(typeof sgdFields)[number], number>>;

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
  /** out = factor * (sum over the contributors, in the order of the arrays); zero where there are none. */
  sum(out: Float32Array, sources: GradientSources, ranges: Float64Array): Promise<void>;
  norm(data: Float32Array, ranges: Float64Array, kind: number, exponent: number): Promise<{ readonly value: number; readonly nonFinite: number }>;
  scale(data: Float32Array, ranges: Float64Array, factor: number): Promise<void>;
  clamp(data: Float32Array, ranges: Float64Array, limit: number): Promise<void>;
}

/** The kernels of an engine's addon. */
export function kernelsOf(engine: Engine): OptimizerKernels {
  return (engine.native as unknown as { readonly optimizerKernels: OptimizerKernels }).optimizerKernels;
}
