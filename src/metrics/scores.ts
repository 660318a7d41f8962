// Scores of predictions against references: the formulas of scikit-learn and scipy that `evaluate` uses.
import { ArgumentError } from "../errors.js";

export interface Labels {
  readonly predictions: readonly number[];
  readonly references: readonly number[];
}
export interface Weighted extends Labels {
  /** One weight per row. */
  readonly sampleWeight?: readonly number[];
}

/** @throws ArgumentError ERR_METRIC_INPUT when the lists differ in length or are empty. */
export function checkLabels({ predictions, references, sampleWeight }: Weighted): void {
  const fault = (message: string, hint: string) => new ArgumentError(`metric: ${message}`, { code: "ERR_METRIC_INPUT", hint });
  if (predictions.length !== references.length)
    throw fault(`${predictions.length} predictions and ${references.length} references`, "give one prediction for each reference");
  if (sampleWeight && sampleWeight.length !== references.length)
    throw fault(`${sampleWeight.length} weights for ${references.length} rows`, "give one weight for each row");
  if (predictions.length === 0) throw fault("nothing to score", "add predictions first");
}

/**
 * The part of predictions that equal their reference, rows weighted.
 *
 * @throws ArgumentError ERR_METRIC_INPUT
 * @example
 * accuracy({ predictions: [0, 1, 1], references: [0, 1, 0] }); // { accuracy: 0.6666666666666666 }
 */
export function accuracy(args: Weighted): { accuracy: number } {
  checkLabels(args);
  const { predictions, references, sampleWeight } = args;
  let [right, all] = [0, 0];
  predictions.forEach((p, i) => {
    const w = sampleWeight?.[i] ?? 1;
    all += w;
    if (p === references[i]) right += w;
  });
  return { accuracy: right / all };
}

interface Counts {
  tp: number;
  fp: number;
  fn: number;
}
function countsOf({ predictions, references, sampleWeight }: Weighted, label: number): Counts {
  const out: Counts = { tp: 0, fp: 0, fn: 0 };
  predictions.forEach((p, i) => {
    const w = sampleWeight?.[i] ?? 1;
    const r = references[i];
    if (p === label && r === label) out.tp += w;
    else if (p === label) out.fp += w;
    else if (r === label) out.fn += w;
  });
  return out;
}
/** F1 = 2 P R / (P + R), which is 2 TP / (2 TP + FP + FN); written so that the last digit is that of published results. 0 without true positives. */
function f1Of({ tp, fp, fn }: Counts): number {
  if (tp === 0) return 0;
  const [precision, recall] = [tp / (tp + fp), tp / (tp + fn)];
  return (2 * precision * recall) / (precision + recall);
}

export interface F1Args extends Weighted {
  /** binary (default) scores posLabel alone; macro is the mean over labels, weighted by support with "weighted"; micro counts over all labels. */
  readonly average?: "binary" | "macro" | "micro" | "weighted";
  /** Default 1. */
  readonly posLabel?: number;
}

/**
 * The harmonic mean of precision and recall, 2 TP / (2 TP + FP + FN).
 *
 * @throws ArgumentError ERR_METRIC_INPUT; also for "binary" over more than two labels, or over two of which none is posLabel.
 * @example
 * f1({ references: [0, 1, 0, 1, 0], predictions: [0, 0, 1, 1, 0] }); // { f1: 0.5 }
 */
export function f1(args: F1Args): { f1: number };
export function f1(args: Omit<F1Args, "average"> & { readonly average: null }): { f1: number[] };
export function f1(args: Omit<F1Args, "average"> & { readonly average?: F1Args["average"] | null }): { f1: number | number[] } {
  checkLabels(args);
  const labels = [...new Set([...args.predictions, ...args.references])].sort((a, b) => a - b);
  const { average = "binary", posLabel = 1 } = args;
  if (average === "binary") {
    if (labels.length > 2)
      throw new ArgumentError(`f1: labels are ${labels.join(", ")}, binary takes two`, {
        code: "ERR_METRIC_INPUT",
        hint: 'give average: "macro", "micro" or "weighted"',
      });
    if (labels.length === 2 && !labels.includes(posLabel))
      throw new ArgumentError(`f1: posLabel ${posLabel} is none of the labels ${labels.join(" and ")}`, {
        code: "ERR_METRIC_INPUT",
        hint: "give posLabel: the label that counts as positive",
      });
    return { f1: f1Of(countsOf(args, posLabel)) };
  }
  const counts = labels.map((label) => countsOf(args, label));
  if (average === null) return { f1: counts.map(f1Of) };
  if (average === "micro") return { f1: f1Of(counts.reduce((a, b) => ({ tp: a.tp + b.tp, fp: a.fp + b.fp, fn: a.fn + b.fn }))) };
  const weights = counts.map(({ tp, fn }) => (average === "weighted" ? tp + fn : 1));
  const all = weights.reduce((a, b) => a + b, 0);
  return { f1: all === 0 ? 0 : counts.reduce((sum, c, i) => sum + f1Of(c) * weights[i]!, 0) / all };
}

/**
 * Matthews' correlation of labels, for two or more (Gorodkin 2004): covariance over the root of the variances; 0 when a side holds one label only.
 *
 * @example
 * matthewsCorrelation({ predictions: [1, 1, 0, 1], references: [1, 0, 0, 1] }); // { matthews_correlation: 0.577... }
 */
export function matthewsCorrelation(args: Labels): { matthews_correlation: number } {
  checkLabels(args);
  const { predictions, references } = args;
  const n = predictions.length;
  const right = predictions.filter((p, i) => p === references[i]).length;
  const tally = (values: readonly number[]) => values.reduce((map, v) => map.set(v, (map.get(v) ?? 0) + 1), new Map<number, number>());
  const [p, r] = [tally(predictions), tally(references)];
  const dot = (a: Map<number, number>, b: Map<number, number>) => [...a].reduce((sum, [label, count]) => sum + count * (b.get(label) ?? 0), 0);
  const root = Math.sqrt(n * n - dot(p, p)) * Math.sqrt(n * n - dot(r, r));
  return { matthews_correlation: root === 0 ? 0 : (right * n - dot(p, r)) / root };
}

/** Pearson's correlation; NaN when a side is constant. */
export function pearson({ predictions: x, references: y }: Labels): { pearson: number } {
  checkLabels({ predictions: x, references: y });
  const mean = (v: readonly number[]) => v.reduce((a, b) => a + b, 0) / v.length;
  const [mx, my] = [mean(x), mean(y)];
  let [xy, xx, yy] = [0, 0, 0];
  x.forEach((v, i) => {
    const [dx, dy] = [v - mx, y[i]! - my];
    xy += dx * dy;
    xx += dx * dx;
    yy += dy * dy;
  });
  return { pearson: xy / Math.sqrt(xx * yy) };
}

/** Ranks from 1; equal values share the mean of theirs. */
function ranks(values: readonly number[]): number[] {
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
  checkLabels({ predictions, references });
  // NaN has no rank.
  if (predictions.some(Number.isNaN) || references.some(Number.isNaN)) return { spearmanr: Number.NaN };
  return { spearmanr: pearson({ predictions: ranks(predictions), references: ranks(references) }).pearson };
}
