// The metrics there are by name, as in Python's evaluate: what they read, what compute takes, what they give.
import type { Tensor } from "../tensor/index.js";
import { accuracy, type ConfusionArgs, confusionMatrix, matthewsCorrelation } from "./classification.js";
import { pearson, pearsonr, spearman, spearmanr } from "./correlation.js";
import { type ExactMatchArgs, exactMatch } from "./exact-match.js";
import type { Labels } from "./inputs.js";
import { perplexityOfTexts, textLosses } from "./perplexity.js";
import { type F1Args, f1, precision, recall } from "./precision-recall.js";
import { mae, mse, type Outputs } from "./regression.js";
import { type RocAucArgs, rocAuc } from "./roc-auc.js";

/** Numbers, or a tensor of any state: a lazy one is computed. */
export type MetricInput = readonly number[] | Tensor;
export type RowsInput = readonly (readonly number[])[] | Tensor;
export interface MetricArgs {
  readonly predictions: MetricInput;
  readonly references: MetricInput;
}
/** What each metric gives. */
export interface KnownMetrics {
  accuracy: { accuracy: number };
  f1: { f1: number };
  precision: { precision: number };
  recall: { recall: number };
  matthews_correlation: { matthews_correlation: number };
  pearsonr: { pearsonr: number; "p-value"?: number };
  spearmanr: { spearmanr: number; spearmanr_pvalue?: number };
  mse: { mse: number };
  mae: { mae: number };
  confusion_matrix: { confusion_matrix: number[][] };
  exact_match: { exact_match: number };
  roc_auc: { roc_auc: number };
  perplexity: { perplexities: number[]; mean_perplexity: number };
  "accuracy/multilabel": { accuracy: number };
  "f1/multilabel": { f1: number };
  "precision/multilabel": { precision: number };
  "recall/multilabel": { recall: number };
  "mse/multilist": { mse: number };
  "mae/multilist": { mae: number };
  "roc_auc/multiclass": { roc_auc: number };
  "roc_auc/multilabel": { roc_auc: number };
  "glue/mrpc": { accuracy: number; f1: number };
  "glue/sst2": { accuracy: number };
  "glue/qqp": { accuracy: number; f1: number };
  "glue/mnli": { accuracy: number };
  "glue/mnli_matched": { accuracy: number };
  "glue/mnli_mismatched": { accuracy: number };
  "glue/qnli": { accuracy: number };
  "glue/rte": { accuracy: number };
  "glue/wnli": { accuracy: number };
  "glue/hans": { accuracy: number };
  "glue/cola": { matthews_correlation: number };
  "glue/stsb": { pearson: number; spearmanr: number };
}
interface Rows {
  readonly predictions: RowsInput;
  readonly references: RowsInput;
}
/** What those read that read something else than MetricArgs. */
export interface KnownMetricInputs {
  exact_match: { readonly predictions: readonly string[]; readonly references: readonly string[] };
  roc_auc: { readonly predictionScores: MetricInput; readonly references: MetricInput };
  /** Logits [texts, tokens, vocabulary], and ids [texts, tokens] with -100 for padding; the texts of a batch are scored when it is added. */
  perplexity: { readonly predictions: Tensor; readonly references: Tensor };
  "accuracy/multilabel": Rows;
  "f1/multilabel": Rows;
  "precision/multilabel": Rows;
  "recall/multilabel": Rows;
  "mse/multilist": Rows;
  "mae/multilist": Rows;
  "roc_auc/multiclass": { readonly predictionScores: RowsInput; readonly references: MetricInput };
  "roc_auc/multilabel": { readonly predictionScores: RowsInput; readonly references: RowsInput };
}
type LabelOptions = Omit<F1Args, "predictions" | "references">;
type Weights = Pick<F1Args, "sampleWeight">;
type ErrorOptions = Outputs & Weights;
type ScoreOptions = Omit<RocAucArgs, "references" | "predictionScores">;
/** What compute takes beside. */
export interface KnownMetricOptions {
  accuracy: Weights & { readonly normalize?: boolean };
  f1: LabelOptions;
  precision: LabelOptions;
  recall: LabelOptions;
  matthews_correlation: Weights;
  pearsonr: { readonly returnPvalue?: boolean };
  spearmanr: { readonly returnPvalue?: boolean };
  mse: ErrorOptions & { readonly squared?: boolean };
  mae: ErrorOptions;
  confusion_matrix: Omit<ConfusionArgs, keyof Labels>;
  exact_match: Omit<ExactMatchArgs, keyof Labels>;
  roc_auc: ScoreOptions;
}

