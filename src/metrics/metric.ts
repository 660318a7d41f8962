// loadMetric: a metric that collects rows and batches and scores them together, as Python's evaluate.load.
import { inspect } from "node:util";
import { ArgumentError } from "../errors.js";
import type { Tensor } from "../tensor/index.js";
import { isRow, refused } from "./inputs.js";
import { type Definition, definitions, type KnownMetricInputs, type KnownMetricOptions, type KnownMetrics, type MetricArgs } from "./known.js";

type Whole<A> = { readonly [K in keyof A]?: Exclude<A[K], Tensor> };
/** One row: singular names, and what one of a list is. */
type Row<A> = {
  readonly [K in keyof A as K extends "predictions" ? "prediction" : K extends "references" ? "reference" : K]: Exclude<
    A[K],
    Tensor
  > extends readonly (infer E)[]
    ? E
    : never;
};
export interface Metric<S extends Record<keyof S, unknown> = Record<string, number>, A = MetricArgs, O = unknown> {
  /** As in Python's evaluate. */
  readonly name: string;
  /** Adds a row. @throws ArgumentError ERR_METRIC_INPUT */
  add(row: Row<A>): void;
  /** Adds a batch: lists, or tensors. @throws ArgumentError ERR_METRIC_INPUT when its sides differ in length. */
  addBatch(batch: A): Promise<void>;
  /** Scores what was added (and the given lists), and starts anew. @throws ArgumentError ERR_METRIC_INPUT when there is nothing. */
  compute(args?: Whole<A> & O): S;
}
type Inputs<N> = N extends keyof KnownMetricInputs ? KnownMetricInputs[N] : MetricArgs;
type Options<N> = N extends keyof KnownMetricOptions
  ? KnownMetricOptions[N]
  : N extends `${infer P}/multi${string}`
    ? P extends keyof KnownMetricOptions
      ? KnownMetricOptions[P]
      : unknown
    : unknown;
export type KnownMetric<N extends keyof KnownMetrics> = Metric<KnownMetrics[N], Inputs<N>, Options<N>>;

type Numbers = number | readonly Numbers[];
const isTensor = (input: unknown): input is Tensor => typeof input === "object" && input !== null && "toArray" in input;
const isTyped = (input: unknown): input is ArrayLike<number | bigint> => ArrayBuffer.isView(input) && !(input instanceof DataView);

/** A batch of one input as a list of values. @throws ArgumentError ERR_METRIC_INPUT */
async function listOf(name: string, input: unknown, kind: Definition["kinds"][number]): Promise<readonly unknown[]> {
  if (!Array.isArray(input) && !isTyped(input) && !isTensor(input))
    throw refused(
      `${name} are ${input === null ? "null" : typeof input}`,
      kind === "texts" ? `give ${name}: a list of texts` : "give { predictions, references }, lists of numbers or tensors",
    );
  const values: unknown = isTyped(input) ? Array.from(input, Number) : isTensor(input) ? ((await input.toArray()) as Numbers) : input;
  const list: readonly unknown[] = Array.isArray(values) ? values : [values];
  const flat = kind === "numbers" ? list.flat(Number.POSITIVE_INFINITY) : list;
  checkValues(name, flat, kind);
  return flat;
}
function checkValues(name: string, values: readonly unknown[], kind: Definition["kinds"][number]): void {
  const isOne: Readonly<Record<typeof kind, (value: unknown) => boolean>> = {
    numbers: (value) => typeof value === "number",
    rows: (value) => isRow(value) && Array.prototype.every.call(value, (v) => typeof v === "number"),
    texts: (value) => typeof value === "string",
  };
  const odd = values.findIndex((value) => !isOne[kind](value));
  if (odd < 0) return;
  const what = kind === "numbers" ? "give numbers" : kind === "texts" ? "give texts" : "give a list of numbers for each row";
  throw refused(`value ${odd} of ${name} is ${inspect(values[odd], { depth: 0 })}`, what);
}

class CollectingMetric implements Metric<Record<string, unknown>, Readonly<Record<string, unknown>>> {
  readonly name: string;
  readonly #config: string | undefined;
  readonly #definition: Definition;
  #lists: [unknown[], unknown[]] = [[], []];

