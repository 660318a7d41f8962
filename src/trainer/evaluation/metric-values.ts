// What computeMetrics gave, as numbers by name.
import { inspect } from "node:util";
import { ArgumentError } from "../../errors.js";
import { sizeOf } from "../../graph/dtype.js";
import { Tensor } from "../../tensor/index.js";
import type { Metrics } from "../options.js";

/** Tensors of one number become that number; the rest stays. @throws ArgumentError for what has no names */
export async function metricValues(given: unknown): Promise<Metrics> {
  if (typeof given !== "object" || given === null || Array.isArray(given) || given instanceof Tensor)
    throw new ArgumentError(`computeMetrics gave ${inspect(given, { depth: 0 })}`, {
      code: "ERR_METRIC_VALUES",
      hint: "return numbers by name: { accuracy: 0.9 }",
    });
  const entries = Object.entries(given).map(async ([name, value]: [string, unknown]) => {
    if (value instanceof Tensor && sizeOf(value.shape) === 1) return [name, await value.item()] as const;
    return [name, typeof value === "bigint" ? Number(value) : (value as number)] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
}

/** Names that do not begin with the prefix get it; they come behind those that do, as in Python. */
export function prefixed(metrics: Metrics, prefix: string): Metrics {
  const start = `${prefix}_`;
  const entries = Object.entries(metrics);
  const [named, others] = [entries.filter(([name]) => name.startsWith(start)), entries.filter(([name]) => !name.startsWith(start))];
  return Object.fromEntries([...named, ...others.map(([name, value]) => [start + name, value] as const)]);
}
