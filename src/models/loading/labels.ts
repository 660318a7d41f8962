// Names and numbers of a classifier's labels: those of the file, or those that the program gives.
import { ConfigError, type ProblemType, type RawConfig } from "./config.js";

/** Labels of a config: `id2label` in the file may miss, then they are LABEL_0 ... as in transformers. */
export interface Labels {
  readonly id2label: Readonly<Record<string, string>>;
  readonly label2id: Readonly<Record<string, number>>;
  readonly num_labels: number;
}

const defaultLabels = (count: number): Labels["id2label"] => Object.fromEntries(Array.from({ length: count }, (_, i) => [String(i), `LABEL_${i}`]));
const inverse = (id2label: Labels["id2label"]): Labels["label2id"] => Object.fromEntries(Object.entries(id2label).map(([id, label]) => [label, Number(id)]));

/** Names that say no more than how many there are. */
const areDefault = (id2label: Labels["id2label"]): boolean => Object.entries(id2label).every(([id, label]) => label === `LABEL_${id}`);

/**
 * Labels from what a config says: names of labels count them, unless they are LABEL_0 ... and `num_labels` says otherwise. Another `numLabels` than the file's drops the file's
 * names, as in transformers.
 */
export function labelsOf(
  raw: {
    readonly id2label?: Labels["id2label"] | null | undefined;
    readonly label2id?: Labels["label2id"] | null | undefined;
    readonly num_labels?: number | undefined;
  },
  numLabels?: number,
): Labels {
  const named = raw.id2label ?? undefined;
  const count = numLabels ?? (named && !(areDefault(named) && raw.num_labels) ? Object.keys(named).length : (raw.num_labels ?? 2));
  if (named && Object.keys(named).length === count) return { id2label: named, label2id: raw.label2id ?? inverse(named), num_labels: count };
  const id2label = defaultLabels(count);
  return { id2label, label2id: inverse(id2label), num_labels: count };
}

/** What a program says about the task of a model that it loads. */
export interface TaskOptions {
  /** Outputs of the classifier; those of the file unless told. */
  readonly numLabels?: number | undefined;
  /** Names of the labels by number, `["no", "yes"]` or `{ 0: "no", 1: "yes" }`; as many as there are outputs. */
  readonly id2label?: readonly string[] | Readonly<Record<number, string>> | undefined;
  /** Numbers of the labels by name; follows from `id2label` unless told. */
  readonly label2id?: Readonly<Record<string, number>> | undefined;
  /** What the labels mean; follows from their dtype and number unless told. */
  readonly problemType?: ProblemType | undefined;
}

/** The raw config with what the program says in the place of what the file says. */
export function withTask(raw: RawConfig, options: TaskOptions, where: string): RawConfig {
  const { numLabels, id2label, label2id, problemType } = options;
  const changed: Record<string, unknown> = { ...raw };
  if (numLabels !== undefined && !(Number.isSafeInteger(numLabels) && numLabels > 0)) throw new ConfigError(`${where}: numLabels is ${numLabels}`);
  if (problemType !== undefined) changed.problem_type = problemType;
  if (id2label || label2id) {
    const named = id2label ? { ...id2label } : Object.fromEntries(Object.entries(label2id!).map(([label, id]) => [String(id), label]));
    const count = Object.keys(named).length;
    if (numLabels !== undefined && numLabels !== count) throw new ConfigError(`${where}: numLabels is ${numLabels}, but there are names of ${count} labels`);
    changed.id2label = named;
    changed.label2id = label2id ?? inverse(named as Record<string, string>);
  }
  return changed as RawConfig;
}
