// combine: several metrics of the same predictions at once.
import { refused } from "./inputs.js";
import type { KnownMetrics, MetricArgs } from "./known.js";
import { loadMetric, type Metric } from "./metric.js";

/** A metric of any inputs, options and scores. */
export interface AnyMetric {
  readonly name: string;
  add(row: never): void;
  addBatch(batch: never): Promise<void>;
  compute(args?: never): object;
}
type Metrics = readonly (string | AnyMetric)[] | Readonly<Record<string, string | AnyMetric>>;
type UnionToIntersection<U> = (U extends unknown ? (u: U) => void : never) extends (i: infer I) => void ? I : never;
type Result<M> = M extends readonly (infer N)[]
  ? [N] extends [keyof KnownMetrics]
    ? UnionToIntersection<KnownMetrics[N]> & Record<string, unknown>
    : Record<string, unknown>
  : Record<string, unknown>;

class Combined {
  readonly #metrics: readonly (readonly [name: string, metric: AnyMetric])[];
  readonly #prefix: boolean;

  constructor(metrics: Metrics, forcePrefix: boolean) {
    const entries = Array.isArray(metrics) ? metrics.map((metric) => [undefined, metric] as const) : Object.entries(metrics);
    this.#metrics = entries.map(([name, metric]) => {
      const loaded: AnyMetric = typeof metric === "string" ? loadMetric(metric) : metric;
      return [name ?? loaded.name, loaded] as const;
    });
    if (entries.length === 0) throw refused("combine: no metrics", 'name some: combine(["accuracy", "f1"])');
    this.#prefix = forcePrefix;
  }
  get name(): string {
    return this.#metrics.map(([name]) => name).join(", ");
  }
  add(row: object): void {
    for (const [, metric] of this.#metrics) metric.add(row as never);
  }
  async addBatch(batch: object): Promise<void> {
    for (const [, metric] of this.#metrics) await metric.addBatch(batch as never);
  }
  /** Options are for all. */
  compute(args?: object): Record<string, unknown> {
    const results = this.#metrics.map(([name, metric]) => [name, metric.compute(args as never)] as const);
    const keys = results.flatMap(([, result]) => Object.keys(result));
    const names = results.map(([name]) => name);
    const told = new Map<string, number>();
    const out: Record<string, unknown> = {};
    for (const [name, result] of results) {
      // Names that are there twice are numbered.
      const number = told.get(name) ?? 0;
      const prefix = names.indexOf(name) === names.lastIndexOf(name) ? name : `${name}_${number}`;
      told.set(name, number + 1);
      for (const [key, value] of Object.entries(result)) {
        const twice = keys.indexOf(key) !== keys.lastIndexOf(key);
        out[twice || this.#prefix ? `${prefix}_${key}` : key] = value;
      }
    }
    return out;
  }
}

/**
 * Several metrics that are fed together and give one object; keys that two of them give are told apart by the metric's name, as in Python's evaluate.
 *
 * @throws ArgumentError ERR_METRIC_UNKNOWN, ERR_METRIC_INPUT
 * @example
 * const metric = combine(["accuracy", "f1"]);
 * await metric.addBatch({ predictions: [0, 1], references: [1, 1] });
 * metric.compute(); // { accuracy: 0.5, f1: 0.6666666666666666 }
 */
export function combine<const M extends Metrics>(metrics: M, options: { readonly forcePrefix?: boolean } = {}): Metric<Result<M>, MetricArgs, object> {
  return new Combined(metrics, options.forcePrefix ?? false) as never;
}
