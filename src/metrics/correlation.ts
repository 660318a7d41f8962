// Correlations of numbers, with their p-values; the formulas of scipy.
import { incompleteBeta } from "./incomplete-beta.js";
import { checkNumbers, type Labels } from "./inputs.js";

/** Pearson's correlation; NaN when a side is constant. */
export function pearson({ predictions: x, references: y }: Labels): { pearson: number } {
  checkNumbers({ predictions: x, references: y });
  const mean = (v: readonly number[]) => v.reduce((a, b) => a + b, 0) / v.length;
  const [mx, my] = [mean(x), mean(y)];
  let [xy, xx, yy] = [0, 0, 0];
  x.forEach((v, i) => {
    const [dx, dy] = [v - mx, y[i]! - my];
    xy += dx * dy;
    xx += dx * dx;
    yy += dy * dy;
  });
  // Rounding must not lead out of -1..1.
  const r = xy / Math.sqrt(xx * yy);
  return { pearson: Number.isNaN(r) ? r : Math.min(1, Math.max(-1, r)) };
}

/** Ranks from 1; equal values share the mean of theirs. */
export function ranks(values: readonly number[]): number[] {
  const order = values.map((_, i) => i).sort((a, b) => values[a]! - values[b]!);
  const out = new Array<number>(values.length);
  for (let from = 0; from < order.length; ) {
    let to = from;
    while (to < order.length && values[order[to]!] === values[order[from]!]) to++;
    for (let k = from; k < to; k++) out[order[k]!] = (from + 1 + to) / 2;
    from = to;
  }
  return out;
}

/** Spearman's correlation: Pearson's of the ranks; NaN when a side is constant or holds NaN. */
export function spearman({ predictions, references }: Labels): { spearmanr: number } {
  checkNumbers({ predictions, references });
  // NaN has no rank.
  if (predictions.some(Number.isNaN) || references.some(Number.isNaN)) return { spearmanr: Number.NaN };
  return { spearmanr: pearson({ predictions: ranks(predictions), references: ranks(references) }).pearson };
}

/** How likely a correlation at least as strong is for n rows of independent numbers: both sides of Student's t with n - 2 degrees of freedom. */
export function correlationPValue(r: number, n: number): number {
  if (n < 3 || Number.isNaN(r)) return n === 2 && !Number.isNaN(r) ? 1 : Number.NaN;
  return incompleteBeta(1 - r * r, (n - 2) / 2, 0.5);
}

export interface CorrelationArgs extends Labels {
  /** Adds the p-value; default false. */
  readonly returnPvalue?: boolean;
}
/**
 * Pearson's correlation by the name of `evaluate`; NaN when a side is constant.
 *
 * @example
 * pearsonr({ references: [1, 2, 3], predictions: [1, 2, 4], returnPvalue: true }); // { pearsonr: 0.98..., "p-value": 0.12... }
 */
export function pearsonr(args: CorrelationArgs): { pearsonr: number; "p-value"?: number } {
  const r = pearson(args).pearson;
  return args.returnPvalue ? { pearsonr: r, "p-value": correlationPValue(r, args.predictions.length) } : { pearsonr: r };
}
/**
 * Spearman's correlation by the name of `evaluate`.
 *
 * @example
 * spearmanr({ references: [1, 2, 3, 4, 5], predictions: [5, 6, 7, 8, 7] }); // { spearmanr: 0.82... }
 */
export function spearmanr(args: CorrelationArgs): { spearmanr: number; spearmanr_pvalue?: number } {
  const r = spearman(args).spearmanr;
  return args.returnPvalue ? { spearmanr: r, spearmanr_pvalue: correlationPValue(r, args.predictions.length) } : { spearmanr: r };
}