export interface Definition {
  /** Names of what it reads, the part that is predicted first. */
  readonly inputs: readonly [string, string];
  /** How a batch of each is kept: its numbers one by one, a list per row, or texts. */
  readonly kinds: readonly ["numbers" | "rows" | "texts", "numbers" | "rows" | "texts"];
  /** Numbers are rounded to float32, as Python's metric keeps them. */
  readonly single: boolean;
  /** What compute takes beside; of glue nothing. */
  readonly options: readonly string[];
  /** Takes the two lists by their names, and options. */
  score(args: never): Readonly<Record<string, unknown>>;
  /** Makes lists of a batch that is not kept as it is. */
  collect?(batch: never): Promise<readonly [readonly unknown[], readonly unknown[]]>;
}

const labels = ["labels", "posLabel", "average", "zeroDivision", "sampleWeight"] as const;
type Rest = Partial<Pick<Definition, "inputs" | "kinds" | "single" | "collect">>;
const define = (score: Definition["score"], options: readonly string[] = [], rest: Rest = {}): Definition => ({
  inputs: ["predictions", "references"],
  kinds: ["numbers", "numbers"],
  single: false,
  options,
  score,
  ...rest,
});
const inRows = ({ score, options, ...rest }: Definition, kinds: Definition["kinds"] = ["rows", "rows"]): Definition => ({ ...rest, score, options, kinds });
/** Of names with options of their own, these take them in the second form, too. */
const ofLabels = {
  accuracy: define(accuracy, ["normalize", "sampleWeight"]),
  f1: define(f1, labels),
  precision: define(precision, labels),
  recall: define(recall, labels),
};
const ofErrors = {
  mse: define(mse, ["sampleWeight", "multioutput", "squared"], { single: true }),
  mae: define(mae, ["sampleWeight", "multioutput"], { single: true }),
};
const ofScores = define(rocAuc, ["average", "maxFpr", "multiClass", "sampleWeight", "labels"], { inputs: ["predictionScores", "references"] });

const glueAccuracy = define(accuracy);
const glueAccuracyAndF1 = define((args: Labels) => ({ ...accuracy(args), ...f1(args) }));
export const definitions: { readonly [K in keyof KnownMetrics]: Definition } = {
  ...ofLabels,
  matthews_correlation: define(matthewsCorrelation, ["sampleWeight"]),
  pearsonr: define(pearsonr, ["returnPvalue"], { single: true }),
  spearmanr: define(spearmanr, ["returnPvalue"], { single: true }),
  ...ofErrors,
  confusion_matrix: define(confusionMatrix, ["labels", "sampleWeight", "normalize"]),
  exact_match: define(exactMatch, ["regexesToIgnore", "ignoreCase", "ignorePunctuation", "ignoreNumbers"], { kinds: ["texts", "texts"] }),
  roc_auc: ofScores,
  perplexity: define(({ predictions }: Labels) => perplexityOfTexts(predictions), [], {
    async collect({ predictions, references }: { readonly predictions: Tensor; readonly references: Tensor }) {
      const losses = await textLosses({ logits: predictions, labels: references });
      return [losses, losses];
    },
  }),
  "accuracy/multilabel": inRows(ofLabels.accuracy),
  "f1/multilabel": inRows(ofLabels.f1),
  "precision/multilabel": inRows(ofLabels.precision),
  "recall/multilabel": inRows(ofLabels.recall),
  "mse/multilist": inRows(ofErrors.mse),
  "mae/multilist": inRows(ofErrors.mae),
  "roc_auc/multiclass": inRows(ofScores, ["rows", "numbers"]),
  "roc_auc/multilabel": inRows(ofScores),
  "glue/mrpc": glueAccuracyAndF1,
  "glue/qqp": glueAccuracyAndF1,
  "glue/sst2": glueAccuracy,
  "glue/mnli": glueAccuracy,
  "glue/mnli_matched": glueAccuracy,
  "glue/mnli_mismatched": glueAccuracy,
  "glue/qnli": glueAccuracy,
  "glue/rte": glueAccuracy,
  "glue/wnli": glueAccuracy,
  "glue/hans": glueAccuracy,
  "glue/cola": define(matthewsCorrelation),
  "glue/stsb": define((args: Labels) => ({ ...pearson(args), ...spearman(args) }), [], { single: true }),
};
