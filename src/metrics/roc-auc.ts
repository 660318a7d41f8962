// The area under the ROC curve, of two labels, of many, and of rows of several labels; the formulas of scikit-learn.
import { checkRows, checkValues, isLabel, labelsOf, mean, refused, sum } from "./inputs.js";

export interface RocAucArgs {
  /** Labels; lists of 0 and 1 for rows of several. */
  readonly references: readonly number[] | readonly (readonly number[])[];
  /** Of the larger label; of many labels a list of probabilities per row; of rows of several labels a list of scores. */
  readonly predictionScores: readonly number[] | readonly (readonly number[])[];
  /** Over labels: the mean (default), weighted by support, over all decisions at once ("micro"), or over rows ("samples"). */
  readonly average?: "macro" | "weighted" | "micro" | "samples";
  /** The area up to this false positive rate, corrected so that 0.5 is chance (McClish 1989); of two labels. */
  readonly maxFpr?: number;
  /** Many labels: each against the rest, or each against each other. */
  readonly multiClass?: "ovr" | "ovo";
  readonly sampleWeight?: readonly number[];
  /** What the columns of the scores stand for; default the labels that occur, in order. */
  readonly labels?: readonly number[];
}

/** Of scores against 0 and 1; NaN when only one of them occurs. */
function area(truth: readonly boolean[], scores: readonly number[], weights: readonly number[] | undefined, maxFpr?: number): number {
  const order = scores.map((_, i) => i).sort((a, b) => scores[b]! - scores[a]!);
  const xs = [0];
  const ys = [0];
  let [tp, fp] = [0, 0];
  order.forEach((i, k) => {
    const w = weights?.[i] ?? 1;
    if (truth[i]) tp += w;
    else fp += w;
    // Rows of one score are one step.
    if (k + 1 < order.length && scores[order[k + 1]!] === scores[i]) return;
    xs.push(fp);
    ys.push(tp);
  });
  if (tp === 0 || fp === 0) return Number.NaN;
  const x = xs.map((v) => v / fp);
  const y = ys.map((v) => v / tp);
  if (maxFpr === undefined || maxFpr === 1) return trapezoids(x, y);
  const stop = x.findIndex((v) => v > maxFpr);
  const share = (maxFpr - x[stop - 1]!) / (x[stop]! - x[stop - 1]!);
  const part = trapezoids([...x.slice(0, stop), maxFpr], [...y.slice(0, stop), y[stop - 1]! + share * (y[stop]! - y[stop - 1]!)]);
  const least = 0.5 * maxFpr ** 2;
  return 0.5 * (1 + (part - least) / (maxFpr - least));
}
const trapezoids = (x: readonly number[], y: readonly number[]): number => sum(x.map((v, i) => (i === 0 ? 0 : ((v - x[i - 1]!) * (y[i]! + y[i - 1]!)) / 2)));

/** @throws ArgumentError ERR_METRIC_INPUT */
function ofRows(
  references: readonly (readonly number[])[],
  scores: readonly (readonly number[])[],
  { average = "macro", sampleWeight: weights, maxFpr }: RocAucArgs,
): number {
  const is = references.map((row) => row.map((v) => v !== 0));
  if (average === "samples")
    return mean(
      is.map((row, i) => area(row, scores[i]!, undefined, maxFpr)),
      weights,
    );
  const spread = weights && is.flatMap((row, i) => row.map(() => weights[i]!));
  if (average === "micro") return area(is.flat(), scores.flat(), spread, maxFpr);
  const column = <T>(rows: readonly (readonly T[])[], k: number) => rows.map((row) => row[k]!);
  const places = references[0]!.map((_, k) => k);
  const support = places.map((k) => sum(column(is, k).map((v, i) => (v ? (weights?.[i] ?? 1) : 0))));
  return mean(
    places.map((k) => area(column(is, k), column(scores, k), weights, maxFpr)),
    average === "weighted" ? support : undefined,
  );
}

