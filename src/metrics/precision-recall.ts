// Precision, recall and F1 in every average, of labels and of rows of several labels; the formulas of scikit-learn.
import { checkLabels, checkRows, labelsOf, mean, refused, type Weighted, type WeightedRows } from "./inputs.js";

interface Averaging {
  /** The labels that are averaged over, in this order; default those that occur. */
  readonly labels?: readonly number[];
  /** The label that "binary" scores; default 1. */
  readonly posLabel?: number;
  /** What 0 of 0 is: 0 (default), 1, or NaN, which is left out of means. */
  readonly zeroDivision?: 0 | 1 | typeof Number.NaN | "warn";
}
/** binary (default) scores posLabel alone; macro is the mean over labels, weighted by support with "weighted"; micro counts over all labels; samples is the mean over rows of several labels. */
export type Average = "binary" | "macro" | "micro" | "weighted" | "samples";
export type F1Args = (Weighted | WeightedRows) & Averaging & { readonly average?: Average };
/** A score for each label. */
export type LabelScores = (Weighted | WeightedRows) & Averaging & { readonly average: null };
type Args = (Weighted | WeightedRows) & Averaging & { readonly average?: Average | null };

/** Of a label, or of a row of several labels. */
interface Counts {
  tp: number;
  fp: number;
  fn: number;
}
type Score = (counts: Counts, zero: number) => number;
const ratio = (part: number, whole: number, zero: number): number => (whole === 0 ? zero : part / whole);
const precisionOf: Score = ({ tp, fp }, zero) => ratio(tp, tp + fp, zero);
const recallOf: Score = ({ tp, fn }, zero) => ratio(tp, tp + fn, zero);
/** F1 = 2 P R / (P + R), which is 2 TP / (2 TP + FP + FN); written so that the last digit is that of published results. */
const f1Of: Score = (counts, zero) => {
  if (counts.tp === 0) return ratio(0, counts.fp + counts.fn, zero);
  const [p, r] = [precisionOf(counts, zero), recallOf(counts, zero)];
  return (2 * p * r) / (p + r);
};

const none = (): Counts => ({ tp: 0, fp: 0, fn: 0 });
function count(into: Counts, predicted: boolean, is: boolean, weight: number): void {
  if (predicted && is) into.tp += weight;
  else if (predicted) into.fp += weight;
  else if (is) into.fn += weight;
}
function countsOfLabel({ predictions, references, sampleWeight }: Weighted, label: number): Counts {
  const out = none();
  predictions.forEach((p, i) => {
    count(out, p === label, references[i] === label, sampleWeight?.[i] ?? 1);
  });
  return out;
}
function countsOfPlace({ predictions, references, sampleWeight }: WeightedRows, place: number): Counts {
  const out = none();
  predictions.forEach((row, i) => {
    count(out, row[place] !== 0, references[i]![place] !== 0, sampleWeight?.[i] ?? 1);
  });
  return out;
}
function countsOfRow(predicted: readonly number[], reference: readonly number[], places: readonly number[]): Counts {
  const out = none();
  for (const place of places) count(out, predicted[place] !== 0, reference[place] !== 0, 1);
  return out;
}

/** The one label that binary scores. @throws ArgumentError ERR_METRIC_INPUT */
function positive(name: string, present: readonly number[], posLabel: number): number {
  if (present.length > 2) throw refused(`${name}: labels are ${present.join(", ")}, binary takes two`, 'give average: "macro", "micro" or "weighted"');
  if (present.length === 2 && !present.includes(posLabel))
    throw refused(`${name}: posLabel ${posLabel} is none of the labels ${present.join(" and ")}`, "give posLabel: the label that counts as positive");
  return posLabel;
}

function scored(name: string, score: Score, args: Args): number | number[] {
  checkLabels(args);
  const { predictions, references, sampleWeight, average = "binary", posLabel = 1, zeroDivision = 0 } = args;
  const zero = zeroDivision === "warn" ? 0 : zeroDivision;
  if (average !== null && !["binary", "macro", "micro", "weighted", "samples"].includes(average))
    throw refused(`${name}: average is ${JSON.stringify(average)}`, 'give "binary", "macro", "micro", "weighted", "samples" or null');
  const inRows = checkRows({ predictions, references });
  if (inRows ? average === "binary" : average === "samples")
    throw refused(
      `${name}: average "${average}" of ${inRows ? "rows of several labels" : "rows of one label"}`,
      inRows ? 'give average: "macro", "micro", "weighted" or "samples"' : 'give average: "macro", "micro" or "weighted", or lists of 0 and 1',
    );
  const rows = args as WeightedRows;
  const labels = args as Weighted;
  const kinds = inRows ? (args.labels ?? rows.references[0]!.map((_, place) => place)) : labelsOf(labels, args.labels);
  if (average === "binary") return score(countsOfLabel(labels, positive(name, labelsOf(labels), posLabel)), zero);
  if (average === "samples")
    return meanOf(
      rows.predictions.map((row, i) => score(countsOfRow(row, rows.references[i]!, kinds), zero)),
      sampleWeight,
    );
  const counts = kinds.map((kind) => (inRows ? countsOfPlace(rows, kind) : countsOfLabel(labels, kind)));
  if (average === null) return counts.map((c) => score(c, zero));
  if (average === "micro")
    return score(
      counts.reduce((a, b) => ({ tp: a.tp + b.tp, fp: a.fp + b.fp, fn: a.fn + b.fn })),
      zero,
    );
  return meanOf(
    counts.map((c) => score(c, zero)),
    average === "weighted" ? counts.map(({ tp, fn }) => tp + fn) : undefined,
  );
}
/** NaN scores are left out. */
function meanOf(scores: readonly number[], weights?: readonly number[]): number {
  const kept = scores.flatMap((s, i) => (Number.isNaN(s) ? [] : [i]));
  return mean(
    kept.map((i) => scores[i]!),
    weights && kept.map((i) => weights[i]!),
  );
}

/**
 * The harmonic mean of precision and recall, 2 TP / (2 TP + FP + FN).
 *
 * @throws ArgumentError ERR_METRIC_INPUT; also for "binary" over more than two labels, or over two of which none is posLabel.
 * @example
 * f1({ references: [0, 1, 0, 1, 0], predictions: [0, 0, 1, 1, 0] }); // { f1: 0.5 }
 */
export function f1(args: F1Args): { f1: number };
export function f1(args: LabelScores): { f1: number[] };
export function f1(args: Args): { f1: number | number[] } {
  return { f1: scored("f1", f1Of, args) };
}

/**
 * The part of what was predicted that is right, TP / (TP + FP).
 *
 * @throws ArgumentError ERR_METRIC_INPUT as f1
 * @example
 * precision({ references: [0, 1, 0, 1, 0], predictions: [0, 0, 1, 1, 0] }); // { precision: 0.5 }
 */
export function precision(args: F1Args): { precision: number };
export function precision(args: LabelScores): { precision: number[] };
export function precision(args: Args): { precision: number | number[] } {
  return { precision: scored("precision", precisionOf, args) };
}

/**
 * The part of what there is that was found, TP / (TP + FN).
 *
 * @throws ArgumentError ERR_METRIC_INPUT as f1
 * @example
 * recall({ references: [0, 1, 0, 1, 1], predictions: [0, 0, 1, 1, 0] }); // { recall: 0.3333333333333333 }
 */
export function recall(args: F1Args): { recall: number };
export function recall(args: LabelScores): { recall: number[] };
export function recall(args: Args): { recall: number | number[] } {
  return { recall: scored("recall", recallOf, args) };
}
