// loadMetric: a metric that collects batches and scores them together, as Python's evaluate.load.
import { ArgumentError } from "../errors.js";
import type { Tensor } from "../tensor/index.js";
import { accuracy, checkLabels, f1, type Labels, matthewsCorrelation, pearson, spearman } from "./scores.js";

/** Numbers, or a tensor of any state: a lazy one is computed. */
export type MetricInput = readonly number[] | Tensor;
export interface MetricArgs {
  readonly predictions: MetricInput;
  readonly references: MetricInput;
}
export interface Metric<S extends Record<string, number> = Record<string, number>> {
  /** Adds a batch. @throws ArgumentError ERR_METRIC_INPUT when its sides differ in length. */
  addBatch(batch: MetricArgs): Promise<void>;
  /** Scores what was added (and the given lists), and starts anew. @throws ArgumentError ERR_METRIC_INPUT when there is nothing. */
  compute(args?: Labels): S;
}
export interface KnownMetrics {
  accuracy: { accuracy: number };
  f1: { f1: number };
  "glue/mrpc": { accuracy: number; f1: number };
  "glue/sst2": { accuracy: number };
  "glue/qqp": { accuracy: number; f1: number };
  "glue/mnli": { accuracy: number };
  "glue/qnli": { accuracy: number };
  "glue/rte": { accuracy: number };
  "glue/wnli": { accuracy: number };
  "glue/cola": { matthews_correlation: number };
  "glue/stsb": { pearson: number; spearmanr: number };
}

const accuracyAndF1 = (labels: Labels) => ({ ...accuracy(labels), ...f1(labels) });
const scorers: { readonly [K in keyof KnownMetrics]: (labels: Labels) => KnownMetrics[K] } = {
  accuracy,
  f1: (labels) => f1(labels),
  "glue/mrpc": accuracyAndF1,
  "glue/qqp": accuracyAndF1,
  "glue/sst2": accuracy,
  "glue/mnli": accuracy,
  "glue/qnli": accuracy,
  "glue/rte": accuracy,
  "glue/wnli": accuracy,
  "glue/cola": matthewsCorrelation,
  "glue/stsb": (labels) => ({ ...pearson(labels), ...spearman(labels) }),
};

type Numbers = number | readonly Numbers[];
const refused = (message: string, hint: string) => new ArgumentError(`metric: ${message}`, { code: "ERR_METRIC_INPUT", hint });
async function flat(name: keyof MetricArgs, input: MetricInput): Promise<number[]> {
  if (typeof input !== "object" || (input as unknown) === null || !(Array.isArray(input) || ArrayBuffer.isView(input) || "toArray" in input))
    throw refused(`${name} are ${input === null ? "null" : typeof input}`, "give { predictions, references }, lists of numbers or tensors");
  const values = ArrayBuffer.isView(input)
    ? Array.from(input as Iterable<number> & object)
    : Array.isArray(input)
      ? (input as readonly number[])
      : ((await (input as Tensor).toArray()) as Numbers);
  const list = typeof values === "number" ? [values] : ((values as readonly number[][]).flat(Number.POSITIVE_INFINITY) as unknown as number[]);
  const odd = list.findIndex((v) => typeof v !== "number");
  if (odd >= 0) throw new ArgumentError(`metric: value ${odd} is ${typeof list[odd]}`, { code: "ERR_METRIC_INPUT", hint: "give numbers" });
  return list;
}

class CollectingMetric<S extends Record<string, number>> implements Metric<S> {
  readonly #score: (labels: Labels) => S;
  #predictions: number[] = [];
  #references: number[] = [];

  constructor(score: (labels: Labels) => S) {
    this.#score = score;
  }
  async addBatch(batch: MetricArgs): Promise<void> {
    const [predictions, references] = await Promise.all([flat("predictions", batch.predictions), flat("references", batch.references)]);
    checkLabels({ predictions, references });
    for (const p of predictions) this.#predictions.push(p);
    for (const r of references) this.#references.push(r);
  }
  compute(args?: Labels): S {
    for (const list of [args?.predictions ?? [], args?.references ?? []] as readonly unknown[])
      if (!Array.isArray(list) && !ArrayBuffer.isView(list)) throw refused("compute takes lists of numbers", "give tensors to addBatch, and await it");
    const labels = { predictions: [...this.#predictions, ...(args?.predictions ?? [])], references: [...this.#references, ...(args?.references ?? [])] };
    checkLabels(labels);
    const score = this.#score(labels);
    this.#predictions = [];
    this.#references = [];
    return score;
  }
}

/**
 * A metric by its name in `evaluate`: "accuracy", "f1", or "glue" with the name of the task.
 *
 * @throws ArgumentError ERR_METRIC_UNKNOWN that lists the names.
 * @example
 * const metric = loadMetric("glue", "mrpc");
 * await metric.addBatch({ predictions: [1, 0], references: [1, 1] });
 * metric.compute(); // { accuracy: 0.5, f1: 0.6666666666666666 }
 */
export function loadMetric<P extends string, C extends string>(
  path: P,
  config: C,
): `${P}/${C}` extends keyof KnownMetrics ? Metric<KnownMetrics[`${P}/${C}`]> : Metric;
export function loadMetric<P extends string>(path: P): P extends keyof KnownMetrics ? Metric<KnownMetrics[P]> : Metric;
export function loadMetric(path: string, config?: string): Metric {
  const name = config === undefined ? path : `${path}/${config}`;
  const score = Object.hasOwn(scorers, name) ? (scorers[name as keyof KnownMetrics] as (labels: Labels) => Record<string, number>) : undefined;
  if (score) return new CollectingMetric(score);
  const names = Object.keys(scorers).map((key) => (key.startsWith("glue/") ? `"glue", "${key.slice(5)}"` : `"${key}"`));
  throw new ArgumentError(`there is no metric ${name}`, { code: "ERR_METRIC_UNKNOWN", hint: `metrics are ${names.join("; ")}` });
}
