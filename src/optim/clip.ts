// Clipping of gradients, by their global norm or by value.
import { AccelerateError, ArgumentError } from "../errors.js";
import type { ArenaSegment, GradientNorm, Parameter, ParameterArena } from "../tensor/index.js";
import { refuseInBackward } from "./checks.js";
import { clampGradients, type GradientParts, gradientNorm, scaleGradients } from "./gradient-kernels.js";
import { normKinds } from "./kernels.js";
import { byArena, mergedRanges, type RowedSegment } from "./ranges.js";

/** Keeps the quotient finite for a zero norm, as in torch. */
const tiny = 1e-6;

/** Segments that hold a gradient, by arena. Parameters without a place have none. */
function gradients(parameters: readonly Parameter[]): Map<ParameterArena, { segment: ArenaSegment }[]> {
  const segments = parameters.map((p) => p.segment()).filter((s) => s?.hasGrad === true);
  return byArena(segments.map((segment) => ({ segment: segment! })));
}
/** Each parameter once. */
function listOf(parameters: Iterable<Parameter>): Parameter[] {
  if (typeof parameters?.[Symbol.iterator] === "function") return [...new Set(parameters)];
  throw new ArgumentError("clipping takes a list of parameters", { hint: "give model.parameters()" });
}
/** What brings the gradients of several workers together, if somebody does. */
const exchangeOf = (parameters: readonly Parameter[]) => parameters.find((p) => p.segment()?.arena.exchange)?.segment()?.arena.exchange;

/** One range per parameter: a norm adds up in chunks that begin at each parameter, so it does not depend on what lies next to it. */
const separate = (segments: readonly { segment: ArenaSegment }[]): GradientParts => ({
  ranges: Float64Array.from(segments.flatMap(({ segment }) => [segment.offset, segment.length, 0, 1])),
  segments: segments.map(rowed),
});
const merged = (segments: readonly { segment: ArenaSegment }[]): GradientParts => {
  const own = segments.map(rowed);
  return { ranges: mergedRanges(own), segments: own };
};
const rowed = ({ segment }: { readonly segment: ArenaSegment }): RowedSegment => ({ segment, row: 0, crossesGaps: true, contributors: 1 });

export interface ClipGradNormOptions {
  /** The p of the norm: 2 by default, Infinity for the largest absolute value. */
  readonly normType?: number;
  /** Throw when the norm is NaN or infinite, instead of making all gradients NaN as torch does. Default false. */
  readonly errorIfNonfinite?: boolean;
}

/**
 * Scales all gradients so that their norm, taken together, is at most maxNorm: g *= min(1, maxNorm / (norm + 1e-6)). The norm is added
 * up in double precision and does not depend on the number of threads.
 *
 * Over several workers (parameters that an Accelerator has prepared) it is the norm of their mean gradient, and a collective; inside an accumulation window nothing is done.
 *
 * @returns the norm before clipping; 0 when no parameter has a gradient, and inside an accumulation window.
 * @throws ArgumentError for a negative maxNorm or a normType that is not above 0; AccelerateError ERR_GRADIENT_NONFINITE with errorIfNonfinite.
 * @example
 * await loss.backward();
 * const norm = await clipGradNorm(model.parameters(), 1);
 * await optimizer.step();
 */
export async function clipGradNorm(parameters: Iterable<Parameter>, maxNorm: number, options: ClipGradNormOptions = {}): Promise<number> {
  const { normType = 2, errorIfNonfinite = false } = options;
  refuseInBackward("clipGradNorm");
  if (!(maxNorm >= 0)) throw new ArgumentError(`maxNorm is ${maxNorm}`, { hint: "give a number of at least 0" });
  if (!(normType > 0)) throw new ArgumentError(`normType is ${normType}`, { hint: "give a number above 0, or Infinity" });
  const own = listOf(parameters);
  const exchange = exchangeOf(own);
  const kind = normType === 2 ? "squares" : normType === 1 ? "absolutes" : normType === Number.POSITIVE_INFINITY ? "maximum" : "power";
  if (exchange && !exchange.clips) return 0;
  const parts = exchange ? [await exchange.norm(own, normKinds[kind], normType)] : await ownNorms(own, normKinds[kind], normType);
  const values = parts.map((p) => p.value);
  const sum = values.reduce((a, b) => a + b, 0);
  const norm = kind === "maximum" ? Math.max(...values) : kind === "squares" ? Math.sqrt(sum) : sum ** (1 / normType);
  if (errorIfNonfinite && !Number.isFinite(norm)) {
    const bad = parts.reduce((a, p) => a + p.nonFinite, 0);
    throw new AccelerateError("ERR_GRADIENT_NONFINITE", `the norm of the gradients is ${norm}: ${bad} of their elements are not finite`, {
      hint: "lower the learning rate, or look for a division by zero in the loss",
    });
  }
  const factor = maxNorm / (norm + tiny);
  if (!(factor >= 1)) await (exchange ? exchange.scale(own, factor) : scaleOwn(own, factor));
  return norm;
}

function ownNorms(parameters: readonly Parameter[], kind: number, exponent: number): Promise<GradientNorm[]> {
  return Promise.all([...gradients(parameters)].map(([arena, own]) => gradientNorm(arena.ownGradients(), separate(own), kind, exponent)));
}
async function scaleOwn(parameters: readonly Parameter[], factor: number): Promise<void> {
  // What is no number makes none of zeros either.
  if (!Number.isFinite(factor)) for (const own of gradients(parameters).values()) for (const { segment } of own) segment.rows?.fill();
  await Promise.all([...gradients(parameters)].map(([arena, own]) => scaleGradients(arena.ownGradients(), merged(own), factor)));
}

/**
 * Limits every element of every gradient to [-clipValue, clipValue].
 *
 * @throws ArgumentError for a clipValue that is negative or NaN.
 * @example
 * await clipGradValue(model.parameters(), 0.5);
 */
export async function clipGradValue(parameters: Iterable<Parameter>, clipValue: number): Promise<void> {
  refuseInBackward("clipGradValue");
  if (!(clipValue >= 0)) throw new ArgumentError(`clipValue is ${clipValue}`, { hint: "give a number of at least 0" });
  const own = listOf(parameters);
  const exchange = exchangeOf(own);
  if (exchange && !exchange.clips) return;
  if (exchange) return exchange.clamp(own, clipValue);
  await Promise.all([...gradients(own)].map(([arena, segments]) => clampGradients(arena.ownGradients(), merged(segments), clipValue)));
}