  constructor(name: string, config: string | undefined, definition: Definition) {
    this.name = name;
    this.#config = config;
    this.#definition = definition;
  }
  add(row: Readonly<Record<string, unknown>>): void {
    const { inputs, kinds, collect } = this.#definition;
    if (collect) throw refused(`${this.name} takes batches`, "give addBatch the tensors of a batch");
    const values = inputs.map((name, i) => {
      const singular = name.replace(/s$/, "");
      const value = Object.hasOwn(row, singular) ? row[singular] : row[name];
      checkValues(singular, [value], kinds[i]!);
      return value;
    });
    values.forEach((value, i) => {
      this.#lists[i]!.push(this.#kept(value));
    });
  }
  async addBatch(batch: Readonly<Record<string, unknown>>): Promise<void> {
    this.#push(await this.#read(batch));
  }
  compute(args: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
    const { inputs, kinds, options, collect, score } = this.#definition;
    const unknown = Object.keys(args).find((key) => !inputs.includes(key) && !options.includes(key));
    if (unknown !== undefined)
      throw refused(`${this.name} has no option ${unknown}`, options.length > 0 ? `its options are ${options.join(", ")}` : "it has none");
    const given = inputs.map((name, i) => {
      const list = args[name] ?? [];
      if (!Array.isArray(list) && !isTyped(list)) throw refused("compute takes lists of numbers", "give tensors to addBatch, and await it");
      if (collect && list.length > 0) throw refused(`${this.name} takes batches`, "give tensors to addBatch, and await it");
      const values = Array.from(list as ArrayLike<unknown>);
      checkValues(name, values, kinds[i]!);
      return values;
    });
    // Where no score can be made, what was collected is kept: the call can be made right.
    const [first, second] = inputs.map((_, i) => [...this.#lists[i]!, ...given[i]!.map((value) => this.#kept(value))]) as [unknown[], unknown[]];
    if (first.length !== second.length)
      throw refused(`${first.length} ${inputs[0]} and ${second.length} ${inputs[1]}`, "give one prediction for each reference");
    if (first.length === 0) throw refused("nothing to score", "add predictions first");
    const chosen = Object.fromEntries(Object.entries(args).filter(([key, value]) => options.includes(key) && value !== undefined));
    const result = score({ [inputs[0]]: first, [inputs[1]]: second, ...chosen } as never);
    this.#lists = [[], []];
    return result;
  }
  async #read(batch: Readonly<Record<string, unknown>>): Promise<readonly [readonly unknown[], readonly unknown[]]> {
    const { inputs, kinds, collect } = this.#definition;
    if (collect) return collect(batch as never);
    const [first, second] = await Promise.all(inputs.map((name, i) => listOf(name, batch[name], kinds[i]!)));
    if (first!.length !== second!.length)
      throw refused(`${first!.length} ${inputs[0]} and ${second!.length} ${inputs[1]}`, "give one prediction for each reference");
    if (first!.length === 0) throw refused("nothing to score", "add predictions first");
    return [first!, second!];
  }
  #push(lists: readonly [readonly unknown[], readonly unknown[]]): void {
    lists.forEach((list, i) => {
      for (const value of list) this.#lists[i]!.push(this.#kept(value));
    });
  }
  [inspect.custom](): string {
    return `Metric(${this.name}${this.#config === undefined ? "" : `, ${this.#config}`})`;
  }
  #kept(value: unknown): unknown {
    if (!this.#definition.single) return value;
    return typeof value === "number" ? Math.fround(value) : Array.from(value as readonly number[], Math.fround);
  }
}

/** The text of Python's KeyError. */
const glueTasks =
  'You should supply a configuration name selected in ["sst2", "mnli", "mnli_mismatched", "mnli_matched", "cola", "stsb", "mrpc", "qqp", "qnli", "rte", "wnli", "hans"]';

/**
 * A metric by its name in `evaluate`: "accuracy", "f1", or "glue" with the name of the task. In a job of several workers gather first, then every worker has the score of all:
 * `metric.addBatch(await accelerator.gatherForMetrics({ predictions, references }))`.
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
): `${P}/${C}` extends keyof KnownMetrics ? KnownMetric<`${P}/${C}`> : P extends keyof KnownMetrics ? KnownMetric<P> : Metric;
export function loadMetric<P extends string>(path: P): P extends keyof KnownMetrics ? KnownMetric<P> : Metric;
export function loadMetric(path: string, config?: string): unknown {
  if (config !== undefined && typeof config !== "string")
    throw new ArgumentError(`loadMetric: the second argument is ${inspect(config, { depth: 0 })}`, {
      code: "ERR_METRIC_INPUT",
      hint: "give the name of a configuration; several workers gather their predictions first: accelerator.gatherForMetrics",
    });
  // "default" and the tasks that a metric does not tell apart are the metric itself, as in Python; glue has no default.
  const names = config === undefined ? [path] : [`${path}/${config}`, ...(config === "default" ? [path] : [])];
  const name = names.find((key) => Object.hasOwn(definitions, key));
  if (name) return new CollectingMetric(path, config, definitions[name as keyof KnownMetrics]);
  if (path === "glue") throw new ArgumentError(glueTasks, { code: "ERR_METRIC_UNKNOWN" });
  const all = Object.keys(definitions).flatMap((key) => (key.includes("/") ? [] : [`"${key}"`]));
  const configs = Object.keys(definitions).flatMap((key) => (key.startsWith(`${path}/`) ? [`"${key.slice(path.length + 1)}"`] : []));
  throw new ArgumentError(`there is no metric ${config === undefined ? path : `${path}, ${config}`}`, {
    code: "ERR_METRIC_UNKNOWN",
    hint: Object.hasOwn(definitions, path)
      ? `${path} has ${configs.length > 0 ? `the configurations ${configs.join(", ")}` : "no configurations"}`
      : `metrics are ${all.join(", ")}; "glue" with the name of a task`,
  });
}