function ofMany(references: readonly number[], scores: readonly (readonly number[])[], args: RocAucArgs): number {
  const { average = "macro", multiClass, sampleWeight } = args;
  const labels = args.labels ?? [...new Set(references)].sort((a, b) => a - b);
  if (labels.length !== scores[0]!.length)
    throw refused(`${scores[0]!.length} scores per row for ${labels.length} labels`, "give a score for each label, or labels: those of the columns");
  const odd = scores.findIndex((row) => Math.abs(sum(row) - 1) > 1e-5);
  if (odd >= 0) throw refused(`the scores of row ${odd} sum to ${sum(scores[odd]!)}`, "give probabilities: a softmax of the logits");
  if (average !== "macro" && average !== "weighted" && !(average === "micro" && multiClass === "ovr"))
    throw refused(`average ${JSON.stringify(average)} with multiClass ${JSON.stringify(multiClass)}`, 'give "macro" or "weighted"');
  const places = new Map(labels.map((label, i) => [label, i]));
  if (references.some((r) => !places.has(r))) throw refused("references hold a label that is not among labels", "give all labels");
  if (multiClass === "ovr") {
    const each = references.map((r) => labels.map((label) => (label === r ? 1 : 0)));
    return ofRows(each, scores, args);
  }
  if (sampleWeight) throw refused("sampleWeight with multiClass ovo", "leave the weights out, or give ovr");
  const pairs: number[] = [];
  const prevalence: number[] = [];
  labels.forEach((a, i) => {
    labels.slice(i + 1).forEach((b, later) => {
      const k = i + 1 + later;
      const rows = references.flatMap((r, row) => (r === a || r === b ? [row] : []));
      const side = (label: number, place: number) =>
        area(
          rows.map((row) => references[row] === label),
          rows.map((row) => scores[row]![place]!),
          undefined,
        );
      pairs.push((side(a, i) + side(b, k)) / 2);
      prevalence.push(rows.length / references.length);
    });
  });
  return mean(pairs, average === "weighted" ? prevalence : undefined);
}

/**
 * The area under the ROC curve; NaN when only one label occurs.
 *
 * @throws ArgumentError ERR_METRIC_INPUT
 * @example
 * rocAuc({ references: [1, 0, 1, 1, 0, 0], predictionScores: [0.5, 0.2, 0.99, 0.3, 0.1, 0.7] }); // { roc_auc: 0.7777777777777778 }
 */
export function rocAuc(args: RocAucArgs): { roc_auc: number } {
  const { references, predictionScores, maxFpr, sampleWeight } = args;
  if (references.length !== predictionScores.length)
    throw refused(`${predictionScores.length} rows of scores and ${references.length} references`, "give scores for each reference");
  checkValues({ references, predictionScores }, isLabel, "labels, and scores that are numbers");
  if (references.length === 0) throw refused("nothing to score", "add predictions first");
  if (sampleWeight && sampleWeight.length !== references.length)
    throw refused(`${sampleWeight.length} weights for ${references.length} rows`, "give one weight for each row");
  if (maxFpr !== undefined && !(maxFpr > 0 && maxFpr <= 1)) throw refused(`maxFpr is ${maxFpr}`, "give a number above 0, up to 1");
  if (checkRows({ references })) {
    checkRows({ references, predictionScores });
    return { roc_auc: ofRows(references as readonly (readonly number[])[], predictionScores as readonly (readonly number[])[], args) };
  }
  const truth = references as readonly number[];
  if (checkRows({ predictionScores })) {
    if (maxFpr !== undefined && maxFpr !== 1) throw refused("maxFpr of many labels", "it is for two labels");
    if (args.multiClass !== "ovr" && args.multiClass !== "ovo") throw refused("a list of scores per row without multiClass", 'give multiClass: "ovr" or "ovo"');
    return { roc_auc: ofMany(truth, predictionScores as readonly (readonly number[])[], args) };
  }
  const labels = labelsOf({ predictions: truth, references: truth }, args.labels);
  if (labels.length > 2)
    throw refused(`labels are ${labels.join(", ")}, one score per row is for two`, 'give a list of probabilities per row, and multiClass: "ovr" or "ovo"');
  const top = Math.max(...labels);
  return {
    roc_auc: area(
      truth.map((r) => labels.length === 2 && r === top),
      predictionScores as readonly number[],
      sampleWeight,
      maxFpr,
    ),
  };
}
