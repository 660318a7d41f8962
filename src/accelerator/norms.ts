// Parts of a norm: how they add up, and what a common factor of the numbers does to them.
import { normKinds } from "../optim/index.js";
import type { GradientNorm } from "../tensor/index.js";

/** Parts in a fixed order, so that every worker gets the same bits. */
export function combineNorms(parts: readonly GradientNorm[], kind: number): GradientNorm {
  const nonFinite = parts.reduce((sum, p) => sum + p.nonFinite, 0);
  // Math.max gives NaN where one is NaN.
  const value = kind === normKinds.maximum ? Math.max(0, ...parts.map((p) => p.value)) : parts.reduce((sum, p) => sum + p.value, 0);
  return { value, nonFinite };
}

/** The part for numbers that are `factor` times as large; factor >= 0. */
export function scaleNorm({ value, nonFinite }: GradientNorm, kind: number, exponent: number, factor: number): GradientNorm {
  const power = kind === normKinds.squares ? 2 : kind === normKinds.power ? exponent : 1;
  return { value: factor === 1 ? value : value * factor ** power, nonFinite };
}
