// Scores of labels: accuracy, Matthews' correlation, the confusion matrix; the formulas of scikit-learn.
import { checkLabels, checkRows, labelsOf, refused, type RowLabels, sum, type Weighted, type WeightedRows } from "./inputs.js";

/**
 * The part of predictions that equal their reference, rows weighted; normalize: false counts them. Rows of several labels count when all of them are right.
 *
 * @throws ArgumentError ERR_METRIC_INPUT
 * @example
 * accuracy({ predictions: [0, 1, 1], references: [0, 1, 0] }); // { accuracy: 0.6666666666666666 }
 */
export function accuracy(args: (Weighted | WeightedRows) & { readonly normalize?: boolean }): { accuracy: number } {
  checkLabels(args);
  const { predictions, references, sampleWeight, normalize = true } = args;
  const inRows = checkRows({ predictions, references });
  let [right, all] = [0, 0];
  predictions.forEach((p, i) => {
    const w = sampleWeight?.[i] ?? 1;
    const r = references[i]!;
    all += w;
    if (inRows ? (p as readonly number[]).every((value, k) => value === (r as readonly number[])[k]) : p === r) right += w;
  });
  return { accuracy: normalize ? right / all : right };
}

/**
 * Matthews' correlation of labels, for two or more (Gorodkin 2004): covariance over the root of the variances; 0 when a side holds one label only.
 *
 * @example
 * matthewsCorrelation({ predictions: [1, 1, 0, 1], references: [1, 0, 0, 1] }); // { matthews_correlation: 0.577... }
 */
export function matthewsCorrelation(args: Weighted | RowLabels): { matthews_correlation: number } {
  checkLabels(args);
  if (checkRows({ predictions: args.predictions, references: args.references }))
    throw refused("Matthews' correlation of rows of several labels", "score each label by itself");
  const labels = args as Weighted;
  const matrix = confusionMatrix(labels).confusion_matrix;
  const truth = matrix.map(sum);
  const predicted = matrix.map((_, k) => sum(matrix.map((row) => row[k]!)));
  const all = sum(predicted);
  const dot = (a: readonly number[], b: readonly number[]) => a.reduce((total, value, i) => total + value * b[i]!, 0);
  const right = sum(matrix.map((row, i) => row[i]!));
  const variances = (all * all - dot(predicted, predicted)) * (all * all - dot(truth, truth));
  return { matthews_correlation: variances === 0 ? 0 : (right * all - dot(truth, predicted)) / Math.sqrt(variances) };
}

export interface ConfusionArgs extends Weighted {
  /** Rows and columns of the matrix; default those that occur, in order. */
  readonly labels?: readonly number[];
  /** Divides by the sum of the row ("true"), of the column ("pred") or of everything ("all"); 0 of 0 is 0. */
  readonly normalize?: "true" | "pred" | "all";
}
/**
 * How often a label (row) was predicted as each label (column), rows weighted.
 *
 * @throws ArgumentError ERR_METRIC_INPUT
 * @example
 * confusionMatrix({ references: [0, 1, 1], predictions: [0, 0, 1] }); // { confusion_matrix: [[1, 0], [1, 1]] }
 */
export function confusionMatrix(args: ConfusionArgs): { confusion_matrix: number[][] } {
  checkLabels(args);
  const { predictions, references, sampleWeight, normalize } = args;
  const labels = labelsOf(args, args.labels);
  if (labels.length === 0 || (args.labels && !references.some((r) => labels.includes(r))))
    throw refused(`none of the labels ${labels.join(", ")} is among the references`, "give labels that occur");
  const places = new Map(labels.map((label, i) => [label, i]));
  const matrix = labels.map(() => new Array<number>(labels.length).fill(0));
  references.forEach((r, i) => {
    const [row, column] = [places.get(r), places.get(predictions[i]!)];
    if (row !== undefined && column !== undefined) matrix[row]![column]! += sampleWeight?.[i] ?? 1;
  });
  if (normalize === undefined) return { confusion_matrix: matrix };
  const rows = matrix.map(sum);
  const columns = matrix.map((_, k) => sum(matrix.map((row) => row[k]!)));
  const all = sum(rows);
  const share: Readonly<Record<string, (row: number, column: number) => number>> = {
    true: (row) => rows[row]!,
    pred: (_, column) => columns[column]!,
    all: () => all,
  };
  const by = share[normalize];
  if (!by) throw refused(`normalize is ${JSON.stringify(normalize)}`, 'give "true", "pred" or "all"');
  return { confusion_matrix: matrix.map((row, i) => row.map((count, k) => (by(i, k) === 0 ? 0 : count / by(i, k)))) };
}
